"""Lists of pairs in LFW's format, line by line."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fedreid.errors import UserError

Image = tuple[str, int]  # person, number of the image


@dataclass(frozen=True)
class Pair:
    """Two images, of one person or of two.

    Attributes:
        first: person and number of the image.
        second: the same.
        genuine: whether it was written as a pair of one person.
        line: in the list, from 1.
    """

    first: Image
    second: Image
    genuine: bool
    line: int


def pair_of(text: str, line: int = 1) -> Pair | None:
    """What a line says, or None where it isn't such a line. With tabs, names may hold spaces."""
    fields = [field.strip() for field in text.strip().split("\t")] if "\t" in text.strip() else text.split()
    if len(fields) not in (3, 4) or not all(fields):
        return None
    genuine = len(fields) == 3
    person, number = fields[0], fields[1]
    other, other_number = (person, fields[2]) if genuine else (fields[2], fields[3])
    if not (_is_number(number) and _is_number(other_number)) or any(_leaves(name) for name in (person, other)):
        return None
    return Pair((person, int(number)), (other, int(other_number)), genuine, line)


def pairs_in(file: Path) -> tuple[list[Pair], tuple[int, int] | None]:
    """A list's pairs, and what its first line says: (folds, pairs of each kind in a fold), or None without it.

    Raises:
        UserError: the list is empty, can't be read, or a line doesn't fit.
    """
    try:
        lines = file.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{file}: can't be read as a list of pairs (text in UTF-8): {error}.") from None
    head = lines[0].split()
    has_head = len(head) in (1, 2) and all(map(_is_number, head))
    pairs = []
    for number, text in enumerate(lines[has_head:], start=1 + has_head):
        if not text.strip():
            continue
        if (pair := pair_of(text, number)) is None:
            raise UserError(
                f"{file}, line {number}: expected a name and two numbers, or a name and a number twice, found "
                f"{text.strip()[:80]!r}.\n  As in: Abel_Pacheco 1 4, or Abel_Pacheco 1 Zico 2."
            )
        pairs.append(pair)
    if not pairs:
        raise UserError(f"{file}: holds no pairs; expected lines such as: Abel_Pacheco 1 4")
    if not has_head:
        return pairs, None
    return pairs, (int(head[0]) if len(head) == 2 else 1, int(head[-1]))


def folds_of(file: Path, pairs: Sequence[Pair], said: tuple[int, int] | None) -> list[int]:
    """The fold of each pair, from 0: one ends where genuine pairs follow impostors.

    Raises:
        UserError: that doesn't give what the first line says.
    """
    folds = [0]
    for before, pair in itertools.pairwise(pairs):
        folds.append(folds[-1] + (pair.genuine and not before.genuine))
    if said and (folds[-1] + 1, len(pairs)) != (said[0], 2 * said[0] * said[1]):
        raise UserError(
            f"{file}: its first line says {said[0]:,} folds of {said[1]:,} genuine pairs and {said[1]:,} impostors; "
            f"found {len(pairs):,} pairs in {folds[-1] + 1:,}.\n  Correct the first line, or take it out."
        )
    return folds


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 10


def _leaves(name: str) -> bool:
    """Whether a person's name would lead out of the folder."""
    return name in (".", "..") or "/" in name or "\\" in name or "\0" in name
