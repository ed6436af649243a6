"""Faces in the pipeline of all other images: from a vendor's lists to a table, and to a test on what was decoded."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from fedreid.data.faces.face_tests import FaceLists, PairTest, TemplateTest
from fedreid.data.formats.face_lists import PairTable, TemplateTable
from fedreid.data.tables import ImageTable, image_table
from fedreid.errors import UserError

NOBODY = -1  # identity of a face whose name no list tells


def pair_images(table: PairTable) -> ImageTable:
    """Every image that a pair names, as part of a test: nobody trains on it. An identity is the place of a folder."""
    folders = [path.rpartition("/")[0] for path in table.images]
    people = {folder: place for place, folder in enumerate(sorted(set(folders)))}
    rows = [(path, people[folder], -1, "gallery") for path, folder in zip(table.images, folders, strict=True)]
    return replace(image_table(table.name, table.root, rows, table.notes), faces=table)


def template_images(table: TemplateTable, *, align: bool = True) -> ImageTable:
    """Every image of a template, as part of a test: nobody trains on it. Identities are those of galleries and probes.

    Args:
        align: by the landmarks, when images are decoded.
    """
    known = pd.concat([*table.galleries.values(), table.probes]).drop_duplicates("template").set_index("template")
    people = table.images["template"].map(known["identity"]).fillna(NOBODY).astype("int64")
    paths = table.images["path"]
    rows = zip(paths, people, [-1] * len(paths), ["gallery"] * len(paths), strict=True)
    found = image_table(table.name, table.root, rows, table.notes)
    place = {path: row for row, path in enumerate(paths)}
    order = [place[path] for path in found.frame["path"]]
    return replace(found, faces=table, landmarks=table.landmarks[order] if align else None)


def face_test(table: ImageTable) -> tuple[FaceLists, tuple[str, ...]]:
    """The test on the images of a table, of which some may be missing that couldn't be decoded, and notes about these.

    Pairs of missing images are left out; so is a template of which no image is left, with all that asks for it.

    Raises:
        UserError: nothing is left.
    """
    paths = table.frame["path"].tolist()
    if isinstance(table.faces, PairTable):
        return _pair_test(table.faces, paths)
    if isinstance(table.faces, TemplateTable):
        return _template_test(table.faces, paths)
    raise ValueError(f"{table.name}: expected a table of pairs or templates, found one without either")


def _pair_test(table: PairTable, paths: list[str]) -> tuple[PairTest, tuple[str, ...]]:
    place = {path: row for row, path in enumerate(paths)}
    row = np.array([place.get(path, -1) for path in table.images], dtype=np.int32)
    pairs = table.pairs
    first, second = row[pairs["first"]], row[pairs["second"]]
    kept = (first >= 0) & (second >= 0)
    if not kept.any():
        raise UserError(f"{table.name}: no pair is left whose two images can be decoded, in {table.root}.")
    found = PairTest(
        first[kept],
        second[kept],
        pairs["genuine"].to_numpy(dtype=bool)[kept],
        pairs["fold"].to_numpy(dtype=np.int32)[kept],
    )
    return found, _notes({"pairs": (kept.sum(), len(kept))})


def _template_test(table: TemplateTable, paths: list[str]) -> tuple[TemplateTest, tuple[str, ...]]:
    images = table.images.set_index("path").loc[paths]
    names, template = np.unique(images["template"].to_numpy(), return_inverse=True)
    videos, video = np.unique(images["media"].to_numpy(), return_inverse=True)
    _, media = np.unique(template * len(videos) + video, return_inverse=True)
    pairs = table.pairs
    first, second = (_places(pairs[column].to_numpy(), names) for column in ("first", "second"))
    enrolled = pd.concat([frame.assign(gallery=number) for number, frame in enumerate(table.galleries.values())])
    enrolled_template = _places(enrolled["template"].to_numpy(), names)
    probe_template = _places(table.probes["template"].to_numpy(), names)
    kept, is_enrolled, is_probe = (first >= 0) & (second >= 0), enrolled_template >= 0, probe_template >= 0
    if not kept.any() and not is_probe.any():
        raise UserError(f"{table.name}: no pair and no probe is left whose images can be decoded, in {table.root}.")
    found = TemplateTest(
        template=template.astype(np.int32),
        media=media.astype(np.int32),
        score=images["score"].to_numpy(np.float32),
        first=first[kept],
        second=second[kept],
        genuine=pairs["genuine"].to_numpy(dtype=bool)[kept],
        gallery=enrolled["gallery"].to_numpy(np.int32)[is_enrolled],
        gallery_template=enrolled_template[is_enrolled],
        gallery_identity=enrolled["identity"].to_numpy(np.int64)[is_enrolled],
        probe_template=probe_template[is_probe],
        probe_identity=table.probes["identity"].to_numpy(np.int64)[is_probe],
    )
    everybody = table.images["template"].nunique()
    sizes = {"templates": (len(names), everybody), "pairs": (kept.sum(), len(kept))}
    return found, _notes(sizes | {"probes": (is_probe.sum(), len(is_probe))})


def _places(values: np.ndarray, names: np.ndarray) -> np.ndarray:
    """(n,) int32 place of each value among the rising `names`, -1 where it isn't one."""
    places = np.searchsorted(names, values).clip(max=len(names) - 1)
    return np.where(names[places] == values, places, -1).astype(np.int32)


def _notes(sizes: dict[str, tuple[int, int]]) -> tuple[str, ...]:
    """What was left out, of (kept, all) by kind."""
    lost = [f"{every - kept:,} of {every:,} {kind}" for kind, (kept, every) in sizes.items() if kept < every]
    return (f"left out with images that can't be decoded: {', '.join(lost)}",) if lost else ()
