"""Generic test sets, and a client's own people."""

from __future__ import annotations

import numpy as np
import pytest

from fedreid.evaluation import Ranking, embed, generic_metrics, percent_metrics, rank, rank_own, search_metrics
from fedreid.models import build_backbone
from fedreid.scenario import Scenario
from tests.evaluation.oracle import rank_by_sorting
from tests.training.made_up import MODEL, made_up_images

PLANE = np.array([[1.0, 0.0], [0.9, 0.1], [0.8, 0.3], [0.0, 1.0]])


def test_every_image_is_searched_among_the_others():
    # Image 0 (id 1, camera 0): image 1 has its id and camera and is left out; image 2 is its match, nearest: AP 1.
    # Image 1 (id 1, camera 0): likewise 0 is left out; AP 1. Image 2 (id 1, camera 1): 1 and 0 match: AP 1.
    # Image 3 (id 2) has nobody: skipped.
    found = rank_own(PLANE, np.array([1, 1, 1, 2]), np.array([0, 0, 1, 1]))
    assert found == Ranking(mAP=1.0, mINP=1.0, cmc={1: 1.0, 5: 1.0, 10: 1.0}, queries=3, skipped=1)


def test_with_one_camera_only_the_image_itself_is_left_out():
    # ids 1 2 1 2 by angle 0, 6, 21, 90 degrees. Image 0: order 1, 2, 3: match 2 at rank 2: 1/2. Image 1: order 0, 2, 3:
    # match 3 at rank 3: 1/3. Image 2: order 1 (14 degrees), 0 (21), 3 (69): match 0 at rank 2: 1/2. Image 3: order 2,
    # 1, 0: match 1 at rank 2: 1/2.
    found = rank_own(PLANE, np.array([1, 2, 1, 2]), np.array([4, 4, 4, 4]), ranks=(1, 2))
    assert found.mAP == pytest.approx((1 / 2 + 1 / 3 + 1 / 2 + 1 / 2) / 4)
    assert found.cmc == {1: 0.0, 2: 0.75}
    assert (found.queries, found.skipped) == (4, 0)


def test_agrees_with_leaving_each_image_out_by_hand():
    generator = np.random.default_rng(0)
    features, ids, cameras = generator.standard_normal((40, 6)), generator.integers(0, 8, 40), np.arange(40) % 3
    assert rank_own(features, ids, cameras).mAP == pytest.approx(
        rank_by_sorting(features, ids, cameras, features, ids, cameras)[0]
    )


def test_a_query_and_a_gallery_get_all_scores():
    scenario = Scenario(data={"sources": {"s": {"format": "synthetic"}}}, evaluation={"far": (0.1,), "fpir": (0.5,)})
    model, query, gallery = build_backbone(MODEL), made_up_images(each=2), made_up_images(each=6, seed=1)
    features = [embed(model, images, batch_size=5, device="cpu") for images in (query, gallery)]
    found = search_metrics(features[0], query, features[1], gallery, scenario)
    sides = [(one, s.identities, s.cameras) for one, s in zip(features, (query, gallery), strict=True)]
    assert found == percent_metrics(rank(*sides[0], *sides[1]))
    both = search_metrics(features[0], query, features[1], gallery, scenario, open_set=True)
    assert both == found | generic_metrics(*sides[0], *sides[1], fars=(0.1,), fpirs=(0.5,))
    assert {"TAR@FAR=1e-1", "TPIR@FPIR=5e-1"} <= both.keys()


def test_percent():
    found = percent_metrics(Ranking(mAP=0.5, mINP=0.25, cmc={1: 0.75, 5: 1.0, 10: 1.0}, queries=8, skipped=2))
    assert found == {"mAP": 50, "rank1": 75, "rank5": 100, "rank10": 100, "mINP": 25, "queries": 8, "skipped": 2}
