"""What a user can get wrong, and what can go wrong under way: one clear text and an exit status each."""

from __future__ import annotations

import errno
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from fedreid.scenario import load_scenario
from fedreid.simulation import launch
from server import rounds
from server.checkpoints import Checkpoint
from tests.conftest import write_market
from tests.federation.conftest import Finished
from tests.federation.runs import QUICK, same

Command = Callable[..., tuple[int, str, str]]
Files = Callable[[Path], dict[str, bytes]]


@pytest.fixture
def own_data(data: Path, tmp_path: Path) -> Path:
    """A copy of the tiny dataset that a test may damage."""
    return Path(shutil.copytree(data / "tiny", tmp_path / "mine"))


# Scenario and arguments


@pytest.mark.parametrize(
    ("override", "text"),
    [
        ("federation.round=3", "[federation] round is not a setting. Did you mean federation.rounds?"),
        ("federation.rounds=0", "--set: federation.rounds = 0 is not allowed: expected"),
        ('method.epochs="two"', 'method.epochs = "two" is not allowed'),
        ("federation.rounds", "--set federation.rounds: expected key.path=value"),
        ("=3", "--set =3: '' is not the dotted name of a setting"),
        ("partition.identities_per_client=1", "leaves a client nothing to tell apart"),
    ],
)
def test_a_setting_that_is_not_allowed(override: str, text: str, run: Command, tmp_path: Path) -> None:
    status, _, errors = run(override)
    assert status == 2
    assert text in errors
    assert not (tmp_path / "run").exists()


