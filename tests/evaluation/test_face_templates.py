"""Templates: pooling, galleries by themselves and merged."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedreid.data.faces.face_tests import TemplateTest
from fedreid.evaluation.face_templates import gallery_probes, template_features, template_identification

RATES = (0.1, 0.25, 0.5)


def test_pooling_by_hand():
    # Template 0. Media 0: (2, 0) * 0.5 and (0, 4) * 0.25, mean (0.5, 0.5); media 1: (0, 2) * 1. Sum (0.5, 2.5).
    # Template 1: (3, 4) * 0.9, at length 1 (0.6, 0.8).
    features = np.array([[2, 0], [0, 4], [3, 4], [0, 2]], np.float32)
    found = template_features(features, np.array([0, 0, 1, 0]), np.array([0, 0, 2, 1]), np.array([0.5, 0.25, 0.9, 1]))
    np.testing.assert_allclose(found, [[0.5 / 6.5**0.5, 2.5 / 6.5**0.5], [0.6, 0.8]], rtol=1e-12)


def pooled_slowly(features: np.ndarray, template: np.ndarray, media: np.ndarray, score: np.ndarray) -> np.ndarray:
    """Template by template, as the text says it."""
    pooled = []
    for which in range(template.max() + 1):
        of_media = [
            np.mean(
                [features[row] * score[row] for row in np.flatnonzero((template == which) & (media == one))], axis=0
            )
            for one in np.unique(media[template == which])
        ]
        total = np.sum(of_media, axis=0)
        pooled.append(total / np.linalg.norm(total))
    return np.stack(pooled)


@given(st.integers(0, 2**32 - 1))
def test_pooling_is_what_the_text_says(seed: int):
    generator = np.random.default_rng(seed)
    template = np.concatenate([np.arange(4), generator.integers(0, 4, 20)])
    media = template * 3 + generator.integers(0, 3, len(template))
    _, media = np.unique(media, return_inverse=True)
    features, score = generator.standard_normal((len(template), 5)), generator.uniform(0.1, 1, len(template))
    found = template_features(features, template, media, score)
    np.testing.assert_allclose(found, pooled_slowly(features, template, media, score), rtol=1e-9, atol=1e-12)


def test_pooling_refuses_what_does_not_fit():
    with pytest.raises(ValueError, match=r"found \(2, 2\), 2, 1 and 2"):
        template_features(np.eye(2), np.zeros(2, int), np.zeros(1, int), np.ones(2))
    with pytest.raises(ValueError, match="template features hold nan or inf in row 1"):
        template_features(np.eye(2), np.arange(2), np.arange(2), np.array([1.0, np.nan]))


def directions(*degrees: float) -> np.ndarray:
    angles = np.radians(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


# Templates 0 and 1 are enrolled, person 501 at 0 degrees and 502 at 90; templates 2 to 9 are probes, four of each.
FEATURES = directions(0, 90, 10, 60, 70, 5, 80, 50, 75, 85)
TEST = TemplateTest(
    template=np.arange(10), media=np.arange(10), score=np.ones(10, np.float32),
    first=np.array([0]), second=np.array([2]), genuine=np.array([True]),
    gallery=np.array([0, 1]), gallery_template=np.array([0, 1]), gallery_identity=np.array([501, 502]),
    probe_template=np.arange(2, 10), probe_identity=np.repeat([501, 502], 4),
)  # fmt: skip


def test_each_gallery_by_itself_by_hand():
    # Gallery 0 scores by the cosine. Mated .985 .5 .342 .996; strangers .174 .643 .259 .087. FPIR 0.25 lets one of the
    # four pass: all four mated are above .259. Gallery 1 by the sine. Mated .985 .766 .966 .996; strangers .174 .866
    # .940 .087: three of four are above .866. FPIR 0.5: above .174 are all of both. FPIR 0.1 allows nobody.
    assert template_identification(FEATURES, TEST, RATES) == {
        "TPIR@FPIR=2.5e-1": pytest.approx((100 + 75) / 2),
        "TPIR@FPIR=5e-1": 100.0,
        "mated_probes": 8,
        "non_mated_probes": 8,
    }


def test_merged_galleries_by_hand():
    # Scores between different people: .174 .866 .940 .087 and .174 .643 .259 .087. With 8 probes FPIR 0.25 is the
    # 2nd of them, .866: of the own ones .985 .5 .342 .996 .985 .766 .966 .996 five are above. FPIR 0.5: the 4th, .259.
    assert template_identification(FEATURES, TEST, RATES, merged=True) == {
        "TPIR@FPIR=2.5e-1": pytest.approx(100 * 5 / 8),
        "TPIR@FPIR=5e-1": 100.0,
        "mated_probes": 8,
        "non_mated_probes": 0,
    }


def test_somebody_without_a_mate_is_a_stranger_to_both():
    test = replace(TEST, probe_identity=np.where(np.arange(8) == 7, 999, TEST.probe_identity))
    found = template_identification(FEATURES, test, (0.5,))
    assert (found["mated_probes"], found["non_mated_probes"]) == (7, 9)
    merged = template_identification(FEATURES, test, (0.125,), merged=True)
    # Now .996 and .087 of the probe at 85 degrees are between different people: the highest of all.
    assert merged == {"TPIR@FPIR=1.25e-1": 0.0, "mated_probes": 7, "non_mated_probes": 1}


def test_many_small_steps_give_the_merged_scores_of_one(monkeypatch: pytest.MonkeyPatch):
    whole = template_identification(FEATURES, TEST, RATES, merged=True)
    monkeypatch.setattr("fedreid.evaluation.face_templates.AT_ONCE", 4)
    assert template_identification(FEATURES, TEST, RATES, merged=True) == whole


def test_a_person_with_two_enrolled_templates_is_their_mean():
    test = replace(
        TEST, gallery=np.zeros(2, int), gallery_identity=np.array([501, 501]), probe_identity=np.full(8, 501)
    )
    probes = gallery_probes(FEATURES, test, np.ones(2, dtype=bool))
    np.testing.assert_allclose(probes.gallery, [[0.5**0.5, 0.5**0.5]])
    raw = gallery_probes(FEATURES, test, np.ones(2, dtype=bool), renormalise=False)
    np.testing.assert_allclose(raw.gallery, [[0.5, 0.5]])


def test_the_pooled_mode_reaches_separate_galleries():
    # Gallery 0, pooled: k = ceil(0.25 * 8) = 2nd of the strangers' .643 .259 .174 .087: .259, all four mated above.
    # Gallery 1: 2nd of .940 .866: .866, three of four. With one person in a gallery nobody else can come first.
    found = template_identification(FEATURES, TEST, (0.25,), mode="pooled")
    assert found["TPIR@FPIR=2.5e-1"] == pytest.approx((100 + 75) / 2)
