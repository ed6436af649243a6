"""Offline runs of Weights & Biases, read back with the library's own records."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from wandb.proto.wandb_internal_pb2 import Record  # type: ignore[attr-defined]

from fedreid.trackers import TrackedRun
from fedreid.trackers.tracking import Tracking
from fedreid.trackers.wandb_file import records, written
from fedreid.trackers.wandb_offline import WandbOffline
from tests.trackers import wandb_files
from tests.trackers.conftest import SERIES, TOTALS, write_rounds


def folder_of(run: TrackedRun) -> Path:
    (folder,) = (run.path / "wandb").glob("offline-run-*")
    return folder


def series(run: TrackedRun) -> dict[str, list[tuple[int, float | None]]]:
    found: dict[str, list[tuple[int, float | None]]] = {}
    for step in wandb_files.history(folder_of(run)):
        for name, value in step.items():
            if not name.startswith("_"):
                found.setdefault(name, []).append((step["_step"], None if math.isnan(value) else value))
    return found


def test_an_offline_run_has_figures_settings_and_report(finished: TrackedRun, nothing_fails) -> None:  # type: ignore[no-untyped-def]
    (tracker,) = Tracking(finished, [WandbOffline()], nothing_fails).finish()
    folder = folder_of(finished)
    assert series(finished) == SERIES
    summary = wandb_files.summary(folder)
    assert summary["generic/shop/mAP"] == 25.0
    assert {name: summary[name] for name in TOTALS} == TOTALS
    config = wandb_files.config(folder)
    assert {name: config[name] for name in finished.parameters} == finished.parameters
    assert wandb_files.identity(folder)[1:] == ("shop", "monday")
    assert wandb_files.files(folder) == {"report.html"}
    assert (folder / "files" / "report.html").read_text() == "<p>report</p>"
    assert not (folder / "files" / "report.html").is_symlink()
    assert wandb_files.exit_code(folder) == 0
    assert tracker.command == f"wandb sync {folder}"


def test_a_resumed_run_is_one_offline_run_with_the_same_id(run: TrackedRun, nothing_fails) -> None:  # type: ignore[no-untyped-def]
    write_rounds(run.path, 1, "interrupted")
    Tracking(run, [WandbOffline()], nothing_fails).finish()
    first = wandb_files.identity(folder_of(run))
    assert wandb_files.exit_code(folder_of(run)) == 1
    write_rounds(run.path, 2, "finished")
    resumed = Tracking(run, [WandbOffline()], nothing_fails)
    resumed.follow(2)
    resumed.finish()
    assert wandb_files.identity(folder_of(run)) == first
    assert series(run) == SERIES


def test_it_is_offline_whatever_the_environment_says(
    finished: TrackedRun, nothing_fails, monkeypatch: pytest.MonkeyPatch
) -> None:  # type: ignore[no-untyped-def]
    for name, value in {"WANDB_MODE": "online", "WANDB_API_KEY": "x" * 40, "WANDB_PROJECT": "other"}.items():
        monkeypatch.setenv(name, value)
    Tracking(finished, [WandbOffline()], nothing_fails).finish()
    assert wandb_files.identity(folder_of(finished))[1] == "shop"
    assert series(finished) == SERIES


def test_nothing_of_the_machine_is_recorded(finished: TrackedRun, nothing_fails) -> None:  # type: ignore[no-untyped-def]
    Tracking(finished, [WandbOffline()], nothing_fails).finish()
    files = [path.name for path in (folder_of(finished) / "files").rglob("*") if path.is_file()]
    assert files == ["report.html"]  # no list of packages, no metadata of the machine, no output of the terminal
    kinds = {record.WhichOneof("record_type") for record in wandb_files.records(folder_of(finished))}
    assert not kinds & {"output", "output_raw", "stats", "environment"}


def test_a_file_that_lacks_rounds_is_noticed(finished: TrackedRun, monkeypatch: pytest.MonkeyPatch) -> None:
    failures: list[str] = []
    tracking = Tracking(finished, [WandbOffline()], lambda tracker, error: failures.append(str(error)))
    tracking.follow(2)
    monkeypatch.setattr("fedreid.trackers.wandb_offline.written", lambda _: (0, True))  # as on a full disk
    assert tracking.finish() == []
    assert failures == [f"{folder_of(finished)} ends with round 0 of 2: was the disk full?"]


def test_a_file_that_was_cut_is_read_as_far_as_it_goes(finished: TrackedRun, nothing_fails) -> None:  # type: ignore[no-untyped-def]
    Tracking(finished, [WandbOffline()], nothing_fails).finish()
    (file,) = folder_of(finished).glob("run-*.wandb")
    content = file.read_bytes()
    found = []
    for size in range(len(content), 7, -61):
        file.write_bytes(content[:size])
        found.append(written(file.parent))
    assert found[0] == (2, True)
    assert found == sorted(found, reverse=True)
    assert {*found[1:]} >= {(2, False), (1, False), (0, False), (-1, False)}


def test_records_that_span_blocks_are_put_together(tmp_path: Path) -> None:
    record = Record()
    record.history.step.num = 7
    record.history.item.add(key="long", value_json="1" * 100_000)
    message = record.SerializeToString()
    parts, content = [], b":W&B" + bytes(3)
    while message:
        room = 32768 - len(content) % 32768
        if room < 7:
            content += bytes(room)
            continue
        part, message = message[: room - 7], message[room - 7 :]
        kind = (1 if not message else 2) if not parts else (3 if message else 4)
        content += len(part).to_bytes(6, "little")[:2].rjust(6, bytes(1)) + bytes([kind]) + part
        parts.append(part)
    (tmp_path / "run-x.wandb").write_bytes(content)
    assert len(parts) == 4
    assert list(records(tmp_path)) == [record]
