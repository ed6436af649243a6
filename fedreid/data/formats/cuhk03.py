"""CUHK03: 1,467 people of a campus, each on one of five pairs of cameras, about five photographs per camera.

Li et al., DeepReID: Deep Filter Pairing Neural Network for Person Re-identification, CVPR 2014. As published:

    cuhk03_release/cuhk-03.mat                      photographs and the classic test sets, in MATLAB's version 7.3
    cuhk03_new_protocol_config_detected.mat         Zhong et al., CVPR 2017: lists of the new protocol,
    cuhk03_new_protocol_config_labeled.mat          in MATLAB's version 5

                                   train           query          gallery
    new protocol, detected   767 / 7,365     700 / 1,400     700 / 5,332     identities / images
                  labelled   767 / 7,368     700 / 1,400     700 / 5,328
    classic protocol       1,367              100             100            20 splits; 14,097 detected images in all
                                                                             and 14,096 labelled ones

"Detected" boxes come from a detector, "labelled" ones were drawn by hand. torchreid reports the first by default,
fast-reid the second; table 7.4 of the dissertation mixes them. A person's camera is the view, 1 or 2.

The new protocol re-packed into three folders (`cuhk03_folders`) is read, too, and is preferred where both lie there.

Licence: for research only; the release comes after a request to the authors.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np

from fedreid.data.formats.absent import Absent
from fedreid.data.formats.cuhk03_classic import classic_table
from fedreid.data.formats.cuhk03_folders import PUBLISHED, VENDORS_WORD, Boxes, is_in_folders, read_cuhk03_folders
from fedreid.data.formats.cuhk03_images import images_folder, photo
from fedreid.data.formats.matlab import load_matlab, whole_numbers
from fedreid.data.formats.vendor_files import Vendor, images_in, refuse_no_folder, refuse_split, vendor_table
from fedreid.data.tables import ImageTable, Row
from fedreid.errors import UserError

Protocol = Literal["new", "classic"]

SPLITS = 20  # of the classic protocol
INSIDE = ("", "cuhk03")
RELEASES = ("cuhk03_release/cuhk-03.mat", "cuhk-03.mat", "cuhk03_release/cuhk03_release/cuhk-03.mat")
LISTS = {"train": "train_idx", "query": "query_idx", "gallery": "gallery_idx"}


def read_cuhk03(
    name: str,
    folder: Path,
    cache: Path,
    *,
    verify_counts: bool = True,
    boxes: Boxes = "detected",
    protocol: Protocol = "new",
    split: int = 0,
    scratch: Path | None = None,
) -> ImageTable:
    """The table of one version of CUHK03, under one protocol.

    Args:
        name: the source's name in the scenario.
        folder: the dataset's, as the vendor's archive makes it, or the re-packed one.
        cache: folder of all caches, where photographs go when they are taken out of the .mat file.
        verify_counts: refuse anything but the whole version.
        boxes: the version.
        protocol: "new": 767 people for training and 700 for the test; "classic": 1,367 and 100.
        split: which of the classic protocol's 20 splits, from 0.
        scratch: where they go instead if they aren't in the cache yet: for those who only look.

    Raises:
        UserError: a file is missing or isn't the vendor's, a library is missing that reads it, a list names absent
            images, or the counts aren't the published ones.
    """
    refuse_split(name, split, SPLITS if protocol == "classic" else 1)
    refuse_no_folder(name, folder, [RELEASES[0], _config_name(boxes)])
    if protocol == "new" and is_in_folders(folder, boxes):
        return read_cuhk03_folders(name, folder, verify_counts=verify_counts, boxes=boxes)
    release = _first(folder, RELEASES)
    if protocol == "new":
        return _new_table(name, folder, release, boxes, (cache, scratch), verify_counts)
    if release is None:
        raise UserError(f"{name}: {folder} has no {RELEASES[0]}, which names the classic protocol's test sets.")
    images = images_folder(name, _root(folder), release, boxes, cache, scratch)
    return classic_table(name, images, release, boxes, split, verify_counts=verify_counts)


def _new_table(
    name: str, folder: Path, release: Path | None, boxes: Boxes, places: tuple[Path, Path | None], verify_counts: bool
) -> ImageTable:
    config = _first(folder, (_config_name(boxes), f"cuhk03_release/{_config_name(boxes)}"))
    if config is None:
        raise UserError(
            f"{name}: {folder} has no {_config_name(boxes)}, which lists the new protocol's images.\n"
            "  It comes with the code of the paper on re-ranking (Zhong et al., 2017): put it there."
        )
    images = images_folder(name, _root(folder), release, boxes, *places)
    rows = _listed(config, images, release if places[1] is not None and images.is_relative_to(places[1]) else None)
    vendor = Vendor(f"CUHK03 ({boxes})", INSIDE[1:])
    return vendor_table(name, images.parent, rows, vendor, PUBLISHED[boxes], verify_counts=verify_counts)


def _listed(config: Path, images: Path, release: Path | None = None) -> list[Row]:
    """Rows of the new protocol's lists, which count from 1 into `filelist` and `labels`.

    Args:
        config: the lists.
        images: folder of the photographs.
        release: the .mat file, where they were taken out of it just now; None: that was somebody else, or earlier.
    """
    found = load_matlab(config, ["filelist", "labels", *LISTS.values()])
    files = [_file_name(config, cell) for cell in np.ravel(found["filelist"])]
    labels = whole_numbers(config, "labels", found["labels"]).ravel().tolist()
    if len(files) != len(labels):
        raise UserError(f"{config}: {len(files):,} files but {len(labels):,} labels.\n  Take the vendor's own file.")
    if labels and min(labels) < 1:
        raise UserError(f"{config}: labels holds {min(labels)}; people count from 1.\n  Take the vendor's own file.")
    present = set(images_in(images))
    rows: list[Row] = []
    listed: dict[str, str] = {}  # the list that has a file
    absent = Absent()
    for split, variable in LISTS.items():
        for index in (whole_numbers(config, variable, found[variable]).ravel() - 1).tolist():
            if not 0 <= index < len(files):
                raise UserError(f"{config}: {variable} names image {index + 1:,} of {len(files):,}.")
            _refuse_twice(config, files[index], variable, listed)
            rows.append(_row(config, images, files[index], labels[index], split))
            if files[index] not in present:
                absent.add((release or images) / files[index], f"{config}, {variable}")
    if release is not None:
        absent.refuse("The lists and the .mat file are of different copies, or damaged: take the vendor's own.")
    absent.refuse("Remove that folder to have the photographs taken out of cuhk-03.mat again.")
    return rows


def _file_name(config: Path, cell: Any) -> str:
    """What a cell of `filelist` says: an array that holds one text."""
    text = np.ravel(cell)
    if text.size != 1 or text.dtype.kind != "U":
        raise UserError(f"{config}: filelist holds something else than names of files.\n  Take the vendor's own file.")
    return str(text[0])


def _refuse_twice(config: Path, file: str, variable: str, listed: dict[str, str]) -> None:
    """An image serves once: one that is trained on, or asked twice, makes figures wrong."""
    if file in listed:
        where = f"twice in {variable}" if listed[file] == variable else f"in {listed[file]} and in {variable}"
        raise UserError(f"{config}: {file} is {where}.\n  Take the vendor's own file.")
    listed[file] = variable


def _row(config: Path, images: Path, file: str, label: int, split: str) -> Row:
    if (shot := photo(file)) is None:
        raise UserError(f"{config}: lists {file}; expected a name like 1_001_1_01.png (pair, person, view, image).")
    return f"{images.name}/{file}", label, shot.view, split


def _config_name(boxes: Boxes) -> str:
    return f"cuhk03_new_protocol_config_{VENDORS_WORD[boxes]}.mat"


def _root(folder: Path) -> Path:
    """Where an earlier toolkit may have put images_detected and images_labeled."""
    places = [folder / inside for inside in INSIDE]
    return next((place for place in places if any(place.glob("images_*"))), folder)


def _first(folder: Path, files: tuple[str, ...]) -> Path | None:
    places = [folder / inside / file for inside in INSIDE for file in files]
    return next((place for place in places if place.is_file()), None)
