"""Test lists of face recognition: pairs of images, and templates (several images of one person).

Neither has queries and a gallery of single images on cameras, so they aren't an ImageTable. Both name each image once,
so that it is embedded once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd


@dataclass(frozen=True, eq=False)
class PairTable:
    """Pairs of images that show one person (genuine) or two (impostors).

    Attributes:
        name: the source's name in the scenario.
        root: folder that the paths start at.
        images: paths of all images that a pair names (relative, "/" between folders), sorted, each once.
        pairs: one row per pair, in the list's order, with columns first and second (places in `images`), genuine
            (bool) and fold (from 0).
        notes: what a reader of the results should know about this source.
    """

    name: str
    root: Path
    images: tuple[str, ...]
    pairs: pd.DataFrame
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class TemplateTable:
    """Templates, pairs of them to verify, and probes to identify in galleries.

    Attributes:
        name: the source's name in the scenario.
        root: folder that the paths start at.
        images: one row per image, in the list's order, with columns path (relative), template, media (images of one
            video share it: they are averaged first) and score (of the face detector).
        landmarks: float32 (images, 5, 2): x and y of eyes, nose and corners of the mouth, for alignment.
        pairs: one row per pair with columns first and second (templates) and genuine (bool).
        galleries: of each gallery, one row per template with columns template and identity. Identities of different
            galleries don't overlap.
        probes: one row per template with columns template and identity; each has its mate in one of the galleries.
        notes: what a reader of the results should know about this source.
    """

    name: str
    root: Path
    images: pd.DataFrame
    landmarks: np.ndarray
    pairs: pd.DataFrame
    galleries: Mapping[str, pd.DataFrame]
    probes: pd.DataFrame
    notes: tuple[str, ...] = ()
