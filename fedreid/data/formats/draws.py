"""Random halves of small datasets, drawn once and for all: lists/DATASET.txt, the same on every machine.

Published figures on such datasets are means over ten or so random halves, which everybody drew for themselves. Here
line i of the list is the order of draw i (from 0): of the people who are there, the first ones are the test.

The rule behind the lists needs no random generator, whose numbers might change with its version: people are sorted by
the SHA-256 of "DATASET draw i person p". A test holds the lists against the rule.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

LISTS = Path(__file__).with_name("lists")


def drawn_order(dataset: str, draw: int, people: Iterable[int]) -> list[int]:
    """People's numbers in the order of a draw."""
    return sorted(people, key=lambda person: hashlib.sha256(f"{dataset} draw {draw} person {person}".encode()).digest())


def list_text(dataset: str, draws: int, people: Iterable[int]) -> str:
    """What lists/DATASET.txt holds: one line per draw, with everybody's number."""
    everybody = list(people)
    lines = (" ".join(map(str, drawn_order(dataset, draw, everybody))) for draw in range(draws))
    return "".join(f"{line}\n" for line in lines)


def shipped_order(dataset: str, draw: int) -> list[int]:
    """The order of a draw, from the list that is shipped."""
    lines = (LISTS / f"{dataset}.txt").read_text(encoding="ascii").splitlines()
    return [int(number) for number in lines[draw].split()]


def first_of(order: Iterable[int], present: set[int], wanted: int) -> set[int]:
    """The `wanted` people who come first, of those who are present."""
    return set([person for person in order if person in present][:wanted])