def test_a_key_in_a_file_that_is_not_a_setting(fedreid_command: Command, scenario: Path, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(f'extends = "{scenario}"\n[method]\nlearning_rat = 0.1\n')
    status, _, errors = fedreid_command("run", path)
    assert status == 2
    assert f"{path}: [method] learning_rat is not a setting. Did you mean method.learning_rate?" in errors


def test_an_engine_that_does_not_exist(fedreid_command: Command, scenario: Path) -> None:
    status, _, errors = fedreid_command("run", scenario, "--engine", "foo")
    assert (status, errors) == (2, "--engine foo: expected serial or ray.\n")


def test_a_ray_cluster_that_is_not_there(run: Command, tmp_path: Path) -> None:
    status, _, errors = run('runtime.engine="ray"', "runtime.ray_address=127.0.0.1:1")
    assert status == 2
    assert "runtime.ray_address = 127.0.0.1:1: no Ray cluster answers there (" in errors
    assert "Start one with: ray start --head" in errors
    assert run()[0] == 0, "the same command with the serial engine works"


# Data


def test_a_dataset_that_is_not_there(run: Command, tmp_path: Path) -> None:
    status, _, errors = run("data.sources.tiny.path=nowhere")
    assert status == 2
    assert re.search(r"tiny: there is no folder \S+/nowhere\.\n", errors)
    assert "Set data.sources.tiny.path, or FEDREID_DATA, to where they are." in errors
    assert run()[0] == 0, "with the mistake mended, the same command with the same --out works"


def test_counts_that_are_not_the_published_ones(run: Command, data: Path) -> None:
    status, _, errors = run("data.sources.tiny.verify_counts=true")
    assert status == 2
    folder = data / "tiny" / "bounding_box_train"
    assert f"expected 12,936 training images of 751 identities, found 78 of 13 in {folder}." in errors
    assert "For a subset, set data.sources.tiny.verify_counts = false." in errors


def test_an_identity_without_images(fedreid_command: Command, tmp_path: Path) -> None:
    for person in ("anna", "ben"):
        (tmp_path / "photos" / person).mkdir(parents=True)
    path = tmp_path / "own.toml"
    source = 'format = "folder"\npath = "photos"'
    path.write_text(f'[data]\nroot = "{tmp_path}"\ncache = "{tmp_path}/cache"\n[data.sources.own]\n{source}\n')
    status, _, errors = fedreid_command("run", path, "--out", tmp_path / "run")
    assert status == 2
    assert f"own: identity 'anna' has no images (.jpg or .png) in {tmp_path}/photos/anna." in errors


def test_a_client_left_without_images(run: Command) -> None:
    status, _, errors = run("partition.clients=5")
    assert status == 2
    needed = "5 clients with 3 identities each need 15 training identities that are not public, found 13"
    assert needed in errors


def test_a_test_without_any_match_is_told_at_the_start_and_has_no_figures(run: Command, own_data: Path) -> None:
    """Every query, and everybody in the gallery, on camera 1."""
    for part in ("query", "bounding_box_test"):
        for image in (own_data / part).glob("*_c2*"):
            image.unlink()
    status, out, _ = run(f"data.sources.tiny.path={own_data}")
    assert status == 0
    lines = out.splitlines()
    (warning,) = [place for place, line in enumerate(lines) if line.startswith("tiny: no query has a match on another")]
    assert warning < next(place for place, line in enumerate(lines) if line.startswith("round 1/1"))
    assert "mAP tiny no match" in out
    assert re.search(r"generic/tiny/mAP +no query has a match$", out, re.MULTILINE)
    assert "nan" not in out


def test_a_camera_left_without_images(run: Command, own_data: Path) -> None:
    """Camera 3 is seen by one identity only, which is public or too few to learn from."""
    image = next((own_data / "bounding_box_train").glob("0001_c1*"))
    shutil.copy(image, image.with_name("0001_c3s1_000000_01.jpg"))
    status, _, errors = run(
        f"data.sources.tiny.path={own_data}", "partition.by=camera", "partition.identities_per_client=0"
    )
    assert status == 2
    assert "the client of camera 3 of tiny is left with 1 private identities and needs at least 2" in errors


def test_a_truncated_image_stops_the_run_or_is_listed_in_the_report(
    run: Command, own_data: Path, tmp_path: Path
) -> None:
    image = own_data / "bounding_box_train" / "0002_c1s1_000001_01.jpg"
    image.write_bytes(image.read_bytes()[:200])
    status, _, errors = run(f"data.sources.tiny.path={own_data}")
    assert status == 2
    assert f"{image}: can't be decoded: " in errors
    assert "set data.skip_bad_images = true" in errors
    status, _, errors = run(f"data.sources.tiny.path={own_data}", "data.skip_bad_images=true")
    assert (status, errors) == (0, "")
    assert f"bounding_box_train/{image.name}" in (tmp_path / "run" / "report.html").read_text()


def test_weights_of_another_shape(run: Command, tmp_path: Path) -> None:
    weights = tmp_path / "resnet.safetensors"
    save_file({"conv1.weight": np.zeros((64, 3, 7, 7), np.float32)}, weights)
    status, _, errors = run(f"model.weights={weights}")
    assert status == 2
    assert f"model.weights: {weights}: conv1.weight has shape (64, 3, 7, 7), expected (8, 3, 3, 3)." in errors


# The run folder


def test_a_run_folder_that_exists(run: Command, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "thesis.tex").write_text("years of work")
    status, _, errors = run()
    assert status == 2
    assert f"{tmp_path / 'run'} exists and is not empty.\n  Give another --out." in errors
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["thesis.tex"]


def test_a_finished_run_is_neither_run_again_nor_resumed(
    run: Command, fedreid_command: Command, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    assert run()[0] == 0
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    status, _, errors = run()
    assert status == 2
    assert f"{out} exists and is not empty.\n  Go on with it: fedreid resume {out}" in errors
    status, _, errors = fedreid_command("resume", out)
    assert status == 2
    assert f"{out} is finished. See its report: {out / 'report.html'}" in errors
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*")} == before
    (out / "report.html").unlink()  # as if it had been killed while it wrote the report
    assert fedreid_command("resume", out)[0] == 0
    assert (out / "report.html").exists()


def test_an_empty_run_folder_is_fine_and_a_file_is_not(run: Command, tmp_path: Path) -> None:
    (tmp_path / "run").write_text("")
    status, _, errors = run()
    assert status == 2
    assert f"{tmp_path / 'run'} exists" in errors
    (tmp_path / "run").unlink()
    (tmp_path / "run").mkdir()
    assert run()[0] == 0


@pytest.mark.parametrize("name", ["", "nowhere"])
def test_a_folder_that_is_no_run_cannot_be_resumed(name: str, fedreid_command: Command, tmp_path: Path) -> None:
    status, _, errors = fedreid_command("resume", tmp_path / name)
    assert (status, errors) == (2, f"{tmp_path / name} is not a run folder: it has no scenario.toml.\n")


def test_an_output_folder_that_cannot_be_made(fedreid_command: Command, scenario: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    status, _, errors = fedreid_command("run", scenario, "--out", tmp_path / "file" / "run")
    assert status == 2
    assert errors == f"can't write the run folder {tmp_path / 'file' / 'run'}: Not a directory. Give another --out.\n"


LOCK = """
import sys
from pathlib import Path
from fedreid.run_folder import locked
with locked(Path(sys.argv[1])):
    print("locked", flush=True)
    sys.stdin.readline()
"""


def test_a_run_folder_that_another_process_works_in(new_run: Callable[..., Path], fedreid_command: Command) -> None:
    run_dir = new_run("federation.rounds=1")
    with subprocess.Popen(
        [sys.executable, "-c", LOCK, run_dir], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "locked\n"
        status, _, errors = fedreid_command("resume", run_dir)
        other.communicate("\n")
    assert status == 2
    assert errors == f"{run_dir} is in use by another process: wait for it, or stop it first.\n"
    assert fedreid_command("resume", run_dir)[0] == 0


# Under way


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


def test_two_runs_may_share_a_new_cache(run: Command, tmp_path: Path) -> None:
    write_market(tmp_path / "new", seed=1)
    assert run(f"data.sources.tiny.path={tmp_path / 'new'}", f"data.cache={tmp_path / 'cache'}")[0] == 0
    again = run(f"data.sources.tiny.path={tmp_path / 'new'}", f"data.cache={tmp_path / 'cache'}")
    assert again[0] == 2, "the same folder"
