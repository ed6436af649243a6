"""Ranked lists, as the page and Markdown show them: a query, and what it finds, right or wrong."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from fedreid.data.examples import Examples, Found, RankedList, Shown
from fedreid.reports.loading import RunFolder
from fedreid.reports.numbers import DASH, percent, plural
from fedreid.reports.tables import Cell, Table, row

MOST_OPEN = 3  # test sets whose lists stand open
QUALITY = 85  # of JPEG: people are no larger than a stamp
TICK, CROSS = "✓", "✗"
DRAWN = (
    "Queries are drawn at random, the same ones for every method with this seed, and stand in the order of their "
    "average precision (AP), the worst answered first."
)


@dataclass(frozen=True)
class Card:
    """One image of a list.

    Attributes:
        sign: TICK, CROSS, or "" for the query; `rank`: "query", or its place.
        who, camera, score: small texts; `score` is empty for the query.
        path: of the image in its source.
        alt: all of this, in words.
        picture: a data URI; "" without pictures.
        size: width and height of the picture in pixels.
    """

    sign: str
    rank: str
    who: str
    camera: str
    score: str
    path: str
    alt: str
    picture: str = ""
    size: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class List:
    """One query's answer.

    Attributes:
        title: which query it is, and how well it was answered; the latter alone where `asked` says the rest.
        cards: the query's first.
        asked: which query it is, where lists of several models stand one below the other.
    """

    title: str
    cards: tuple[Card, ...]
    asked: str = ""


@dataclass(frozen=True)
class Shelf:
    """The lists of one test set; `is_folded`: behind a click."""

    dataset: str
    lists: tuple[List, ...]
    has_pictures: bool
    is_folded: bool = False


def shelves(found: Mapping[str, Examples]) -> list[Shelf]:
    """Those of every test set that has some."""
    shown = {name: examples for name, examples in found.items() if examples.lists}
    return [_shelf(name, examples, place >= MOST_OPEN) for place, (name, examples) in enumerate(shown.items())]


def _shelf(dataset: str, examples: Examples, is_folded: bool) -> Shelf:
    names = [f"Query {number} of {len(examples.lists)}" for number in range(1, len(examples.lists) + 1)]
    lists = lists_of(examples, dict(enumerate(names)))
    return Shelf(dataset, tuple(lists), examples.pictures is not None, is_folded)


def lists_of(examples: Examples, names: Mapping[int, str], whose: str = "") -> list[List]:
    """Some of them, in the order of `names`.

    Args:
        names: what each is called, by its place among the examples.
        whose: whose list it is, where there are several of one query.
    """
    starts = np.cumsum([0, *(1 + len(each.found) for each in examples.lists)])
    found = []
    for place, name in names.items():
        pictures = None if examples.pictures is None else examples.pictures[starts[place] : starts[place + 1]]
        found.append(_list(name, examples.lists[place], pictures, whose))
    return found


def _list(name: str, ranked: RankedList, pictures: np.ndarray | None, whose: str) -> List:
    cards = [_query(ranked.query), *(_found(place, each) for place, each in enumerate(ranked.found, start=1))]
    if pictures is not None:
        cards = [_with_picture(card, picture) for card, picture in zip(cards, pictures, strict=True)]
    asked = f"{name}: {_who(ranked.query)}, {_camera(ranked.query)}"
    quality = f"AP {percent(100 * ranked.ap)} %"
    return List(f"{whose}: {quality}", tuple(cards), asked) if whose else List(f"{asked} · {quality}", tuple(cards))


def _query(image: Shown) -> Card:
    who, camera = _who(image), _camera(image)
    return Card("", "query", who, camera, "", image.path, f"Query: {who}, {camera}")


def _found(place: int, found: Found) -> Card:
    who, camera, score = _who(found.image), _camera(found.image), f"{found.similarity:.2f}".replace("-", "−")
    verdict = "right" if found.is_right else "wrong"
    alt = f"Rank {place}, {verdict}: {who}, {camera}, similarity {score}"
    return Card(TICK if found.is_right else CROSS, str(place), who, camera, score, found.image.path, alt)


def _with_picture(card: Card, picture: np.ndarray) -> Card:
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, format="JPEG", quality=QUALITY)
    uri = f"data:image/jpeg;base64,{base64.b64encode(stream.getvalue()).decode()}"
    size = (picture.shape[1], picture.shape[0])
    return Card(card.sign, card.rank, card.who, card.camera, card.score, card.path, card.alt, uri, size)


def _who(image: Shown) -> str:
    return f"identity {image.identity}"


def _camera(image: Shown) -> str:
    return f"camera {image.camera}" if image.camera >= 0 else "unknown camera"


def notes(run: RunFolder, shelves: Sequence[Shelf], which: str = DRAWN) -> list[str]:
    """How to read the lists; `which`: a sentence on whose queries they are."""
    if not shelves:
        return []
    lines = [
        f"{which} After each one stand the gallery images that are most like it. {TICK} in a green frame: the same "
        f"person. {CROSS} in a dashed orange frame: somebody else. Beside the rank stands the cosine similarity. "
        "Images of the query's person by the query's camera are left out, as in the scores."
    ]
    if not run.scenario.report.images:
        lines.append("Pictures are left out, as the scenario says (report.images = false).")
    elif not all(shelf.has_pictures for shelf in shelves):
        lines.append("This run kept no pictures.")
    return lines


def tables(found: Mapping[str, Examples]) -> list[Table]:
    """The lists in text: one row for each query."""
    return [_table(name, examples) for name, examples in found.items() if examples.lists]


def _table(dataset: str, examples: Examples) -> Table:
    longest = max(len(each.found) for each in examples.lists)
    rows = []
    for each in examples.lists:
        first = next((place for place, found in enumerate(each.found, start=1) if found.is_right), None)
        signs = " ".join(TICK if found.is_right else CROSS for found in each.found)
        rows.append(row(
            _who(each.query), _camera(each.query), signs, Cell(percent(100 * each.ap), value=100 * each.ap),
            DASH if first is None else str(first),
        ))  # fmt: skip
    columns = ("Query", "Seen by", f"First {plural(longest, 'result')}", "AP (%)", "First right one at")
    note = (
        "Queries drawn at random, the worst answered first. Results begin with the most similar image; "
        f"{TICK}: the same person, {CROSS}: somebody else."
    )
    return Table(f"What queries find: {dataset}", columns, tuple(rows), note, text_columns=3)
