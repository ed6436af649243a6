"""A model's scores on tests of face recognition: LFW's pairs, and IJB's templates."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from fedreid.data.faces.face_tests import PairTest, TemplateTest
from fedreid.evaluation.face_templates import template_features, template_identification
from fedreid.evaluation.face_verification import fold_accuracy, listed_scores, listed_verification

if TYPE_CHECKING:
    from fedreid.data.generic_test import FaceTest
    from fedreid.scenario import Scenario


def face_scores(
    embed: Callable[..., np.ndarray], test: FaceTest, scenario: Scenario, *, open_set: bool = False
) -> dict[str, float]:
    """Scores in percent, and counts.

    Of pairs: "accuracy", and TAR@FAR if wanted (or if one fold leaves no other to find a threshold in). Of templates:
    TAR@FAR and TPIR@FPIR whenever the model is evaluated, since they have no other score.

    Args:
        embed: images to features (n, dim), of unit length unless `is_unit` is False; called once.
        open_set: verify as well.
    """
    if isinstance(test.lists, PairTest):
        return _pair_metrics(embed(test.images), test.lists, scenario, open_set=open_set)
    return _template_metrics(embed(test.images, is_unit=False), test.lists, scenario)


def _pair_metrics(features: np.ndarray, test: PairTest, scenario: Scenario, *, open_set: bool) -> dict[str, float]:
    scores, genuine = listed_scores(features, test.first, test.second), np.asarray(test.genuine)
    has_folds = len(np.unique(test.fold)) > 1
    metrics = {"accuracy": 100 * fold_accuracy(scores, genuine, np.asarray(test.fold))} if has_folds else {}
    if open_set or not has_folds:
        metrics |= listed_verification(scores, genuine, scenario.evaluation.far)
    return metrics


def _template_metrics(features: np.ndarray, test: TemplateTest, scenario: Scenario) -> dict[str, float]:
    faithful = scenario.faithful
    templates = template_features(features, test.template, test.media, test.score)
    scores = listed_scores(templates, test.first, test.second)
    return {
        **listed_verification(scores, np.asarray(test.genuine), scenario.evaluation.far),
        **template_identification(
            templates,
            test,
            scenario.evaluation.fpir,
            mode="pooled" if faithful.pooled_tpir else "standard",
            renormalise=not faithful.raw_gallery_mean,
            merged=faithful.merged_galleries,
        ),
    }
