"""Runs of the tiny federation, read and compared: what the server writes is what comparisons expect."""

from __future__ import annotations

from pathlib import Path

import pytest

import fedreid
from fedreid.comparison import comparison_table, group_runs, load_run, local_only, refuse_incomparable
from fedreid.errors import UserError
from fedreid.progress import Progress

BRIEF = ("federation.rounds=2", "pretrain.epochs=0", "evaluation.open_set=never")


class StopInRound2(Progress):
    """Presses Ctrl-C."""

    def round_started(self, round: int, rounds: int, clients: object) -> None:
        if round == 2:
            raise KeyboardInterrupt


@pytest.fixture(scope="module")
def run_dir(scenario: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fedreid.run(scenario, out=tmp_path_factory.mktemp("real") / "run", overrides=BRIEF).run_dir


def test_a_run_keeps_the_score_of_each_query_of_its_final_model(run_dir: Path) -> None:
    run = load_run(run_dir)
    assert run.notes == ()
    table = run.queries["tiny"]
    assert table["identity"].tolist() == [14, 14, 15, 15, 16, 16], "three people, asked about from both cameras"
    assert table["camera"].tolist() == [1, 2] * 3
    assert 100 * table["AP"].mean() == pytest.approx(run.scores["generic", "tiny", "mAP"], abs=1e-9)
    assert 100 * table["INP"].mean() == pytest.approx(run.scores["generic", "tiny", "mINP"], abs=1e-9)
    for k in (1, 5, 10):
        assert 100 * (table["rank"] <= k).mean() == pytest.approx(run.scores["generic", "tiny", f"rank{k}"], abs=1e-9)


def test_final_scores_are_those_of_the_summary(run_dir: Path) -> None:
    run = load_run(run_dir)
    assert {"/".join(key): value for key, value in run.scores.items()} == pytest.approx(run.summary["final"])
    splits = {f"splits/{name}" for name in run.splits}
    assert {"splits/generic-tiny.csv", "splits/client-000.csv"} <= splits
    assert set(run.summary["digests"]) == {
        "scenario.toml", "metrics.csv", "references.csv", "queries/tiny.csv", *splits
    }  # fmt: skip


def test_a_stopped_and_resumed_run_has_the_same_digests(scenario: Path, tmp_path: Path, run_dir: Path) -> None:
    overrides = [*BRIEF, "evaluation.local_only=false"]
    with pytest.raises(fedreid.Interrupted):
        fedreid.run(scenario, out=tmp_path / "run", overrides=overrides, progress=StopInRound2())
    with pytest.raises(UserError, match=r"is not finished \(interrupted; 1 of 2 rounds are done\)"):
        load_run(tmp_path / "run")
    assert not (tmp_path / "run" / "queries").exists(), "only the final model's are kept"
    resumed = load_run(fedreid.resume(tmp_path / "run").run_dir)
    whole = load_run(run_dir)
    for name in ("metrics.csv", "queries/tiny.csv"):
        assert resumed.summary["digests"][name] == whole.summary["digests"][name]
    assert [variant.seeds for variant in group_runs([resumed, whole])] == [(0,)], "local_only changes no number"


def test_two_methods_over_two_seeds(scenario: Path, tmp_path: Path, run_dir: Path) -> None:
    moon = ["method.name=moon", "evaluation.local_only=false"]
    overrides = {"other": ["seed=1"], "moon": moon, "moon-1": [*moon, "seed=1"]}
    dirs = [
        fedreid.run(scenario, out=tmp_path / name, overrides=[*BRIEF, *changes]).run_dir
        for name, changes in overrides.items()
    ]
    variants = group_runs(load_run(each) for each in (run_dir, *dirs))
    refuse_incomparable(variants)
    alone = local_only(variants[0])
    assert alone is not None
    table = comparison_table([*variants, alone], metrics=["mAP"])
    assert table["variant"].tolist() == ["FedAvg", "MOON", alone.name] * 2
    assert table["n"].tolist() == [2] * 6
    assert table["over"].tolist() == ["", "seeds and people", "seeds", "", "seeds", "seeds"]
    one, other = (variant.scores("generic", "tiny", "mAP") for variant in variants)
    assert table["difference"][1] == pytest.approx((other[0] - one[0] + other[1] - one[1]) / 2)
