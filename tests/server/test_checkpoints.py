"""The server after a round: whole or absent, the newest wins, and a damaged one is named."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import numpy as np
import pytest
from safetensors import SafetensorError

from fedreid.errors import RunError
from server import checkpoints
from server.checkpoints import Checkpoint, latest_checkpoint, save_checkpoint


def checkpoint(number: int) -> Checkpoint:
    return Checkpoint(
        round=number,
        arrays={"theta": np.full((2, 3), number / 3, np.float32)},
        strategy={"failures": [{"round": 1, "client": 2}]},
        totals={"images": 0.1 + 0.2},
    )


def test_before_the_first_round_there_is_none(tmp_path: Path) -> None:
    assert latest_checkpoint(tmp_path) is None


def test_everything_comes_back_bit_for_bit(tmp_path: Path) -> None:
    momentum = {"momentum": np.array([1 / 3, 1e-300])}
    saved = Checkpoint(
        round=3, arrays=checkpoint(3).arrays, strategy_arrays=momentum, strategy={"a": 1}, totals={"b": 2}
    )
    assert save_checkpoint(tmp_path, saved, keep=2) == tmp_path / "checkpoints" / "round-0003"
    found = latest_checkpoint(tmp_path)
    assert found is not None
    assert (found.round, found.strategy, found.totals) == (3, {"a": 1}, {"b": 2})
    np.testing.assert_array_equal(found.arrays["theta"], saved.arrays["theta"])
    assert found.arrays["theta"].dtype == np.float32
    np.testing.assert_array_equal(found.strategy_arrays["momentum"], momentum["momentum"])


def test_sums_come_back_bit_for_bit(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, checkpoint(1), keep=1)
    found = latest_checkpoint(tmp_path)
    assert found is not None
    assert found.totals["images"] == 0.1 + 0.2 != 0.3


def test_the_newest_wins_also_past_round_9_and_9999(tmp_path: Path) -> None:
    for number in (2, 10, 9, 12345):
        save_checkpoint(tmp_path, checkpoint(number), keep=10)
        found = latest_checkpoint(tmp_path)
        assert found is not None
        assert found.round == max(number, 10 if number == 9 else 0)


@pytest.mark.parametrize(("keep", "left"), [(1, ["round-0004"]), (3, ["round-0002", "round-0003", "round-0004"])])
def test_only_the_newest_stay(tmp_path: Path, keep: int, left: list[str]) -> None:
    for number in range(5):
        save_checkpoint(tmp_path, checkpoint(number), keep=keep)
    assert sorted(path.name for path in (tmp_path / "checkpoints").iterdir()) == left


def test_a_folder_that_a_kill_left_half_written_is_ignored_and_removed(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, checkpoint(1), keep=2)
    half = tmp_path / "checkpoints" / ".round-0002.4711.tmp"
    half.mkdir()
    (half / "global.safetensors").write_bytes(b"half")
    found = latest_checkpoint(tmp_path)
    assert found is not None
    assert found.round == 1
    assert not half.exists()


def test_a_kill_before_the_rename_leaves_the_round_before(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, checkpoint(1), keep=2)
    child = os.fork()
    if child == 0:
        Path.rename = lambda *_: os._exit(0)  # type: ignore[assignment,method-assign]
        save_checkpoint(tmp_path, checkpoint(2), keep=2)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert (found := latest_checkpoint(tmp_path)) is not None
    assert found.round == 1


def test_a_round_that_is_done_again_replaces_its_checkpoint(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, checkpoint(1), keep=2)
    save_checkpoint(tmp_path, Checkpoint(round=1, arrays={"theta": np.zeros(1)}), keep=2)
    assert (found := latest_checkpoint(tmp_path)) is not None
    assert found.arrays["theta"].tolist() == [0]


def test_another_format_is_refused(tmp_path: Path) -> None:
    path = save_checkpoint(tmp_path, checkpoint(1), keep=2) / "state.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format": 99}))
    with pytest.raises(RunError, match=r"round-0001 has checkpoint format 99, this version reads 1"):
        latest_checkpoint(tmp_path)


@pytest.mark.parametrize("file", ["global.safetensors", "state.json"])
@pytest.mark.parametrize("content", [None, b"", b"[1, 2]", b'{"format": 1}'])
def test_a_damaged_checkpoint_is_named_with_what_to_do(tmp_path: Path, file: str, content: bytes | None) -> None:
    folder = save_checkpoint(tmp_path, checkpoint(4), keep=2)
    if content is None:
        (folder / file).unlink()
    else:
        (folder / file).write_bytes(content)
    with pytest.raises(RunError, match=f"the checkpoint {folder} can't be read") as caught:
        latest_checkpoint(tmp_path)
    assert "Remove that folder to resume from the round before it" in str(caught.value)


def test_a_full_disk_is_an_os_error_and_the_round_before_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_checkpoint(tmp_path, checkpoint(1), keep=1)

    def full(*_: object) -> None:
        raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    monkeypatch.setattr(checkpoints, "save_file", full)
    with pytest.raises(OSError, match="No space left") as caught:
        save_checkpoint(tmp_path, checkpoint(2), keep=1)
    assert caught.value.errno == errno.ENOSPC
    assert (found := latest_checkpoint(tmp_path)) is not None
    assert found.round == 1


def test_arrays_that_lie_in_another_order_in_memory_come_back_as_they_are(tmp_path: Path) -> None:
    transposed = np.arange(6, dtype=np.float32).reshape(2, 3).T
    save_checkpoint(tmp_path, Checkpoint(round=1, arrays={"w": transposed}, strategy_arrays={"m": transposed}), keep=1)
    found = latest_checkpoint(tmp_path)
    assert found is not None
    assert found.arrays["w"].tolist() == found.strategy_arrays["m"].tolist() == transposed.tolist()
