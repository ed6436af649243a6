"""How each format is read when it is checked: its reader, its folders, how it reads a name, what it counts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fedreid.data.checking.catalogue_entry import Counted, Entry, Version
from fedreid.data.formats import (
    cuhk01,
    cuhk02,
    grid,
    ijb,
    ilids,
    ilids_vid,
    lfw,
    mars,
    msmt17,
    pes3d,
    prid,
    prid_video,
    viper,
)
from fedreid.data.formats.cuhk03 import read_cuhk03
from fedreid.data.formats.cuhk03_classic import PUBLISHED as CLASSIC
from fedreid.data.formats.cuhk03_folders import NAME as REPACKED_NAME
from fedreid.data.formats.cuhk03_images import photo
from fedreid.data.formats.duke import LAYOUT, read_duke
from fedreid.data.formats.face_lists import PairTable, TemplateTable
from fedreid.data.formats.folder import read_folder
from fedreid.data.formats.market1501 import FOLDERS, identity_and_camera, read_market1501
from fedreid.data.formats.mars_lists import person_and_camera
from fedreid.data.formats.msmt17_lists import camera_of
from fedreid.data.formats.tracklets import TrackletTable
from fedreid.data.formats.vendor_files import count, parts_of
from fedreid.data.tables import IMAGE_SUFFIXES, ImageTable

Read = ImageTable | TrackletTable | PairTable | TemplateTable
THREE = tuple(FOLDERS.values())


@dataclass(frozen=True)
class Reading:
    """How one format is read.

    Attributes:
        read: of (name, folder, and options by name).
        folders: the folders of its images, relative to its root; "" is the root itself.
        fits: whether a file's name is one that it reads; whatever a list names, where lists say what is read.
        suffixes: of its images.
    """

    read: Callable[..., Any]
    folders: tuple[str, ...] = ("",)
    fits: Callable[[str], bool] = lambda file: True
    suffixes: tuple[str, ...] = IMAGE_SUFFIXES


READINGS: dict[str, Reading] = {
    "market1501": Reading(read_market1501, THREE, lambda file: identity_and_camera(file) is not None),
    "dukemtmc": Reading(read_duke, THREE, lambda file: LAYOUT.pattern.fullmatch(file) is not None),
    "cuhk03": Reading(read_cuhk03, ("",), lambda file: bool(photo(file) or REPACKED_NAME.fullmatch(file))),
    "msmt17": Reading(msmt17.read_msmt17, sum(msmt17.FOLDERS.values(), ()), lambda file: camera_of(file) is not None),
    "viper": Reading(viper.read_viper, viper.FOLDERS, lambda file: viper.person_of(file) is not None, viper.SUFFIXES),
    "grid": Reading(grid.read_grid, ("probe", "gallery"), lambda file: grid.identity_and_camera(file) is not None),
    "ilids": Reading(ilids.read_ilids, fits=lambda file: ilids.person_and_image(file) is not None),
    "prid": Reading(prid.read_prid, prid.FOLDERS, lambda file: bool(prid.person_of(file))),
    "cuhk01": Reading(cuhk01.read_cuhk01, fits=lambda file: cuhk01.person_and_camera(file) is not None),
    "cuhk02": Reading(cuhk02.read_cuhk02, cuhk02.PAIRS, lambda file: cuhk02.person_of(file) is not None),
    "3dpes": Reading(
        pes3d.read_3dpes, fits=lambda file: pes3d.person_and_view(file) is not None, suffixes=pes3d.SUFFIXES
    ),
    "ilids_vid": Reading(ilids_vid.read_ilids_vid, ilids_vid.FOLDERS),
    "prid_video": Reading(prid_video.read_prid_video, prid_video.FOLDERS),
    "mars": Reading(
        mars.read_mars, (mars.TRAIN.images, mars.TEST.images), lambda file: person_and_camera(file) is not None
    ),
    "lfw": Reading(lfw.read_pairs, fits=lambda file: lfw.NUMBERED.fullmatch(file) is not None),
    "ijb": Reading(ijb.read_templates, (ijb.IMAGES,)),
    "folder": Reading(read_folder),
}


def read(
    format: str, name: str, folder: Path, cache: Path, options: Mapping[str, Any], *, scratch: Path | None = None
) -> Read:
    """One version of a dataset, whatever its counts.

    Args:
        format: as a scenario names it.
        name: the source's name.
        folder: the dataset's.
        cache: folder of all caches: CUHK03's photographs are taken out of their .mat file into it.
        options: of the reader.
        scratch: where they go instead if they aren't in the cache yet; None: into the cache.

    Raises:
        UserError: as the reader.
    """
    given = dict(options)
    if format == "cuhk03":
        given |= {"cache": cache, "scratch": scratch}
    if format != "folder":
        given["verify_counts"] = False
    found: Read = READINGS[format].read(name, folder, **given)
    return found


def published(about: Entry, options: Mapping[str, str]) -> Mapping[str, Counted]:
    """What the version has that these options choose."""
    if options.get("protocol") == "classic":
        return {"all": CLASSIC["labelled" if options.get("boxes") == "labelled" else "detected"]}
    fitting = (version for version in about.versions if version.options.items() <= options.items())
    return next(fitting, about.versions[0] if about.versions else Version({})).parts


def found_in(table: Read, wanted: Mapping[str, Counted], images: int) -> dict[str, Counted]:
    """The same parts of what was read.

    Args:
        table: what the reader found.
        wanted: the published parts.
        images: on disk, for protocols that draw some of them.
    """
    if isinstance(table, PairTable):
        genuine, pairs = int(table.pairs["genuine"].sum()), len(table.pairs)
        found = {"genuine pairs": genuine, "impostor pairs": pairs - genuine, "folds": table.pairs["fold"].nunique()}
        return {part: (None, number) for part, number in found.items()}
    if isinstance(table, TemplateTable):
        return {part: (None, number) for part, number in ijb.counts(table).items()}
    if "all" in wanted:
        return {"all": (int(table.frame["identity"].nunique()), images)}
    columns = table.frame[["identity", "camera", "split"]].itertuples(index=False, name=None)
    parts = parts_of(("", *row) for row in columns)
    counted: dict[str, Counted] = {}
    for part, rows in parts.items():
        people, number = count(rows) if wanted else (len({row[1] for row in rows}), len(rows))  # 0 is a person, too
        counted[part] = (None if wanted.get(part, (0, 0))[0] is None else people, number)
    return counted


def images_in_table(table: Read) -> list[str]:
    """Paths of all images that were read, relative to the table's root."""
    if isinstance(table, ImageTable):
        return list(dict.fromkeys(table.frame["path"]))
    if isinstance(table, TemplateTable):
        return list(table.images["path"])
    return list(dict.fromkeys(table.images))


def folders_of(format: str, root: Path, tables: Sequence[Read]) -> tuple[str, ...]:
    """The folders of a format's images, relative to a root; of CUHK03 those that were read."""
    if format != "cuhk03":
        return READINGS[format].folders
    if all((root / part).is_dir() for part in THREE):
        return THREE
    return tuple(dict.fromkeys(image.partition("/")[0] for table in tables for image in images_in_table(table)[:1]))
