"""The folder of a comparison: its resolved experiment, its failures, and which folders are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from fedreid.comparison.comparison_folder import refuse_folder, write_experiment, write_failures
from fedreid.comparison.experiment_variants import slug
from fedreid.comparison.experiments import load_experiment
from fedreid.comparison.run_keys import variant_key
from fedreid.errors import UserError
from tests.comparison.conftest import Load


def test_the_resolved_experiment_means_the_same_runs(load: Load, tmp_path: Path) -> None:
    found = load(
        """
        name = "which"
        description = "Which?"
        seeds = [2, 3]
        at_once = 5
        local_only = false
        [set]
        "federation.rounds" = 9
        [[variants]]
        name = "A <b>"
        description = "first"
        [[variants]]
        name = "B"
        set = {"method.name" = "fedprox", "method.epochs" = 5}
        [grid]
        "data.image_size" = [[32, 16], [64, 32]]
        """,
        overrides=["method.epochs=3"],
        reference="B, image_size = [64, 32]",
    )
    folder = tmp_path / "out"
    write_experiment(found, folder)
    again = load_experiment(folder / "experiments.toml")
    for name in ("name", "description", "seeds", "reference", "at_once", "local_only"):
        assert getattr(again, name) == getattr(found, name)
    assert [each.name for each in again.variants] == [each.name for each in found.variants]
    assert [variant_key(each.scenario) for each in again.variants] == [
        variant_key(each.scenario) for each in found.variants
    ]
    assert [each.description for each in again.variants] == [each.description for each in found.variants]
    assert str(tmp_path) not in (folder / "experiments.toml").read_text()


def test_a_folder_of_something_else_is_refused(load: Load, tmp_path: Path) -> None:
    refuse_folder(tmp_path / "new", "a")
    write_experiment(load('name = "a"'), tmp_path / "out")
    refuse_folder(tmp_path / "out", "a")
    with pytest.raises(UserError, match="holds the comparison a, and this one is b: give another --out"):
        refuse_folder(tmp_path / "out", "b")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "scenario.toml").touch()
    with pytest.raises(UserError, match="is the folder of a run"):
        refuse_folder(tmp_path / "run", "a")
    with pytest.raises(UserError, match="is a file"):
        refuse_folder(tmp_path / "e.toml", "a")
    with pytest.raises(UserError, match="can't write"):
        write_experiment(load(""), tmp_path / "e.toml")


def test_failures_are_kept_while_there_are_any(tmp_path: Path) -> None:
    write_failures(tmp_path, [{"reason": "loss is nan – ü"}])
    assert '"reason": "loss is nan – ü"' in (tmp_path / "failures.json").read_text(encoding="utf-8")
    write_failures(tmp_path, [])
    assert not (tmp_path / "failures.json").exists()
    write_failures(tmp_path, [])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("FedAvg", "FedAvg"),
        ("FedProx, mu = 0.1", "FedProx-mu-0.1"),
        ("<b>Größe</b> / .. ", "b-Gr-e-b"),
        ("...", "variant"),
        ("日本", "variant"),
        ("x" * 90, "x" * 48),
    ],
)
def test_names_become_parts_of_folders(name: str, expected: str) -> None:
    assert slug(name) == expected
