"""Random halves that are shipped as text: complete, and what the rule says."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from fedreid.data.formats.draws import LISTS, first_of, list_text, shipped_order

SHIPPED = {"viper": (10, range(1_000))}


@pytest.mark.parametrize("dataset", SHIPPED)
def test_the_shipped_list_follows_the_rule(dataset: str) -> None:
    draws, people = SHIPPED[dataset]
    assert (LISTS / f"{dataset}.txt").read_text(encoding="ascii") == list_text(dataset, draws, people)
    for draw in range(draws):  # the rule, once more
        key = {
            hashlib.sha256(f"{dataset} draw {draw} person {person}".encode()).hexdigest(): person for person in people
        }
        assert shipped_order(dataset, draw) == [key[digest] for digest in sorted(key)]


def test_draws_differ_and_hardly_agree() -> None:
    halves = [set(shipped_order("viper", draw)[:500]) for draw in range(10)]
    shared = [len(halves[a] & halves[b]) for a in range(10) for b in range(a)]
    # Of two independent halves of 1,000 people, 250 are expected to be shared, with a standard deviation of 7.9.
    assert all(250 - 4 * 7.9 < number < 250 + 4 * 7.9 for number in shared)


def test_of_those_present_the_first_are_taken() -> None:
    assert first_of([4, 1, 3, 2], {1, 2, 3}, 2) == {1, 3}
    assert first_of([4, 1], {1, 9}, 2) == {1}


def test_lists_are_plain_lines_of_numbers() -> None:
    files: list[Path] = sorted(LISTS.glob("*.txt"))
    assert [file.stem for file in files if file.stem in SHIPPED] == sorted(SHIPPED)
