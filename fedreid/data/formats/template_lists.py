"""IJB's lists: which images make a template, which templates are compared, and who is looked for in whom."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fedreid.errors import UserError

LANDMARKS = 5
SCORE = 2 * LANDMARKS + 1  # column, behind the image's name and the landmarks


def media_of(file: Path) -> pd.DataFrame:
    """The images: columns path (as in the list), template and media.

    Raises:
        UserError: the list is empty or damaged, names an image twice, or an image outside its folder.
    """
    found = _columns(file, {0: "path", 1: "template", 2: "media"}, {0: str, 1: np.int64, 2: np.int64}, columns=3)
    if (twice := found["path"].duplicated()).any():
        raise UserError(f"{file}: names {found['path'][twice].iloc[0]} twice.\n  Take one of the two lines out.")
    return found


def landmarks_of(file: Path, images: pd.Series[str]) -> tuple[np.ndarray, np.ndarray]:
    """Scores of the face detector, float32 (images,), and landmarks, float32 (images, 5, 2).

    Raises:
        UserError: the list is damaged, or isn't of these images in this order.
    """
    types = {0: str, **dict.fromkeys(range(1, SCORE + 1), np.float32)}
    found = _columns(file, {column: str(column) for column in types}, types, columns=SCORE + 1)
    if len(found) != len(images) or (found["0"].to_numpy() != images.to_numpy()).any():
        raise UserError(
            f"{file}: expected one line for each of the {len(images):,} images of the list of templates, in its order; "
            f"found {len(found):,} lines{_first_other(found['0'].tolist(), images.tolist())}.\n"
            "  Take both lists from one release."
        )
    numbers = found.drop(columns="0").to_numpy(np.float32)
    return numbers[:, -1].copy(), numbers[:, :-1].reshape(-1, LANDMARKS, 2).copy()


def pairs_of(file: Path, templates: set[int]) -> pd.DataFrame:
    """The pairs: columns first and second (templates) and genuine.

    Raises:
        UserError: the list is empty or damaged, or names a template that has no image.
    """
    # 15 million lines in IJB-C: 32 bits are enough for a template, and halve the memory.
    found = _columns(file, {0: "first", 1: "second", 2: "genuine"}, {0: np.int32, 1: np.int32, 2: np.int8}, columns=3)
    if not found["genuine"].isin((0, 1)).all():
        raise UserError(f"{file}: expected 1 (genuine) or 0 in the third column.\n  Take the list from the release.")
    for column in ("first", "second"):
        _refuse_unknown(file, found[column], templates)
    return found.astype({"genuine": bool})


def identified(file: Path, templates: set[int]) -> pd.DataFrame:
    """A gallery or the probes: columns template and identity, one row per template in order of its number.

    Raises:
        UserError: the list is empty or damaged, names a template that has no image, or gives a template two people.
    """
    wanted = {"TEMPLATE_ID": "template", "SUBJECT_ID": "identity"}
    found = _read(file, sep=",", usecols=list(wanted), dtype=np.int64).rename(columns=wanted)
    found = found[["template", "identity"]].drop_duplicates().sort_values("template").reset_index(drop=True)
    if (twice := found["template"].duplicated()).any():
        raise UserError(f"{file}: gives template {found['template'][twice].iloc[0]} two people.\n  Correct the list.")
    _refuse_unknown(file, found["template"], templates)
    return found


def _columns(file: Path, names: Mapping[int, str], types: Mapping[int, Any], *, columns: int) -> pd.DataFrame:
    found = _read(file, sep=r"\s+", header=None, dtype=types, quoting=csv.QUOTE_NONE)
    if found.shape[1] != columns:
        raise UserError(
            f"{file}: expected {columns} columns, found {found.shape[1]}.\n  Take the list from the release."
        )
    return found.rename(columns=dict(names))


def _read(file: Path, **options: Any) -> pd.DataFrame:
    try:
        found: pd.DataFrame = pd.read_csv(file, na_filter=False, **options)
    except (OSError, ValueError, OverflowError) as error:  # ValueError: whatever pandas can't parse
        text = " ".join(str(error).split())
        raise UserError(f"{file}: can't be read as one of IJB's lists: {text}.\n  Take it from the release.") from None
    if found.empty:
        raise UserError(f"{file}: is empty.\n  Take the list from the release.")
    return found


def _refuse_unknown(file: Path, named: pd.Series[int], templates: set[int]) -> None:
    if unknown := set(named.unique().tolist()) - templates:
        raise UserError(
            f"{file}: names template {min(unknown)}, of which the list of templates has no image.\n"
            "  Take both lists from one release; for a subset, take its lines out."
        )


def _first_other(found: Sequence[str], expected: Sequence[str]) -> str:
    pairs = enumerate(zip(found, expected, strict=False), start=1)
    other = next((line for line, (here, there) in pairs if here != there), None)
    return "" if other is None else f", the first of another image on line {other:,}"
