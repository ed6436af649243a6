"""The mean over several test sets is judged like a single one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fedreid.comparison import Contrast, Options, Variant, contrasts, group_runs, load_run
from fedreid.comparison.families import MEANS, families
from tests.comparison.made_up import make_run

ALL_SETS = MEANS["generic"]
RNG = np.random.default_rng(3)
PEOPLE = {"mall": 40, "shop": 25}
PERSON = {name: RNG.normal(0.0, 0.12, count) for name, count in PEOPLE.items()}  # how much each person gains
SCORES = {
    method: {
        name: np.clip(0.5 + gain * (0.03 + PERSON[name]) + RNG.normal(0, 0.05, (3, PEOPLE[name])), 0.01, 0.99)
        for name in PEOPLE
    }
    for method, gain in (("fedavg", 0.0), ("fedprox", 1.0))
}


def variants(folder: Path, scores: Mapping[str, Mapping[str, np.ndarray]] = SCORES) -> list[Variant]:
    return group_runs(
        load_run(
            make_run(folder / f"{method}-{seed}", seed=seed, settings=[f"method.name={method}"],
                     ap={name: rows[seed].tolist() for name, rows in sets.items()})
        )
        for method, sets in scores.items() for seed in range(3)
    )  # fmt: skip


def by_set(found: Sequence[Contrast], metric: str = "mAP", variant: str = "FedProx") -> dict[str, Contrast]:
    return {each.dataset: each for each in found if (each.metric, each.variant) == (metric, variant)}


def test_the_mean_over_test_sets_is_judged_with_the_people_of_each_drawn_apart(tmp_path: Path) -> None:
    """Independent errors: the variance of a mean of two is a quarter of the sum of theirs."""
    found = by_set(contrasts(variants(tmp_path), options=Options(replicates=40_000)))
    assert list(found) == [ALL_SETS, "mall", "shop"]
    mean, mall, shop = (found[name].difference for name in found)
    assert mean is not None
    assert mall is not None
    assert shop is not None
    per_seed = [
        np.mean([100 * (SCORES["fedprox"][name][seed] - SCORES["fedavg"][name][seed]).mean() for name in PEOPLE])
        for seed in range(3)
    ]
    assert (mean.mean, mean.sd) == (pytest.approx(np.mean(per_seed)), pytest.approx(np.std(per_seed, ddof=1)))
    assert mean.shared == pytest.approx((mall.shared + shop.shared) / 4, rel=0.05)
    assert mean.over == "seeds and people"
    assert found[ALL_SETS].sets == ("mall", "shop")
    assert found["mall"].sets == ()


def test_single_test_sets_are_judged_as_before(tmp_path: Path) -> None:
    both, options = by_set(contrasts(variants(tmp_path / "both"))), Options()
    for name in PEOPLE:
        one = {method: {name: sets[name]} for method, sets in SCORES.items()}
        (alone,) = by_set(contrasts(variants(tmp_path / name, one), options=options)).values()
        assert replace(alone, dataset=name) == both[name]


def test_only_sets_of_one_metric_that_all_runs_have_are_averaged(tmp_path: Path) -> None:
    def made(method: str, **generic: float) -> Variant:
        values = {name.replace("_", "/"): value for name, value in generic.items()}
        run = load_run(make_run(tmp_path / method, settings=[f"method.name={method}"], generic=values))
        return group_runs([run])[0]

    full = made("fedavg", a_mAP=10, a_mINP=1, b_mAP=30, c_mAP=50, faces_accuracy=90)
    short = made("fedprox", a_mAP=20, b_mAP=40, faces_accuracy=91)
    first, *single = families([full, short])
    assert (first.scope, first.dataset, first.sets, first.metrics) == ("generic", ALL_SETS, ("a", "b"), ("mAP",))
    assert [each.dataset for each in single] == ["a", "b", "c", "faces"]
    assert (first.scores(full, "mAP"), first.scores(short, "mAP")) == ({0: 20.0}, {0: 30.0})
    assert ALL_SETS not in [each.dataset for each in families([made("moon", a_mAP=10, faces_accuracy=90)])]
    assert ALL_SETS not in [each.dataset for each in families([full, short], ["accuracy"])]


def test_own_models_are_averaged_over_the_clients_of_all_datasets(tmp_path: Path) -> None:
    """Three clients, two of one dataset: the mean over clients isn't the mean over datasets."""
    settings = ["method.name=fedavg", 'partition.by="camera"']
    run = load_run(
        make_run(tmp_path / "run", settings=settings, clients={0: 30.0, 1: 60.0, 2: 90.0}, homes={2: "mall"})
    )
    variant = group_runs([run])[0]
    own = {each.dataset: each.scores(variant, "mAP") for each in families([variant]) if each.scope == "personalized"}
    assert own == {MEANS["personalized"]: {0: 60.0}, "mall": {0: 90.0}, "shop": {0: 45.0}}


