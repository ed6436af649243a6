"""Tests of faces as generic tests: which scores there are, and when."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from fedreid.data.faces.face_tests import PairTest
from fedreid.data.generic_test import FaceTest
from fedreid.data.image_set import ImageSet
from fedreid.evaluation import scores_on
from fedreid.evaluation.protocols import headline
from fedreid.scenario import Scenario
from tests.evaluation.test_face_templates import FEATURES, TEST, directions

# Angles between the two images of each pair; a third fold has one pair more of each kind.
PAIRS = PairTest(
    first=np.zeros(8, np.int32),
    second=np.arange(1, 9, dtype=np.int32),
    genuine=np.array([True, False] * 4),
    fold=np.array([0, 0, 1, 1, 2, 2, 2, 2], np.int32),
)
ANGLES = (0, 10, 80, 20, 70, 15, 85, 75, 60)


def scenario(**faithful: bool) -> Scenario:
    evaluation = {"far": (0.25, 0.5), "fpir": (0.25, 0.5)}
    return Scenario(data={"sources": {"s": {"format": "synthetic"}}}, evaluation=evaluation, faithful=faithful)


def images(number: int) -> ImageSet:
    nobody = np.zeros(number, np.int64)
    return ImageSet([np.zeros((number, 2, 2, 3), np.uint8)], nobody, np.arange(number), nobody, nobody - 1)


class Model:
    """Gives features, and keeps how it was asked."""

    def __init__(self, features: np.ndarray) -> None:
        self.features = features
        self.asked: list[dict[str, Any]] = []

    def __call__(self, images: ImageSet, **options: Any) -> np.ndarray:
        self.asked.append({"images": len(images), **options})
        return self.features


def test_pairs_have_an_accuracy_and_if_wanted_rates():
    # Genuine angles 10, 20, 15 and 75, impostors 80, 70, 85 and 60. For folds 0 and 1 the others' best threshold lies
    # between 20 and 60 degrees: right for 2 of 2 each. Fold 2 by (cos 20 + cos 70) / 2 = 0.641, which only 15 degrees
    # exceeds: wrong for 75 alone, 3 of 4.
    model, test = Model(directions(*ANGLES)), FaceTest(images(9), PAIRS)
    accuracy = pytest.approx(100 * (1 + 1 + 3 / 4) / 3)
    assert scores_on(model, test, scenario()) == {"accuracy": accuracy}
    # FAR 0.25: one of four impostors (60) may pass, so above cos 70: all genuine but 75 degrees.
    both = {"accuracy": accuracy, "TAR@FAR=2.5e-1": 75.0, "TAR@FAR=5e-1": 100.0}
    counts = {"genuine_pairs": 4, "impostor_pairs": 4}
    assert scores_on(model, test, scenario(), open_set=True) == both | counts
    assert model.asked == [{"images": 9}, {"images": 9}]


def test_pairs_of_one_fold_have_rates_alone():
    test = FaceTest(images(9), replace(PAIRS, fold=np.zeros(8, np.int32)))
    assert set(scores_on(Model(directions(*ANGLES)), test, scenario())) == {
        "TAR@FAR=2.5e-1", "TAR@FAR=5e-1", "genuine_pairs", "impostor_pairs",
    }  # fmt: skip


def test_templates_are_made_of_features_of_the_model_s_own_length():
    lists = replace(
        TEST, first=np.array([0, 1, 0, 1]), second=np.array([2, 6, 6, 2]), genuine=np.array([True, True, False, False])
    )
    model = Model(3 * FEATURES)
    found = scores_on(model, FaceTest(images(10), lists), scenario())
    assert model.asked == [{"images": 10, "is_unit": False}]
    # cos 10 twice for genuine pairs; impostors cos 80 twice, of which FAR 0.5 lets one pass: equal scores, so none.
    assert found["TAR@FAR=5e-1"] == 100.0
    assert (found["TPIR@FPIR=2.5e-1"], found["mated_probes"]) == (pytest.approx(87.5), 8)
    merged = scores_on(model, FaceTest(images(10), lists), scenario(merged_galleries=True))
    assert merged["TPIR@FPIR=2.5e-1"] == pytest.approx(62.5)
    assert scores_on(model, FaceTest(images(10), lists), scenario(pooled_tpir=True)) == found


@pytest.mark.parametrize(
    ("metrics", "expected"),
    [
        (["rank1", "mAP", "TAR@FAR=1e-4"], "mAP"),
        (["TAR@FAR=1e-4", "accuracy"], "accuracy"),
        (["TAR@FAR=1e-6", "TAR@FAR=1e-3", "TAR@FAR=1e-2", "TPIR@FPIR=1e-4"], "TAR@FAR=1e-3"),
        (["genuine_pairs"], None),
    ],
)
def test_one_score_stands_for_a_test(metrics: list[str], expected: str | None):
    assert headline(metrics) == expected
