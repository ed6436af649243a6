"""What two models find for the same queries, one list below the other."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from fedreid.data.examples import Examples, Found, RankedList, Shown
from fedreid.reports.comparison_page.finds import OF_THEIR_OWN, SHARED, notes, shelves
from fedreid.reports.environment import environment

SHELF = '{% from "finds.html.jinja" import shelf as show %}{{ show(shelf) }}'
RUN = SimpleNamespace(scenario=SimpleNamespace(report=SimpleNamespace(images=True)))


def kept(quality: dict[str, float], *, brightness: int | None = 0) -> Examples:
    """By query, its average precision; each finds one image with a colour of its own (None: without pictures)."""
    lists = tuple(
        RankedList(Shown(path, 1, 1), ap, (Found(Shown("found.jpg", 2, 2), 0.5, False),))
        for path, ap in quality.items()
    )
    pictures = None if brightness is None else np.full((2 * len(lists), 8, 4, 3), brightness, np.uint8)
    return Examples(lists, pictures, (), np.empty((0, 4), np.float32))


def test_each_query_stands_with_both_lists_from_the_worst_answered_to_the_best() -> None:
    found = {"shop": {"FedAvg": kept({"b": 0.1, "a": 0.5}), "FedFR": kept({"a": 0.2, "b": 0.9}, brightness=255)}}
    (shelf,) = shelves(found)
    assert [(each.asked, each.title, each.cards[0].path) for each in shelf.lists] == [
        ("Query 1 of 2: identity 1, camera 1", "FedAvg: AP 50.0 %", "a"),
        ("Query 1 of 2: identity 1, camera 1", "FedFR: AP 20.0 %", "a"),
        ("Query 2 of 2: identity 1, camera 1", "FedAvg: AP 10.0 %", "b"),
        ("Query 2 of 2: identity 1, camera 1", "FedFR: AP 90.0 %", "b"),
    ]
    text = environment().from_string(SHELF).render(shelf=shelf)
    assert text.count('<p class="asked">Query') == 2, "once for both"
    assert text.index("FedAvg: AP 10.0\u00a0%") > text.index(">Query 2 of 2") > text.index("FedFR: AP 20.0\u00a0%")
    dark, bright = (shelf.lists[place].cards[1].picture for place in (0, 1))
    assert dark != bright, "each model's own pictures"
    assert shelf.has_pictures
    assert not shelf.is_folded


def test_of_many_queries_four_are_shown_the_worst_and_the_best_among_them() -> None:
    many = kept({f"{number}": number / 10 for number in range(10)})
    (shelf,) = shelves({"shop": {"FedAvg": many, "FedFR": many}})
    assert [each.cards[0].path for each in shelf.lists[::2]] == ["0", "3", "6", "9"]


def test_runs_that_chose_their_own_queries_have_a_shelf_each_and_other_test_sets_are_folded() -> None:
    found = {
        "mall": {"FedAvg": kept({"a": 0.1, "b": 0.2}), "FedFR": kept({"c": 0.3})},
        "shop": {"FedAvg": kept({"a": 0.1}, brightness=None), "FedFR": kept({"a": 0.1})},
    }
    assert [(each.dataset, each.is_folded, each.has_pictures, len(each.lists)) for each in shelves(found)] == [
        ("mall, FedAvg", False, True, 1),
        ("mall, FedFR", False, True, 1),
        ("shop", True, False, 2),
    ]


def test_one_query_in_common_is_no_comparison() -> None:
    found = {"FedAvg": kept({"a": 0.1, "b": 0.5, "c": 0.9}), "FedFR": kept({"c": 0.3, "d": 0.1, "e": 0.2})}
    assert [each.dataset for each in shelves({"shop": found})] == ["shop, FedAvg", "shop, FedFR"]


def test_whose_queries_they_are_is_told_as_it_is() -> None:
    own, shared = {"FedAvg": kept({"a": 0.1}), "FedFR": kept({"b": 0.1})}, {"FedAvg": kept({"a": 0.1})}
    (told,) = notes(RUN, shelves({"shop": own}))  # type: ignore[arg-type]
    assert told.startswith(OF_THEIR_OWN)
    (told,) = notes(RUN, shelves({"shop": shared | {"FedFR": kept({"a": 0.2})}}))  # type: ignore[arg-type]
    assert told.startswith(SHARED)
