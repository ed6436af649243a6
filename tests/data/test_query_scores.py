"""The score of every query, as text that reads back to the same bits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fedreid.data.generic_test import GenericTest
from fedreid.data.image_set import SOURCE_STRIDE, ImageSet
from fedreid.data.query_scores import read_query_scores, write_query_scores
from fedreid.errors import UserError
from fedreid.evaluation import rank
from tests.evaluation.oracle import rank_by_sorting

HEADER = "draw,identity,camera,AP,INP,rank\n"


def a_test(identities: list[int], cameras: list[int], draws: list[tuple[list[int], list[int]]]) -> GenericTest:
    n = len(identities)
    pixels = np.zeros((n, 2, 2, 3), np.uint8)
    images = ImageSet(
        [pixels, pixels], np.ones(n, int), np.arange(n), np.array(identities), np.array(cameras)
    )  # of the second source
    return GenericTest(images, [(np.array(query), np.array(gallery)) for query, gallery in draws])


def ranking_of(test: GenericTest, features: np.ndarray, draw: int = 0):  # type: ignore[no-untyped-def]
    query, gallery = test.draws[draw]
    asked, sought = test.sets(draw)
    return rank(features[query], asked.identities, asked.cameras, features[gallery], sought.identities, sought.cameras)


def at(*degrees: float) -> np.ndarray:
    angles = np.radians(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def test_each_query_by_hand(tmp_path: Path) -> None:
    """Query at 0 degrees, of person 7: its matches are at ranks 1 and 3, (1/1 + 2/3) / 2. The one of person 8 has its
    only match last of four. Person 9 has none: its score is empty."""
    features = at(0, 0, 0, 1, 2, 3, 4)
    test = a_test([7, 8, 9, 7, 8, 6, 7], [1, 1, -1, 2, 2, 2, 2], [([0, 1, 2], [3, 5, 6, 4])])
    features[4] = at(50)[0]
    ranking = ranking_of(test, features)
    assert ranking.each.ap.tolist()[:2] == pytest.approx([(1 / 1 + 2 / 3) / 2, 1 / 4])
    write_query_scores(tmp_path / "shop.csv", test, [ranking.each])
    text = (tmp_path / "shop.csv").read_text()
    assert text == HEADER + f"0,7,1,{(1 + 2 / 3) / 2},{2 / 3},1\n0,8,1,0.25,0.25,4\n0,9,-1,,,\n"
    found = read_query_scores(tmp_path / "shop.csv")
    assert found["identity"].tolist() == [7, 8, 9], "as in the source, without the stride between sources"
    assert test.images.identities[0] == 7 + SOURCE_STRIDE
    assert found["AP"].isna().tolist() == [False, False, True]


def test_their_means_are_the_scores_of_the_ranking(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(60, 5))
    test = a_test(rng.integers(0, 9, 60).tolist(), rng.integers(0, 3, 60).tolist(), [([*range(20)], [*range(20, 60)])])
    ranking = ranking_of(test, features)
    write_query_scores(tmp_path / "a.csv", test, [ranking.each])
    found = read_query_scores(tmp_path / "a.csv")
    asked, sought = test.sets()
    mAP, mINP, cmc, skipped = rank_by_sorting(
        features[:20], asked.identities, asked.cameras, features[20:], sought.identities, sought.cameras
    )
    assert found["AP"].mean() == pytest.approx(mAP, abs=1e-12)
    assert found["INP"].mean() == pytest.approx(mINP, abs=1e-12)
    known = found["rank"].dropna()
    assert {k: (known <= k).mean() for k in (1, 5, 10)} == pytest.approx(cmc)
    assert found["AP"].isna().sum() == skipped


def test_each_draw_has_its_rows(tmp_path: Path) -> None:
    test = a_test([1, 1, 2, 2], [1, 2, 1, 2], [([0, 2], [1, 3]), ([1, 3], [0, 2])])
    features = at(0, 1, 90, 91)
    write_query_scores(tmp_path / "a.csv", test, [ranking_of(test, features, draw).each for draw in (0, 1)])
    found = read_query_scores(tmp_path / "a.csv")
    assert found["draw"].tolist() == [0, 0, 1, 1]
    assert found["camera"].tolist() == [1, 1, 2, 2]
    assert found["AP"].tolist() == [1.0] * 4


def test_reading_gives_the_same_bits(tmp_path: Path) -> None:
    test = a_test([1, 1, 1, 1, 2, 1], [1, 2, 3, 4, 2, 5], [([0], [1, 4, 2, 3, 5])])
    ranking = ranking_of(test, at(0, 1, 20, 30, 2, 40))
    write_query_scores(tmp_path / "a.csv", test, [ranking.each])
    assert ranking.each.ap[0] not in (round(ranking.each.ap[0], 6), 1.0), "a number that needs all its digits"
    assert read_query_scores(tmp_path / "a.csv")["AP"].to_numpy().tobytes() == ranking.each.ap.tobytes()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "not the scores of queries"),
        ("draw,identity,camera,AP\n0,1,1,0.5\n", "expected the columns draw, identity, camera, AP, INP, rank"),
        (HEADER + "0,one,1,0.5,0.5,1\n", "not the scores of queries"),
        (HEADER + "0,1,1,half,0.5,1\n", "AP, INP and rank must be numbers"),
        (HEADER + "0,1,1,0.5,0.5,1,7,8\n", "not the scores of queries"),
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / "shop.csv").write_text(text)
    with pytest.raises(UserError, match=f"shop.csv: {why}"):
        read_query_scores(tmp_path / "shop.csv")
