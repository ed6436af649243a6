"""Plans of CUHK03: the release with everything in MATLAB's files, and the folders of the new protocol.

Both hold every photograph twice. "Labelled" is the same as "detected", cut a little closer, as by hand.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from fedreid.data.formats.cuhk03 import LISTS, RELEASES, SPLITS
from fedreid.data.formats.cuhk03_images import IMAGES_OF_A_VIEW, Photo, photo, photo_name
from fedreid.data.synthetic.layouts import Put, Shot
from fedreid.data.synthetic.layouts.cuhk03 import WORDS, write_config, write_release
from fedreid.data.synthetic.layouts.plan import Box, Plan, View, shots_of
from fedreid.data.synthetic.layouts.sizes import LayoutSize
from fedreid.data.synthetic.layouts.three_folders import cuhk03_np_name, write_three_folders

PAIRS = 5
UNPACKED = ".photographs"  # where they wait until all are there
CLOSER: Box = (3, 4, 61, 126)
LABELLED = 1_000  # added to the number of a labelled photograph
TEST_SETS = 7111  # first word of the seed of the classic protocol's test sets

Cell = tuple[int, int, int]  # pair, person, image


def release(root: Path, size: LayoutSize, put: Put) -> None:
    """The photographs, one by one; `packed` puts them where they belong."""
    for number, word in enumerate(WORDS):
        for shot in photos(size):
            camera, moment = 2 * shot.pair - 2 + shot.view, shot.image + number * LABELLED
            put(root / UNPACKED / word / photo_name(shot), Shot(_identity(shot), camera, moment, "train"))


def packed(root: Path, size: LayoutSize) -> None:
    """Write cuhk-03.mat and the two lists of the new protocol, and remove the single photographs."""
    people = [len(range(pair, size.people, PAIRS)) for pair in range(PAIRS)]
    waiting = root / UNPACKED
    photographs = {word: _Photographs(waiting / word) for word in WORDS}
    write_release(root / RELEASES[0], people, photographs, [_test_set(size, split) for split in range(SPLITS)])
    for word in WORDS:
        _write_lists(root / f"cuhk03_new_protocol_config_{word}.mat", size)
    shutil.rmtree(waiting)


def folders(root: Path, size: LayoutSize, put: Put) -> None:
    """The new protocol in bounding_box_train, query and bounding_box_test, for either version."""
    site = shots_of(replace(size, cameras=2))
    for number, word in enumerate(WORDS):
        shots = [replace(shot, number=shot.number + number * LABELLED) for shot in site]
        write_three_folders(root / "cuhk03-np" / word, shots, cuhk03_np_name, put)


def view_of(shot: Shot) -> View:
    """A labelled photograph is a detected one, cut closer."""
    is_labelled, moment = divmod(shot.number, LABELLED)
    return View(shot.identity, shot.camera, moment, CLOSER if is_labelled else None)


def photos(size: LayoutSize) -> list[Photo]:
    """Everybody's photographs; people go to the five pairs of cameras in turn."""
    return [
        Photo(1 + number % PAIRS, 1 + number // PAIRS, view, image + (view - 1) * IMAGES_OF_A_VIEW)
        for number in range(size.people)
        for view in (1, 2)
        for image in range(1, 1 + size.images_per_camera)
    ]


def _identity(shot: Photo) -> int:
    """The label in the new protocol's lists."""
    return (shot.person - 1) * PAIRS + shot.pair


def _test_set(size: LayoutSize, split: int) -> list[tuple[int, int]]:
    """(pair, person) of as many people as there are for the test, drawn anew for each split."""
    rng = np.random.default_rng([TEST_SETS, size.seed, size.domain, split])
    drawn = sorted(rng.permutation(size.people)[: size.test_identities].tolist())
    return [(1 + number % PAIRS, 1 + number // PAIRS) for number in drawn]


def _write_lists(file: Path, size: LayoutSize) -> None:
    """The last people are the test; of them, the first photograph of each view is a query."""
    listed = photos(size)
    places: dict[str, list[int]] = {use: [] for use in LISTS}
    for place, shot in enumerate(listed):
        is_first = shot.image % IMAGES_OF_A_VIEW == 1
        use = "train" if _identity(shot) <= size.identities else "query" if is_first else "gallery"
        places[use].append(place)
    write_config(file, [(photo_name(shot), _identity(shot), shot.view) for shot in listed], places)


class _Photographs(Mapping[Cell, np.ndarray]):
    """Pixels by cell, read when they are asked for: a large copy wouldn't fit into memory."""

    def __init__(self, folder: Path) -> None:
        found = {file: photo(file.name) for file in sorted(folder.iterdir())}
        self._files = {(shot.pair, shot.person, shot.image): file for file, shot in found.items() if shot}

    def __getitem__(self, cell: Cell) -> np.ndarray:
        with Image.open(self._files[cell]) as image:
            return np.asarray(image.convert("RGB"))

    def __iter__(self) -> Iterator[Cell]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)


# Two images of each view at least: a query, and another for the gallery.
PLANS = {
    "cuhk03": {
        "release": Plan(release, 4_995, (10, 10), (2, 5), view_of, needs=("scipy", "h5py"), finish=packed),
        "folders": Plan(folders, 9_999, (2, 2), (2, 99), view_of),
    }
}
