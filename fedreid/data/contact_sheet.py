"""A page of pictures: one identity per row, its cameras side by side. To see at a glance what a dataset is like."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, ImageDraw, ImageFont

from fedreid.data.decoding import BadImage, decode, read_bytes
from fedreid.data.formats.market1501 import DISTRACTOR
from fedreid.data.tables import ImageTable

PAPER, INK, FAINT = (255, 255, 255), (32, 34, 40), (130, 134, 142)
MARGIN, GAP, CAMERA_GAP = 14, 3, 9  # pixels around the page, between images, and between cameras


def contact_sheet(table: ImageTable, *, identities: int = 8, per_row: int = 8, height: int = 128) -> Image.Image:
    """Rows of identities, each with images of all its cameras, as different as there are.

    Args:
        table: what to show. People spread evenly over it are taken, those with the most cameras first.
        identities: rows.
        per_row: images in a row, at most.
        height: of an image in pixels; its width is half of that.

    Returns:
        The page, with the identity's number before its row and the camera's under its first image.
    """
    rows = [_spread(images, per_row) for images in _people(table, identities)]
    width = height // 2
    left, label = MARGIN + 40, 16
    longest = max((_row_width(row, width) for row in rows), default=0)
    size = (left + longest + MARGIN, MARGIN + 26 + len(rows) * (height + label + 6) + MARGIN)
    page = Image.new("RGB", size, PAPER)
    draw = ImageDraw.Draw(page)
    bold, small = ImageFont.load_default(15), ImageFont.load_default(10)
    draw.text((MARGIN, MARGIN - 4), table.name, fill=INK, font=bold)
    for number, row in enumerate(rows):
        top = MARGIN + 26 + number * (height + label + 6)
        draw.text((MARGIN, top + height // 2 - 7), f"{row['identity'].iloc[0]:04d}", fill=INK, font=small)
        for x, path, camera, is_first in _placed(row, left, width):
            page.paste(_picture(table.root / path, (height, width)), (x, top))
            if is_first and camera >= 0:
                draw.text((x, top + height + 2), f"camera {camera}", fill=FAINT, font=small)
    return page


def stacked(pages: Sequence[Image.Image]) -> Image.Image:
    """Several pages as one, below each other."""
    whole = Image.new("RGB", (max(page.width for page in pages), sum(page.height for page in pages)), PAPER)
    tops = itertools.accumulate((page.height for page in pages), initial=0)
    for page, top in zip(pages, tops, strict=False):
        whole.paste(page, (0, top))
    return whole


def _people(table: ImageTable, identities: int) -> list[pd.DataFrame]:
    known = table.frame[table.frame["identity"] > DISTRACTOR] if (table.frame["identity"] > 0).any() else table.frame
    seen_by = known.groupby("identity")["camera"].nunique()
    widely = seen_by[seen_by >= seen_by.max()] if (seen_by >= seen_by.max()).sum() >= identities else seen_by
    places = np.linspace(0, len(widely) - 1, min(identities, len(widely))).round().astype(int)
    return [known[known["identity"] == widely.index[place]] for place in places]


def _spread(images: pd.DataFrame, count: int) -> pd.DataFrame:
    """Up to `count` images, as equally from all cameras as possible, sorted by camera."""
    turn = images.groupby("camera").cumcount()
    return (
        images.assign(turn=turn)
        .sort_values(["turn", "camera"], kind="stable")
        .head(count)
        .sort_values(["camera", "path"])
    )


def _placed(row: pd.DataFrame, left: int, width: int) -> list[tuple[int, str, int, bool]]:
    """Left edge, path, camera and whether it is the camera's first image."""
    placed, x, last = [], left, None
    for path, camera in zip(row["path"], row["camera"], strict=True):
        is_first = camera != last
        x += CAMERA_GAP - GAP if is_first and last is not None else 0
        placed.append((x, path, int(camera), is_first))
        x, last = x + width + GAP, camera
    return placed


def _row_width(row: pd.DataFrame, width: int) -> int:
    return _placed(row, 0, width)[-1][0] + width


def _picture(path: Path, size: tuple[int, int]) -> Image.Image:
    try:
        return Image.fromarray(decode(read_bytes(str(path)), size))
    except BadImage:  # a page with a grey field says more than no page
        return Image.new("RGB", (size[1], size[0]), FAINT)
