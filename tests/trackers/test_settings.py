"""[tracking]: mistakes are found before anything starts."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fedreid.errors import UserError
from fedreid.progress import Progress
from fedreid.scenario import Scenario, load_scenario, pinned, to_toml
from fedreid.trackers import TrackedRun, tracked
from fedreid.trackers.libraries import MODULES, TITLES
from tests.trackers.conftest import as_run


@pytest.mark.parametrize("name", MODULES)
def test_a_library_that_is_missing_names_the_extra_to_install(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = as_run(tmp_path / "run", [name])
    monkeypatch.delitem(sys.modules, MODULES[name][0], raising=False)
    for module in ("torch.utils.tensorboard", "mlflow", "wandb"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(UserError) as mistake, tracked(Progress(), run.path):
        raise AssertionError("the run has started")
    assert str(mistake.value).startswith(f"tracking.to names '{name}', but {TITLES[name]} can't be imported (Mod")
    assert f"pip install 'fedreid[{name}]'" in str(mistake.value)


def test_the_command_line_says_so_too_and_leaves_no_run_behind(  # type: ignore[no-untyped-def]
    fedreid_command, scenario: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, MODULES["mlflow"][0], raising=False)
    monkeypatch.setitem(sys.modules, "mlflow", None)
    arguments = ("run", scenario, "--out", tmp_path / "run", "--set", 'tracking.to=["mlflow"]')
    status, _, errors = fedreid_command(*arguments)
    assert status == 2
    assert "fedreid[mlflow]" in errors
    assert not [path for path in (tmp_path / "run").iterdir() if path.name != ".lock"]


def test_a_file_in_the_place_of_mlflows_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("")
    run = as_run(tmp_path / "run", ["mlflow"], mlflow_folder=str(tmp_path / "store"))
    with pytest.raises(UserError, match=r"tracking\.mlflow_folder: .*store is a file"), tracked(Progress(), run.path):
        raise AssertionError("the run has started")


@pytest.mark.parametrize(
    ("override", "text"),
    [
        ('tracking.to=["comet"]', 'a list of "tensorboard", "mlflow", "wandb", each at most once'),
        ('tracking.to=["wandb", "wandb"]', "tracking.to = ['wandb', 'wandb'] names one of them twice"),
        ("tracking.project=a/b", "text of letters, digits, '.', '_' and '-'"),
        ("tracking.too=1", "Did you mean tracking.to?"),
    ],
)
def test_a_mistake_in_the_section_is_told(scenario: Path, override: str, text: str) -> None:
    with pytest.raises(UserError) as mistake:
        load_scenario(scenario, [override])
    assert text in str(mistake.value)


def test_the_store_means_the_same_folder_when_a_run_goes_on_elsewhere(
    run: TrackedRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    tracking = run.scenario.tracking.model_copy(update={"mlflow_folder": "store"})
    scenario: Scenario = run.scenario.model_copy(update={"tracking": tracking})
    fixed = pinned(scenario, root=Path(), cache=Path())
    assert fixed.tracking.mlflow_folder == str(tmp_path / "store")
    assert pinned(run.scenario, root=Path(), cache=Path()).tracking.mlflow_folder == ""


def test_settings_survive_the_file_and_parameters_are_flat(tmp_path: Path) -> None:
    run = as_run(tmp_path / "run", ["mlflow", "wandb"], project="market")
    assert load_scenario(run.path / "scenario.toml").scenario == run.scenario
    assert run.project == "market"
    assert run.parameters["tracking.to"] == '["mlflow", "wandb"]'
    assert run.parameters["description"] == "two cameras"
    assert run.parameters["federation.rounds"] == "5"
    assert run.text == to_toml(run.scenario)
    assert os.linesep not in "".join(run.parameters)


def test_no_library_is_imported_before_it_is_asked_for() -> None:
    unwanted = "('flwr', 'ray', 'mlflow', 'wandb', 'tensorboard')"
    code = f"import sys, fedreid.trackers; print([name for name in {unwanted} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout == "[]\n"
