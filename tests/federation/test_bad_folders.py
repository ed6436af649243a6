"""Run folders that a run can't begin or go on in: one clear text and an exit status each."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import write_market
from tests.federation.conftest import Command


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
    (out / "summary.json").write_text("[]")  # edited by hand: what is finished is found in the other files
    assert fedreid_command("resume", out)[0] == 0
    assert json.loads((out / "summary.json").read_text())["status"] == "finished"


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


def test_two_runs_may_share_a_new_cache(run: Command, tmp_path: Path) -> None:
    write_market(tmp_path / "new", seed=1)
    assert run(f"data.sources.tiny.path={tmp_path / 'new'}", f"data.cache={tmp_path / 'cache'}")[0] == 0
    again = run(f"data.sources.tiny.path={tmp_path / 'new'}", f"data.cache={tmp_path / 'cache'}")
    assert again[0] == 2, "the same folder"
