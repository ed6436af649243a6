"""Which runs belong together, and what they are called."""

from __future__ import annotations

from pathlib import Path

import pytest

from fedreid.comparison import group_runs, load_run, local_only, with_reference
from fedreid.comparison.variants import TITLES
from fedreid.errors import UserError
from fedreid.reports.methods import METHODS
from fedreid.scenario.method_schema import MethodSettings
from tests.comparison.made_up import make_run


def runs(tmp_path: Path, *settings: tuple[int, tuple[str, ...]]):  # type: ignore[no-untyped-def]
    return [
        load_run(make_run(tmp_path / str(place), seed=seed, settings=each, clients={0: 50.0 + seed}))
        for place, (seed, each) in enumerate(settings)
    ]


def test_runs_that_differ_in_the_seed_and_in_nothing_that_counts_are_one_variant(tmp_path: Path) -> None:
    found = group_runs(
        runs(
            tmp_path,
            (2, ("name=a", "description=x", "runtime.engine=ray", "runtime.workers=3")),
            (0, ("name=b", "data.root=/elsewhere", "data.cache=/cache", "runtime.keep_checkpoints=9")),
            (1, ()),
        )
    )
    assert [variant.seeds for variant in found] == [(0, 1, 2)]
    assert found[0].scores("personalized", "shop", "mAP") == {0: 50.0, 1: 51.0, 2: 52.0}
    assert found[0].run(2).scenario.name == "a"


def test_any_setting_that_counts_makes_another_variant_and_is_told(tmp_path: Path) -> None:
    found = group_runs(
        runs(tmp_path, (0, ()), (0, ("method.learning_rate=0.5",)), (1, ()), (0, ("federation.rounds=9",)))
    )
    assert [variant.seeds for variant in found] == [(0, 1), (0,), (0,)]
    assert [dict(variant.settings) for variant in found] == [
        {},
        {"method.learning_rate": 0.5},
        {"federation.rounds": 9},
    ]
    default = MethodSettings().learning_rate
    assert dict(with_reference(found, found[1].name)[0].settings) == {"method.learning_rate": default}


def test_a_setting_that_the_method_does_not_read_counts_for_nothing(tmp_path: Path) -> None:
    found = group_runs(runs(tmp_path, (0, ()), (1, ("method.moon.weight=9",))))
    assert [variant.seeds for variant in found] == [(0, 1)]


def test_names_tell_what_differs(tmp_path: Path) -> None:
    by_method = group_runs(
        runs(tmp_path / "a", (0, ()), (0, ("method.name=fedprox",)), (0, ("federation.strategy=fedadam",)))
    )
    assert [variant.name for variant in by_method] == ["FedAvg", "FedProx", "FedAvg with fedadam"]
    grid = [(f"method.learning_rate={rate}", f"federation.rounds={rounds}") for rate in (0.1, 0.2) for rounds in (3, 4)]
    by_setting = group_runs(runs(tmp_path / "b", *((0, each) for each in grid), (0, ("method.name=moon",))))
    assert [variant.name for variant in by_setting] == [
        "FedAvg, rounds = 3, learning_rate = 0.1", "FedAvg, rounds = 4, learning_rate = 0.1",
        "FedAvg, rounds = 3, learning_rate = 0.2", "FedAvg, rounds = 4, learning_rate = 0.2", "MOON",
    ]  # fmt: skip


def test_given_names_win_and_are_kept_apart(tmp_path: Path) -> None:
    found = runs(tmp_path, (0, ()), (0, ("method.name=moon",)), (0, ("method.name=ditto",)))
    names = {found[0].path: "base", found[1].path: "base"}
    assert [variant.name for variant in group_runs(found, names=names)] == ["base", "base (2)", "Ditto"]


def test_a_second_run_of_a_seed_is_left_out_and_told(tmp_path: Path) -> None:
    found = group_runs(runs(tmp_path, (0, ()), (0, ("name=again",))))
    assert len(found[0].runs) == 1
    assert found[0].notes == (f"{tmp_path}/1: left out, {tmp_path}/0 has the same settings and seed",)
    other = load_run(make_run(tmp_path / "other", clients={0: 51.0}))
    assert "but other scores" in group_runs([found[0].runs[0], other])[0].notes[0]


def test_notes_of_runs_are_notes_of_their_variant(tmp_path: Path) -> None:
    run = load_run(make_run(tmp_path / "old", clients={0: 1.0}, summary={"digests": {}}))
    assert group_runs([run])[0].notes == tuple(f"{tmp_path}/old: {note}" for note in run.notes)


def test_an_unknown_reference_is_refused_and_so_is_nothing(tmp_path: Path) -> None:
    found = group_runs(runs(tmp_path, (0, ())))
    with pytest.raises(UserError, match=r"reference = 'FedFR' is not one of the variants: FedAvg"):
        with_reference(found, "FedFR")
    with pytest.raises(UserError, match="no finished run"):
        group_runs([])


def test_every_client_alone_is_a_variant_of_its_own(tmp_path: Path) -> None:
    made = [
        load_run(make_run(tmp_path / str(seed), seed=seed, clients={0: 50, 1: 60}, alone={0: 20 + seed, 1: 40}))
        for seed in (0, 1)
    ]
    found = local_only(group_runs(made)[0])
    assert found is not None
    assert found.scores("personalized", "shop", "mAP") == {0: 30.0, 1: 30.5}
    without = load_run(make_run(tmp_path / "without", clients={0: 50}))
    assert local_only(group_runs([without])[0]) is None


def test_methods_are_called_as_reports_call_them() -> None:
    assert {name: entry.title for name, entry in METHODS.items()} == TITLES
