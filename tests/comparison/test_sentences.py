"""What is said of a comparison, word for word."""

from __future__ import annotations

import math

import pytest

from fedreid.comparison import Contrast, sentences
from fedreid.comparison.sentences import points
from fedreid.comparison.statistics import PairedDifference, Spread
from fedreid.comparison.verdicts import Verdict

NAN = math.nan


def contrast(verdict: Verdict, mean: float, low: float, high: float, n: int = 3, **changes: object) -> Contrast:
    gap = PairedDifference(mean, 1.0, n, error=NAN if math.isnan(low) else 1.0, low=low, high=high)
    values = {"seeds_needed": NAN, "scope": "generic", "dataset": "shop", "difference": gap, "comparisons": 1} | changes
    return Contrast("FedFR", "FedAvg", "mAP", score=Spread(50.0, 1.0, n), p_corrected=0.1, verdict=verdict, **values)  # type: ignore[arg-type]


STRANGERS = "on people nobody trained on"


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (
            contrast("better", 3.14, 1.2, 4.9),
            f"FedFR is better than FedAvg {STRANGERS}: +3.1 mAP (95 % interval 1.2 to 4.9, 3 seeds).",
        ),
        (
            contrast("worse", -3.14, -4.9, -1.2, scope="personalized"),
            "FedFR is worse than FedAvg on the clients' own people: −3.1 mAP (95 % interval −4.9 to −1.2, 3 seeds).",
        ),
        (
            contrast("can't tell", 0.84, -1.26, 2.94, seeds_needed=11.0),
            f"Can't tell FedFR from FedAvg {STRANGERS}: +0.8 mAP (95 % interval −1.3 to 2.9, 3 seeds); "
            "it would take about 11 seeds.",
        ),
        (
            contrast("can't tell", 0.84, -1.26, 2.94, seeds_needed=math.inf),
            f"Can't tell FedFR from FedAvg {STRANGERS}: +0.8 mAP (95 % interval −1.3 to 2.9, 3 seeds); "
            "more seeds alone would hardly tell.",
        ),
        (
            contrast("can't tell", 1.0, 0.01, 1.99, seeds_needed=5.0, comparisons=8),
            f"Can't tell FedFR from FedAvg {STRANGERS}: +1.0 mAP (95 % interval 0.01 to 1.99, 3 seeds); "
            "among 8 comparisons chance may do that; it would take about 5 seeds.",
        ),
        (
            contrast("one seed", 40.0, NAN, NAN, n=1),
            f"Can't tell FedFR from FedAvg {STRANGERS}: +40.0 mAP in one seed, "
            "and one seed doesn't say how far chance goes.",
        ),
        (
            contrast("can't tell", 2.0, NAN, NAN),
            f"Can't tell FedFR from FedAvg {STRANGERS}: +2.0 mAP in each of 3 seeds, so chance can't be judged.",
        ),
        (contrast("the same", 0.0, 0.0, 0.0), f"FedFR and FedAvg score the same {STRANGERS}, in 3 seeds."),
        (
            contrast("no pair", 0.0, 0.0, 0.0, difference=None),
            f"FedFR and FedAvg have no seed in common {STRANGERS}: mAP can't be compared.",
        ),
        (contrast("missing", 0.0, 0.0, 0.0, n=0, difference=None), f"FedFR has no mAP {STRANGERS}."),
    ],
)
def test_a_sentence_for_each_verdict(found: Contrast, text: str) -> None:
    assert sentences([found]) == [text]


def test_test_sets_are_named_where_there_are_several() -> None:
    found = [contrast("better", 3.0, 1.0, 5.0, dataset=name) for name in ("shop", "mall")]
    assert [" (shop): " in text for text in sentences(found)] == [True, False]
    assert " (mall): " in sentences(found)[1]


def test_other_metrics_and_the_reference_itself_are_left_out() -> None:
    assert sentences([contrast("reference", 0.0, 0.0, 0.0, difference=None)]) == []
    assert sentences([contrast("better", 3.0, 1.0, 5.0)], metric="rank1") == []


@pytest.mark.parametrize(
    ("value", "text"),
    [(3.14, "+3.1"), (-0.04, "−0.04"), (0.001, "±0.0"), (-0.0, "±0.0"), (0.07, "+0.1"), (-12.0, "−12.0")],
)
def test_points_are_signed_and_never_a_bare_zero(value: float, text: str) -> None:
    assert points(value) == text
