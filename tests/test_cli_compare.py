"""`fedreid compare` from the command line and from Python: plans, mistakes, failures, whole comparisons."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

import fedreid
from fedreid import cli_compare
from fedreid.comparison.run_plan import status_of
from fedreid.errors import RunError, UserError
from fedreid.simulation import child_run
from fedreid.simulation.many_runs import Crew

Command = Callable[..., tuple[int, str, str]]

EXPERIMENT = """
name = "tiny"
base = "{scenario}"
seeds = [0]
at_once = 2
centralised = false

[set]
"federation.rounds" = 1
"pretrain.epochs" = 0

[[variants]]
name = "FedAvg"

[[variants]]
name = "FedProx"
set = {{"method.name" = "fedprox"}}
"""
LOST = """
[[variants]]
name = "Lost <b>"
set = {"federation.participants" = [99]}
"""


@pytest.fixture
def experiment(scenario: Path, tmp_path: Path) -> Path:
    path = tmp_path / "e.toml"
    path.write_text(EXPERIMENT.format(scenario=scenario))
    return path


def test_a_comparison_from_its_start(
    experiment: Path, fedreid_command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two variants in processes of their own and one that fails; then again without that one: nothing is repeated."""
    experiment.write_text(experiment.read_text() + LOST)
    out = tmp_path / "out"
    status, text, errors = fedreid_command("compare", experiment, "--out", out)
    assert (status, errors) == (1, "")
    assert "federation.participants names client 99, and this federation has 0 to 2." in text
    assert "Can't tell FedProx from FedAvg on people nobody trained on" in text
    rows = [line.split() for line in text.splitlines() if line.startswith(("FedAvg ", "FedProx ", "Local only "))]
    assert [row[0] for row in rows] == ["FedAvg", "FedProx", "Local"] * 2, "of the test set, and of the clients' people"
    (failure,) = json.loads((out / "failures.json").read_text())
    assert (failure["variant"], failure["seed"], failure["exit_status"]) == ("Lost <b>", 0, 2)
    assert "names client 99" in failure["reason"]
    assert (out / failure["log"]).exists()

    table = pd.read_csv(out / "comparison.csv")
    folders = {path.name.split("-")[0]: path for path in (out / "runs").iterdir() if any(path.iterdir())}
    assert set(folders) == {"FedAvg", "FedProx"}
    finals = {name: json.loads((path / "summary.json").read_text())["final"] for name, path in folders.items()}
    generic = table[(table["scope"] == "generic") & (table["metric"] == "mAP")].set_index("variant")
    for name, final in finals.items():
        assert generic.loc[name, "mean"] == pytest.approx(final["generic/tiny/mAP"])
    references = pd.read_csv(folders["FedAvg"] / "references.csv")
    alone = references[(references["reference"] == "local_only") & (references["scope"] == "generic")]
    assert generic.loc["Local only", "mean"] == pytest.approx(alone.loc[alone["metric"] == "mAP", "value"].mean())
    alone_too = pd.read_csv(folders["FedProx"] / "references.csv")["reference"]
    assert "local_only" not in set(alone_too), "one run brings it"

    monkeypatch.setattr(child_run, "MODULE", "nothing.is.run.again")
    mended = experiment.read_text().replace(LOST, "").replace('name = "FedProx"', 'name = "Near"')
    experiment.write_text(mended)
    status, text, errors = fedreid_command("compare", experiment, "--out", out)
    assert (status, errors) == (0, "")
    assert "starts in" not in text
    assert not (out / "failures.json").exists()
    assert set(pd.read_csv(out / "comparison.csv")["variant"]) == {"FedAvg", "Near", "Local only"}
    result = fedreid.compare(out)  # the folder is a comparison by itself
    assert [variant.name for variant in result.variants] == ["FedAvg", "Near", "Local only"]
    assert (result.out, result.reference, result.failures) == (out, "FedAvg", ())
    assert list(result.runs["state"]) == ["finished"] * 2
    assert len(result.table) == len(result.contrasts)
    assert result.sentences()

    again = tmp_path / "again"
    runs = fedreid.compare([folders["FedProx"], folders["FedAvg"]], out=again, reference="FedAvg")
    assert [variant.name for variant in runs.variants] == ["FedProx", "FedAvg", "Local only"]
    merged = runs.table.merge(table, on=["variant", "scope", "dataset", "metric"])
    assert len(merged) == len(table)
    assert (merged["mean_x"] == merged["mean_y"]).all()
    status, text, errors = fedreid_command("compare", folders["FedAvg"], "--out", again / "x", "--reference", "FedOvg")
    assert status == 2
    assert "reference = 'FedOvg' is not one of the variants" in errors


