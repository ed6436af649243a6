"""Which layouts lie in a folder: told by the folders and files in it, and by how images are named."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

from fedreid.data.checking.layout import Layout
from fedreid.data.checking.signs import cuhk03_release, flat_folders, ijb_templates, lfw_pairs, msmt17_lists
from fedreid.data.checking.three_folders import three_folders
from fedreid.data.formats import cuhk02, grid, ilids_vid, mars, prid, prid_video, viper
from fedreid.data.formats.vendor_files import images_in
from fedreid.data.tables import IMAGE_SUFFIXES


def layouts_in(folder: Path) -> list[Layout]:
    """Every published layout that lies in a folder, or in the folders that its vendor makes in there."""
    found: list[Layout] = []
    for look in LOOKS:
        with contextlib.suppress(OSError):  # what can't be looked into isn't recognised
            found += look(folder)
    return _merged(found)


def _known_by_folders(folder: Path) -> Iterator[Layout]:
    for format, (needed, nested, fits) in SIGNATURES.items():
        for inside in ("", *nested):
            if all((folder / inside / part).exists() for part in needed) and fits(folder / inside):
                yield Layout(format, inside)
                break


def _merged(found: list[Layout]) -> list[Layout]:
    """CUHK03 may lie there as it was released and re-packed, too: one dataset, of which each version counts once."""
    cuhk03s = [layout for layout in found if layout.format == "cuhk03"]
    if len(cuhk03s) < 2:
        return found
    known = {str(version): version for layout in cuhk03s for version in layout.versions if "boxes" in version}
    whole = Layout("cuhk03", cuhk03s[0].inside, tuple(known.values()) or cuhk03s[0].versions)
    return [whole, *(layout for layout in found if layout.format != "cuhk03")]


def _any_name(folder: str, reads: Callable[[str], object], suffixes: tuple[str, ...]) -> Callable[[Path], bool]:
    """Whether a name in a folder is one of the vendor's."""
    return lambda root: any(reads(file) for file in images_in(root / folder, suffixes))


def _is_viper(file: str) -> bool:
    return viper.person_of(file) is not None  # there is a person 0


# What has to be there, what vendors put around it, and a look at the names in it.
SIGNATURES: dict[str, tuple[tuple[str, ...], tuple[str, ...], Callable[[Path], bool]]] = {
    "viper": (viper.FOLDERS, viper.VENDOR.nested, _any_name("cam_a", _is_viper, viper.SUFFIXES)),
    "grid": (("probe", "gallery"), grid.VENDOR.nested, _any_name("probe", grid.identity_and_camera, IMAGE_SUFFIXES)),
    "prid": (prid.FOLDERS, prid.VENDOR.nested, _any_name("cam_a", prid.person_of, IMAGE_SUFFIXES)),
    "cuhk02": (tuple(f"{pair}/cam1" for pair in cuhk02.PAIRS), cuhk02.VENDOR.nested, lambda root: True),
    "ilids_vid": (ilids_vid.FOLDERS, ilids_vid.VENDOR.nested, lambda root: True),
    "prid_video": (prid_video.FOLDERS, prid_video.VENDOR.nested, lambda root: True),
    "mars": ((mars.TRAIN.images, mars.TEST.images), mars.VENDOR.nested, lambda root: True),
}  # fmt: skip

LOOKS = (three_folders, cuhk03_release, msmt17_lists, lfw_pairs, ijb_templates, _known_by_folders, flat_folders)