def test_clients_of_all_datasets_are_drawn_together(tmp_path: Path) -> None:
    gains = {"fedavg": (0.0, 0.0), "fedprox": (2.0, 6.0)}
    made = group_runs(
        load_run(
            make_run(tmp_path / f"{method}-{seed}", seed=seed, homes={1: "mall"},
                     settings=[f"method.name={method}", 'partition.by="camera"'],
                     clients={client: 40 + seed + gain * (1 + seed / 10) for client, gain in enumerate(gain_of)})
        )
        for method, gain_of in gains.items() for seed in range(3)
    )  # fmt: skip
    found = by_set(contrasts(made))[MEANS["personalized"]].difference
    assert found is not None
    assert (found.mean, found.over) == (pytest.approx(4 * 1.1), "seeds and clients")
    assert found.shared > 0


def own_models(folder: Path, scores: Mapping[str, Mapping[int, float]], homes: Mapping[int, str]) -> list[Variant]:
    return group_runs(
        load_run(
            make_run(folder / f"{method}-{seed}", seed=seed, homes=homes,
                     settings=[f"method.name={method}", 'partition.by="camera"'], clients=clients)
        )
        for method, clients in scores.items() for seed in range(2)
    )  # fmt: skip


def test_a_run_without_the_clients_of_a_dataset_has_no_mean_over_all_clients(tmp_path: Path) -> None:
    """FedProx would seem better, only because its worst client is missing."""
    homes = {number: f"set{number}" for number in range(3)}
    whole, short = {0: 30.0, 1: 50.0, 2: 50.0}, {1: 50.0, 2: 50.0}
    found = by_set(contrasts(own_models(tmp_path, {"fedavg": whole, "fedprox": short}, homes)))
    assert found[MEANS["personalized"]].verdict == "missing"
    assert {name: each.verdict for name, each in found.items() if name in ("set1", "set2")} == {
        "set1": "the same", "set2": "the same",
    }  # fmt: skip


def test_the_start_of_a_client_that_never_trained_is_no_score_of_all_clients(tmp_path: Path) -> None:
    run = load_run(make_run(tmp_path / "run", settings=['partition.by="camera"'], clients={0: 40.0, 1: 60.0, 2: 80.0},
                            homes={2: "mall"}))  # fmt: skip
    rows = run.metrics
    idle = rows[~((rows["client"] == 1) & (rows["round"] > 0))]  # client 1 has the start's score alone
    stays = group_runs([replace(run, metrics=idle)])[0]
    (mean, *_) = (each for each in families([stays]) if each.scope == "personalized")
    assert mean.scores(stays, "mAP") == {0: 60.0}, "(40 + 80) / 2"
    gone = rows[~((rows["client"] == 2) & (rows["round"] > 0))]
    lacking = group_runs([replace(run, metrics=gone)])[0]
    assert MEANS["personalized"] not in [each.dataset for each in families([lacking])]


def test_a_set_of_one_person_does_not_make_the_mean_too_sure(tmp_path: Path) -> None:
    alone = {method: {**sets, "lone": np.full((3, 1), 0.5)} for method, sets in SCORES.items()}
    found = by_set(contrasts(variants(tmp_path, alone), options=Options(replicates=20_000)))
    mean, mall, shop = (found[name].difference for name in (ALL_SETS, "mall", "shop"))
    assert mean is not None
    assert mall is not None
    assert shop is not None
    assert mean.shared == pytest.approx((mall.shared + shop.shared) / 9, rel=0.05), "a mean of three"


def test_a_set_whose_people_change_with_the_seed_leaves_the_variance_of_the_others(tmp_path: Path) -> None:
    """Its choice of people is in the spread over seeds already."""
    made = group_runs(
        load_run(
            make_run(tmp_path / f"{method}-{seed}", seed=seed, settings=[f"method.name={method}"],
                     ap={"mall": sets["mall"][seed].tolist(), "shop": sets["shop"][seed][: 20 + seed].tolist()})
        )
        for method, sets in SCORES.items() for seed in range(3)
    )  # fmt: skip
    found = by_set(contrasts(made, options=Options(replicates=20_000)))
    mean, mall, shop = (found[name].difference for name in (ALL_SETS, "mall", "shop"))
    assert mean is not None
    assert mall is not None
    assert shop is not None
    assert (shop.over, mean.over) == ("seeds", "seeds and people")
    assert mean.shared == pytest.approx(mall.shared / 4, rel=0.05)
