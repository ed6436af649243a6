"""How many runs a machine has room for: cores, and the memory that the system and a container leave."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fedreid.simulation import many_runs, room
from tests.simulation.conftest import MakeSteps
from tests.simulation.crews import crew_of


def test_as_many_runs_as_there_are_cores_and_memory(
    steps: MakeSteps, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "usable_cores", lambda: 8)
    found = steps("A", "B", "C")
    scenario = found[0].scenario

    def with_runtime(**changes: object) -> int:
        return room.at_once(scenario.model_copy(update={"runtime": scenario.runtime.model_copy(update=changes)}))

    assert with_runtime() == 8
    assert with_runtime(threads_per_client=3) == 2
    assert with_runtime(server_threads=16) == 1
    assert with_runtime(engine="ray", workers=2, threads_per_client=2) == 2
    assert with_runtime(engine="ray") == 1, "all cores"
    assert with_runtime(engine="ray", workers=1, ray_address="head:6379") == 1
    assert room.at_once(scenario, has_gpu=True) == 1
    monkeypatch.setattr(room, "available_memory", lambda: room.FIRST_GUESS - 1)
    crew = crew_of(found, tmp_path, at_once=0)
    assert crew.most_at_once == 8
    assert crew._has_memory(found[0]), "the first is always tried"
    crew._start(found[0])
    assert not crew._has_memory(found[1])
    crew.asked = 2
    assert crew._has_memory(found[1]), "the user knows better"
    crew.asked = 0
    monkeypatch.setattr(room, "available_memory", lambda: None)
    assert crew._has_memory(found[1])
    monkeypatch.setattr(room, "peak_memory", lambda pid: 600)
    crew._largest = 1000  # the one that is going has 400 to take yet
    for free, fits in ((1401, True), (1400, False)):
        monkeypatch.setattr(room, "available_memory", lambda free=free: free)
        assert crew._has_memory(found[1]) is fits
    crew.waiting.clear()
    crew.work()


def test_memory_is_what_the_system_and_the_container_leave(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr(room, "GROUP", tmp_path)
    assert room.available_memory() is None
    (tmp_path / "meminfo").write_text("MemTotal:  900 kB\nMemAvailable:   500 kB\n")
    assert room.available_memory() == 512_000
    (tmp_path / "memory.max").write_text("max\n")
    assert room.available_memory() == 512_000
    (tmp_path / "memory.max").write_text("400000\n")
    (tmp_path / "memory.current").write_text("300000\n")
    (tmp_path / "memory.stat").write_text("anon 1\ninactive_file 50000\n")
    assert room.available_memory() == 150_000
    assert room.peak_memory(os.getpid()) > 10_000_000


def test_one_run_needs_no_look_at_the_machine(steps: MakeSteps) -> None:
    assert many_runs.room_for(steps("A")) == 1
