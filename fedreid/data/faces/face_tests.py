"""Tests on pairs and on templates of faces as arrays, whose numbers are places of images that could be decoded.

They are kept beside the decoded images, where every process of a run maps them into memory:

    CACHE/tests/pairs-KEY/first.npy ...           KEY: hash of all arrays
    CACHE/tests/templates-KEY/template.npy ...

A run folder only notes these paths. IJB-C compares 15.6 million pairs: as text they would add 200 MB to each run, and
as rows of the dataset's own list every worker would have to see the dataset and parse it for seconds. Since a folder is
named after its content, a resumed run notices other lists just as it notices other images.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from fedreid.data.disk import draft_of, writing
from fedreid.errors import UserError

FOLDER = "tests"
KEY_LENGTH = 32


@dataclass(frozen=True, eq=False)
class PairTest:
    """Pairs of images that show one person (genuine) or two.

    Attributes:
        first, second: (pairs,) int32, places of images.
        genuine: (pairs,) bool.
        fold: (pairs,) int32: accuracy on a fold uses the threshold that suits the others.
    """

    first: np.ndarray
    second: np.ndarray
    genuine: np.ndarray
    fold: np.ndarray


@dataclass(frozen=True, eq=False)
class TemplateTest:
    """Templates of images, pairs of templates, and probes that are looked for in galleries.

    Attributes:
        template: (images,) int32, the place of each image's template.
        media: (images,) int32: images of one template and one media (a video) share a number; no others do.
        score: (images,) float32, of the face detector.
        first, second: (pairs,) int32, places of templates.
        genuine: (pairs,) bool.
        gallery: (enrolled,) int32, the number of the gallery that a template is enrolled in.
        gallery_template, gallery_identity: (enrolled,) int32 place of the template, and int64 whose it is.
        probe_template, probe_identity: (probes,) the same.
    """

    template: np.ndarray
    media: np.ndarray
    score: np.ndarray
    first: np.ndarray
    second: np.ndarray
    genuine: np.ndarray
    gallery: np.ndarray
    gallery_template: np.ndarray
    gallery_identity: np.ndarray
    probe_template: np.ndarray
    probe_identity: np.ndarray


FaceLists = PairTest | TemplateTest
KINDS: dict[str, type[FaceLists]] = {"pairs": PairTest, "templates": TemplateTest}


def sizes_of(lists: FaceLists) -> dict[str, int]:
    """How much there is of what, in plain numbers."""
    sizes = {"pairs": len(lists.first), "genuine_pairs": int(lists.genuine.sum())}
    if isinstance(lists, PairTest):
        return sizes | {"folds": len(np.unique(lists.fold))}
    galleries, people = len(np.unique(lists.gallery)), len(np.unique(lists.gallery_identity))
    return sizes | {"galleries": galleries, "people": people, "probes": len(lists.probe_template)}


def save_lists(lists: FaceLists, cache: Path) -> Path:
    """Write a test's arrays where they aren't yet; safe to call in two runs at once.

    Args:
        cache: folder of all caches.

    Returns:
        The test's own folder.

    Raises:
        UserError: the cache can't be written.
    """
    kind = next(name for name, found in KINDS.items() if isinstance(lists, found))
    folder = (cache / FOLDER / f"{kind}-{_key(lists)}").absolute()
    if not folder.is_dir():
        with writing(cache, f"the test's {kind}"), draft_of(folder) as draft:
            for name, array in _arrays(lists).items():
                np.save(draft / f"{name}.npy", array)
    return folder


def open_lists(folder: Path) -> FaceLists:
    """A test's arrays, memory-mapped.

    Raises:
        UserError: the folder is missing or damaged.
    """
    kind = KINDS.get(folder.name.partition("-")[0])
    if kind is None or not folder.is_dir():
        raise UserError(f"{folder}: a test's lists are expected there. Start the run again to write them.")
    try:
        return kind(**{field.name: np.load(folder / f"{field.name}.npy", mmap_mode="r") for field in fields(kind)})
    except (OSError, ValueError) as error:
        raise UserError(f"{folder} is damaged ({error}).\n  Remove this folder and try again.") from None


def _arrays(lists: FaceLists) -> dict[str, np.ndarray]:
    return {field.name: np.ascontiguousarray(getattr(lists, field.name)) for field in fields(lists)}


def _key(lists: FaceLists) -> str:
    found = hashlib.sha256()
    for name, array in _arrays(lists).items():
        found.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        found.update(array.data)
    return found.hexdigest()[:KEY_LENGTH]
