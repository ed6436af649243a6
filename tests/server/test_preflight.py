"""What is told before the first round about test sets that can't say anything."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from fedreid.data.generic_test import GenericTest
from server.preflight import fruitless_tests

Side = list[tuple[int, int]]  # (identity, camera) of each image


class Made(GenericTest):
    """A test of which only the numbers are known; one (query, gallery) for each draw."""

    def __init__(self, *draws: tuple[Side, Side]) -> None:
        object.__setattr__(self, "draws", draws)

    def sets(self, draw: int = 0) -> tuple[SimpleNamespace, SimpleNamespace]:  # type: ignore[override]
        query, gallery = (np.array(side).reshape(-1, 2) for side in self.draws[draw])
        return (
            SimpleNamespace(identities=query[:, 0], cameras=query[:, 1]),
            SimpleNamespace(identities=gallery[:, 0], cameras=gallery[:, 1]),
        )


def told(**tests: object) -> list[str]:
    return fruitless_tests(SimpleNamespace(generic=tests))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("query", "gallery", "is_fruitless"),
    [
        ([(1, 1), (2, 1)], [(1, 1), (2, 2)], False),  # one is enough
        ([(1, 1), (2, 1)], [(1, 1), (2, 1)], True),
        ([(1, 1)], [(2, 2)], True),
        ([(1, -1)], [(1, -2)], False),  # unknown cameras have numbers of their own
        ([(1, 1)], [(1, 1), (1, 2)], False),
        ([(1, 1)], [], True),
    ],
)
def test_a_test_without_any_match_is_told(query: Side, gallery: Side, is_fruitless: bool) -> None:
    warnings = told(one=Made((query, gallery)))
    assert [text.partition(".")[0] for text in warnings] == [
        "one: no query has a match on another camera, so its ranking has no figures"
    ] * is_fruitless


def test_random_halves_are_counted_and_tests_on_faces_are_passed_over() -> None:
    good, bad = ([(1, 1)], [(1, 2)]), ([(1, 1)], [(1, 1)])
    (warning,) = told(pairs=object(), halves=Made(bad, good, bad))
    assert warning.startswith("halves: in 2 of its 3 random halves, no query has a match")
