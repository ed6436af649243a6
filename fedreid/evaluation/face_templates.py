"""Templates of faces: one feature for several images of a person, and the search for probes in galleries of templates.

Maze et al., IARPA Janus Benchmark - C, ICB 2018; features are put together as in ArcFace's evaluation (section 6.2 of
the specification that FedFR's figures follow), without mirrored copies.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fedreid.data.faces.face_tests import TemplateTest
from fedreid.evaluation.cosines import RESOLUTION
from fedreid.evaluation.identification import Mode, ProbeScores, pooled_thresholds, split_own
from fedreid.evaluation.open_set import identification_metrics
from fedreid.evaluation.pair_scores import Side
from fedreid.evaluation.probes import ProbeSet, enrol
from fedreid.evaluation.rates import rate_name, resolvable
from fedreid.evaluation.streamed_identification import AT_ONCE
from fedreid.evaluation.verification import share_above

IMAGES_AT_ONCE = 4096


def template_features(features: np.ndarray, template: np.ndarray, media: np.ndarray, score: np.ndarray) -> np.ndarray:
    """(templates, dim) float64: the images' features times score, mean over each media, sum over media, at length 1.

    Sums stay linear, so an image counts with score / images of its media. A template whose sum is zero stays zero.

    Args:
        features: (n, dim) as the model gives them: their length is how sure it is.
        template: (n,) place of each image's template, 0 to templates - 1, each at least once.
        media: (n,) number of each image's media: those of one template and one video share it, no others do.
        score: (n,) of the face detector.

    Raises:
        ValueError: shapes that don't agree, or a feature or score that isn't finite.
    """
    if features.ndim != 2 or {len(features)} != {len(array) for array in (template, media, score)}:
        sizes = f"{len(template)}, {len(media)} and {len(score)}"
        raise ValueError(
            f"expected features (n, dim) and n templates, media and scores; found {features.shape}, {sizes}"
        )
    weights = np.asarray(score, np.float64) / np.bincount(media)[media]
    sums = np.zeros((int(template.max()) + 1, features.shape[1]))
    for start in range(0, len(features), IMAGES_AT_ONCE):
        rows = slice(start, start + IMAGES_AT_ONCE)
        np.add.at(sums, template[rows], features[rows] * weights[rows, None])
    return Side.of("template", sums, np.arange(len(sums))).unit_float64(slice(None))


def gallery_probes(
    features: np.ndarray, test: TemplateTest, chosen: np.ndarray, *, renormalise: bool = True
) -> ProbeSet:
    """A gallery of some of the enrolled templates, and all probes: those without a mate in it are strangers.

    Args:
        features: (templates, dim) at length 1.
        chosen: (enrolled,) bool.
        renormalise: see `enrol`; matters only where somebody is enrolled with several templates.
    """
    people, labels = np.unique(test.gallery_identity[chosen], return_inverse=True)
    probes = Side.of("probe", features[test.probe_template], test.probe_identity)
    is_mated = np.isin(probes.ids, people)
    mated = probes.part(is_mated)
    return ProbeSet(
        gallery=enrol(features[test.gallery_template[chosen]], labels, renormalise=renormalise),
        mated=mated,
        mated_labels=np.searchsorted(people, mated.ids),
        non_mated=(probes.part(~is_mated),),
    )


def template_identification(
    features: np.ndarray,
    test: TemplateTest,
    rates: Sequence[float],
    *,
    mode: Mode = "standard",
    renormalise: bool = True,
    merged: bool = False,
) -> dict[str, float]:
    """Metrics "TPIR@FPIR=1e-2" and so on in percent: of each gallery by itself, then their mean; counts are sums.

    Args:
        features: (templates, dim) at length 1.
        merged: all galleries as one, see `merged_metrics`.
    """
    if merged:
        everybody = np.ones(len(test.gallery), dtype=bool)
        return merged_metrics(gallery_probes(features, test, everybody, renormalise=renormalise), rates)
    numbers = np.unique(test.gallery)
    sets = [gallery_probes(features, test, test.gallery == number, renormalise=renormalise) for number in numbers]
    return identification_metrics(sets, rates, mode=mode)


def merged_metrics(probes: ProbeSet, rates: Sequence[float]) -> dict[str, float]:
    """TPIR@FPIR in a gallery that has a mate for (nearly) every probe, so that strangers can't set the threshold.

    As in FedFR's published code (deviation D18): it is the k-th best of all scores between different identities,
    k = ceil(FPIR * probes), and the own identity needn't come first. Rates that allow less than one probe are left out.
    """
    everybody = len(probes.mated) + probes.strangers
    counts = {"mated_probes": len(probes.mated), "non_mated_probes": probes.strangers}
    chosen = resolvable(rates, everybody)
    if not chosen or not len(probes.mated) or len(probes.gallery) < 2:
        return dict(counts)
    own, pool = np.zeros(0), np.zeros(0)
    step = max(1, AT_ONCE // len(probes.gallery))
    for start in range(0, len(probes.mated), step):
        true, wrong = split_own(_scores(probes, probes.mated, start, step), probes.mated_labels[start : start + step])
        own, pool = np.concatenate([own, true]), _highest(pool, wrong[np.isfinite(wrong)], everybody)
    for part in probes.non_mated:
        for start in range(0, len(part), step):
            pool = _highest(pool, _scores(probes, part, start, step).ravel(), everybody)
    scores = ProbeScores(own, others=np.zeros(0), strangers=np.zeros(probes.strangers), pool=pool)
    threshold = pooled_thresholds(scores, chosen)
    found = {f"TPIR@FPIR={rate_name(rate)}": 100 * share_above(own, threshold[rate]) for rate in chosen}
    return {**found, **counts}


def _scores(probes: ProbeSet, part: Side, start: int, step: int) -> np.ndarray:
    scores = part.unit_float64(slice(start, start + step)) @ probes.gallery.T
    return np.rint(scores * RESOLUTION) / RESOLUTION


def _highest(pool: np.ndarray, scores: np.ndarray, size: int) -> np.ndarray:
    """The `size` highest of both, in no order."""
    both = np.concatenate([pool, scores])
    return both if len(both) <= size else np.partition(both, len(both) - size)[-size:]