def test_a_plan_tells_what_would_be_run_and_writes_nothing(
    experiment: Path, fedreid_command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    experiment.write_text(experiment.read_text().replace("centralised = false", "centralised = true"))
    status, text, errors = fedreid_command(
        "compare", experiment, "--dry-run", "--seeds", "3-4", "--set", "method.epochs=9"
    )
    assert (status, errors) == (0, "")
    rows = [line.split() for line in text.splitlines()]
    assert rows[0] == ["variant", "seed", "state", "key", "folder"]
    assert [row[:3] for row in rows[1:7]] == [
        ["FedAvg", "3", "missing"], ["FedAvg", "4", "missing"], ["FedProx", "3", "missing"],
        ["FedProx", "4", "missing"], ["Centralised", "3", "missing"], ["Centralised", "4", "missing"],
    ]  # fmt: skip
    assert rows[1][4] == f"FedAvg-3-{rows[1][3]}"
    assert "FedAvg (reference): as the base" in text
    assert 'FedProx: method.name="fedprox"' in text
    assert "Local only: clients of FedAvg, each trained alone" in text
    assert text.endswith(f"6 runs in {Path('results/tiny')}: 6 missing; 2 at once.\n")
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["nowhere.toml"], "nowhere.toml: no such experiment file"),
        (["nowhere"], "nowhere: no such run folder"),
        (["n" * 300], "can't be read: File name too long"),
        (["{e}", "--out", "n" * 300], "nnn: File name too long: give another --out"),
        (["{e}", "{e}"], "give one experiment file alone, or folders of finished runs"),
        (["{e}", "--seeds", "1,x"], "--seeds 1,x: expected whole numbers from 0 to 4294967295, as in 0,1,2 or 0-4"),
        (["{e}", "--seeds", "4-2"], "--seeds 4-2: expected whole numbers"),
        (["{e}", "--seeds", "1,0-2"], "--seeds 1,0-2: lists a seed twice"),
        (["{e}", "--set", "method.nmae=x"], "[method] nmae is not a setting. Did you mean method.name?"),
        (["{e}", "--set", "seed=1"], "--set seed is decided by seeds = [...] in the experiment file"),
        (["{e}", "--reference", "FedAgv"], 'reference = "FedAgv" is not one of the variants. Did you mean FedAvg?'),
        (["{e}", "--out", "{e}"], "is a file, and a folder is expected"),
        (["{e}", "--at-once", "-1"], "is not in the range x>=0"),
        (["{dir}", "--dry-run"], "--dry-run is for experiment files"),
        (["{dir}", "--set", "method.epochs=1"], "--set, --seeds and --at-once are for experiment files"),
        ([], "Missing argument"),
    ],
)
def test_a_mistake_is_one_clear_text(
    arguments: list[str],
    text: str,
    experiment: Path,
    fedreid_command: Command,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    given = [argument.format(e=experiment, dir=tmp_path) for argument in arguments]
    status, out, errors = fedreid_command("compare", *given)
    assert (status, out) == (2, "")
    assert text in errors
    assert not (tmp_path / "results").exists()


def test_a_folder_that_can_not_be_written_is_told_before_anything_runs(
    experiment: Path, fedreid_command: Command, tmp_path: Path
) -> None:
    """As somebody else's folder is; whoever runs tests as root may write everywhere, so not by its permissions."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / ".lock").symlink_to(tmp_path / "nowhere" / "lock")
    status, _, errors = fedreid_command("compare", experiment, "--out", tmp_path / "out")
    assert (status, errors) == (
        2, f"can't write {tmp_path / 'out'}: No such file or directory. Give another --out.\n"
    )  # fmt: skip


def test_a_comparison_in_use_is_left_to_its_owner(experiment: Path, fedreid_command: Command, tmp_path: Path) -> None:
    from fedreid.run_folder import locked

    (tmp_path / "out").mkdir()
    with locked(tmp_path / "out"):
        status, _, errors = fedreid_command("compare", experiment, "--out", tmp_path / "out")
    assert status == 2
    assert "is in use by another process" in errors


def test_ctrl_c_says_how_to_go_on(
    experiment: Path, fedreid_command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(crew: Crew) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Crew, "work", interrupt)
    out = tmp_path / "my out"
    status, _, errors = fedreid_command(
        "compare", experiment, "--out", out, "--set", "method.epochs=2", "--seeds", "0-1", "--at-once", "3"
    )
    assert status == 130
    assert errors == (
        "stopped; what is finished is saved. Go on with: "
        f"fedreid compare {experiment} --set method.epochs=2 --seeds 0,1 --at-once 3 --out '{out}'\n"
    )
    with pytest.raises(fedreid.ComparisonInterrupted, match="Go on with: fedreid compare"):
        fedreid.compare(experiment, out=out)


def test_where_every_run_fails_the_reasons_are_told_once(
    experiment: Path, fedreid_command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child_run, "MODULE", "tests.simulation.no_such_module")
    monkeypatch.setattr(child_run, "reason_in", lambda errors: "no such dataset")
    out = tmp_path / "out"
    status, _, errors = fedreid_command("compare", experiment, "--out", out, "--seeds", "0,1")
    assert status == 1
    assert errors == f"every run failed:\n  no such dataset\n  The logs are in {out / 'logs'}\n"
    assert len(json.loads((out / "failures.json").read_text())) == 4
    assert status_of(out / "runs") == ""
    with pytest.raises(RunError, match="every run failed"):
        fedreid.compare(experiment, out=out)


def test_nothing_to_compare(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is nothing to compare"):
        fedreid.compare([])


@pytest.mark.parametrize(("text", "seeds"), [("", ()), ("3", (3,)), ("0,2", (0, 2)), ("0-2, 7", (0, 1, 2, 7))])
def test_seeds(text: str, seeds: tuple[int, ...]) -> None:
    assert cli_compare.seeds_in(text) == seeds
