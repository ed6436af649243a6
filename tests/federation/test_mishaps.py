"""What can go wrong under way: full disks, losses that are no number, damaged files; one clear text each."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from fedreid.scenario import load_scenario
from fedreid.simulation import launch
from server import rounds
from server.checkpoints import Checkpoint
from tests.federation.conftest import Command, Finished
from tests.federation.runs import QUICK, same

Files = Callable[[Path], dict[str, bytes]]


@pytest.fixture
def full_in_round_2(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The disk fills up while the checkpoint of round 2 is written."""
    save = rounds.save_checkpoint

    def full(run_dir: Path, checkpoint: Checkpoint, *, keep: int) -> Path:
        if checkpoint.round == 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(run_dir / "checkpoints"))
        return save(run_dir, checkpoint, keep=keep)

    monkeypatch.setattr(rounds, "save_checkpoint", full)
    return monkeypatch


def test_a_disk_that_fills_up_in_round_2(
    finished: Finished, run: Command, full_in_round_2: pytest.MonkeyPatch, fedreid_command: Command, tmp_path: Path,
    final_files: Files,
) -> None:  # fmt: skip
    out = tmp_path / "run"
    status, _, errors = run("federation.rounds=2")
    assert status == 1
    assert errors == (f"the disk is full ({out / 'checkpoints'}). Free some space, then: fedreid resume {out}\n")
    full_in_round_2.undo()
    assert fedreid_command("resume", out)[0] == 0
    same(final_files(out), final_files(finished(*QUICK).run_dir))


def test_a_disk_that_is_full_for_a_client(run: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from clients.state import PrivateState

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "round-0001.safetensors")

    monkeypatch.setattr(PrivateState, "save", full)
    status, _, errors = run()
    assert status == 1
    assert "client 0 failed in round 1 while training: OSError: [Errno 28] No space left on device" in errors
    assert f"fedreid resume {tmp_path / 'run'}" in errors
    assert "learning rate" not in errors, "which has nothing to do with it"


@pytest.mark.parametrize("code", [errno.EROFS, errno.EACCES])
@pytest.mark.parametrize("place", ["run_folder.locked", "_log_to", "set_up", "write_summary"])
def test_a_run_folder_that_has_become_read_only(
    code: int, place: str, new_run: Callable[..., Path], fedreid_command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_dir = new_run()

    def refuse(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code), str(run_dir / "file"))

    monkeypatch.setattr(f"fedreid.simulation.launch.{place}", refuse)
    status, _, errors = fedreid_command("resume", run_dir)
    assert status == 2
    assert f"can't write {run_dir / 'file'}: {os.strerror(code)}." in errors


def test_a_loss_that_becomes_nan(run: Command, fedreid_command: Command, tmp_path: Path) -> None:
    """12 images in batches of 8: the second step meets the weights that the first one threw away."""
    status, _, errors = run("method.learning_rate=1e30")
    assert status == 1
    expected = r"client 0 failed in round 1 while training: TrainingDiverged: loss is (nan|inf) \(step 2\)\n"
    assert re.match(expected, errors)
    assert f"Its learning rate is 1e+30; the log is in {tmp_path / 'run' / 'log.txt'}." in errors
    assert f"Resume with: fedreid resume {tmp_path / 'run'}" in errors
    assert "loss is" in (tmp_path / "run" / "log.txt").read_text()
    summary = launch.json.loads((tmp_path / "run" / "summary.json").read_text())
    assert summary["status"] == "failed"
    assert "TrainingDiverged" in summary["error"]
    assert load_scenario(tmp_path / "run" / "scenario.toml").scenario.method.learning_rate == 1e30
    assert fedreid_command("resume", tmp_path / "run")[0] == 1


def test_weights_that_become_nan_in_a_rounds_only_step(run: Command) -> None:
    """No second step in which the loss would show it: what a client sends must be finite all the same."""
    status, _, errors = run("method.learning_rate=1e38", "method.batch_size=16")
    assert status == 1
    assert "client 0 failed in round 1 while training: FloatingPointError: conv1.weight is not finite (step 1" in errors


def test_a_damaged_private_state_is_named(new_run: Callable[..., Path], fedreid_command: Command) -> None:
    run_dir = new_run("federation.rounds=1")
    state = run_dir / "checkpoints" / "clients" / "0001" / "round-0000.safetensors"
    state.parent.mkdir(parents=True)
    state.write_bytes(b"damaged")
    status, _, errors = fedreid_command("resume", run_dir)
    assert status == 1
    assert f"the private state {state} is damaged" in errors
