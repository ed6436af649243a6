"""Partitions of made-up tables: who is in which part."""

from __future__ import annotations

from typing import Any

from fedreid.data.partition import partition
from fedreid.data.splits import PERSON, Split
from fedreid.data.tables import ImageTable
from fedreid.scenario.schema import PartitionSettings


def split_of(*tables: ImageTable, seed: int = 0, **options: Any) -> Split:
    """A partition of these tables, by their names."""
    return partition({each.name: each for each in tables}, PartitionSettings(**options), seed)


def people(split: Split, part: str) -> set[tuple[str, int]]:
    """The source and the number of everybody in a part."""
    return set(split.part(part)[PERSON].itertuples(index=False, name=None))


def sizes(split: Split) -> list[int]:
    """How many people each client has."""
    return [len(people(split, part)) for part in split.clients]
