"""MSMT17: 4,101 people on 15 cameras of a campus, indoors and outdoors, over four days.

Wei et al., Person Transfer GAN to Bridge Domain Gap for Person Re-Identification, CVPR 2018. As published:

    MSMT17_V1/                                      MSMT17_V2/ is the same with blurred faces,
        train/0000/0000_000_01_0303morning_0008_0.jpg   in mask_train_v2/ and mask_test_v2/
        test/0000/...
        list_train.txt     1,041 identities, 30,248 images
        list_val.txt       the same people,   2,373 images
        list_query.txt     3,060 identities, 11,659 images
        list_gallery.txt   3,060 identities, 82,161 images

A line such as "0000/0000_000_01_0303morning_0008_0.jpg 0" gives the path inside train (or test) and the identity; the
third part of the name is the camera. Identities count from 0 in train and again in test: here training people are
numbered from 1 and test people from 10,001, since 0 stands for nobody in particular.

The validation list belongs to the training people. Some published figures train on it (32,621 images), some don't.

Licence: for research only, after signing the publisher's agreement.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from fedreid.data.formats.absent import Absent
from fedreid.data.formats.msmt17_lists import Present, rows_of
from fedreid.data.formats.vendor_files import Counts, Vendor, around, refuse_no_folder, vendor_table
from fedreid.data.tables import ImageTable, Row
from fedreid.errors import UserError

Version = Literal["V1", "V2"]

FOLDERS: dict[Version, tuple[str, str]] = {"V1": ("train", "test"), "V2": ("mask_train_v2", "mask_test_v2")}
LISTS = {"train": "list_train.txt", "val": "list_val.txt", "query": "list_query.txt", "gallery": "list_gallery.txt"}
PUBLISHED: dict[str, Counts] = {"train": (1_041, 30_248), "query": (3_060, 11_659), "gallery": (3_060, 82_161)}
WITH_VALIDATION: Counts = (1_041, 32_621)
FIRST_TRAIN, FIRST_TEST = 1, 10_001


def read_msmt17(
    name: str,
    folder: Path,
    *,
    verify_counts: bool = True,
    version: Version | None = None,
    with_validation: bool = False,
) -> ImageTable:
    """The table of MSMT17.

    Args:
        name: the source's name in the scenario.
        folder: where the lists are, or the folder around it.
        verify_counts: refuse anything but the whole dataset.
        version: V2 has blurred faces; None: whichever is there.
        with_validation: train on the validation list, too.

    Raises:
        UserError: a folder or a list is missing, both versions are there and none was chosen, a line or a name doesn't
            fit, a list names absent images or one twice, or the counts aren't the published ones.
    """
    root, found = _find(name, folder, version)
    _refuse_no_lists(name, root, with_validation)
    vendor = _vendor(found)
    rows, notes = _rows(root, found, with_validation)
    published = {**PUBLISHED, "train": WITH_VALIDATION} if with_validation else PUBLISHED
    return vendor_table(name, root, rows, vendor, published, verify_counts=verify_counts, notes=notes)


def _vendor(version: Version) -> Vendor:
    return Vendor(f"MSMT17 {version}", (f"MSMT17_{version}", f"msmt17/MSMT17_{version}", "msmt17"))


def _find(name: str, folder: Path, version: Version | None) -> tuple[Path, Version]:
    """Where a version's two folders are, and which version it is."""
    choices: tuple[Version, ...] = ("V1", "V2") if version is None else (version,)
    refuse_no_folder(name, folder, [*FOLDERS[choices[0]], *LISTS.values()])
    found = {choice: place for choice in choices if (place := _place(folder, choice)) is not None}
    if len(found) > 1:
        raise UserError(f"{name}: {folder} holds MSMT17 V1 and V2.\n  Set data.sources.{name}.version to one of them.")
    for chosen, root in found.items():
        return root, chosen
    wanted = " or ".join(" and ".join(FOLDERS[choice]) for choice in choices)
    repacked = "\n  For folders bounding_box_*, set format = 'market1501'." if _is_repacked(folder) else ""
    raise UserError(
        f"{name}: {folder} has no folders {wanted}.\n"
        f"  MSMT17's layout needs them there, or inside {_vendor(choices[0]).nested[0]}.{repacked}"
    )


def _refuse_no_lists(name: str, root: Path, with_validation: bool) -> None:
    for part, file in LISTS.items():
        if not (root / file).is_file() and (with_validation or part != "val"):
            raise UserError(
                f"{name}: {root} has no {file}.\n"
                f"  The lists come with the vendor's archive: {', '.join(LISTS.values())}. Put them there."
            )


def _place(folder: Path, version: Version) -> Path | None:
    places = [folder / inside for inside in around(_vendor(version))]
    return next((place for place in places if all((place / part).is_dir() for part in FOLDERS[version])), None)


def _is_repacked(folder: Path) -> bool:
    return any((folder / inside / "bounding_box_train").is_dir() for inside in ("", "msmt17", "MSMT17"))


def _rows(root: Path, version: Version, with_validation: bool) -> tuple[list[Row], list[str]]:
    """Rows of the lists, and what was left out."""
    absent = Absent()
    training, testing = (Present(root / inside, absent) for inside in FOLDERS[version])
    rows = list(rows_of(root / LISTS["train"], training, FIRST_TRAIN, "train"))
    notes = []
    if (root / LISTS["val"]).is_file():
        validation = list(rows_of(root / LISTS["val"], training, FIRST_TRAIN, "train"))
        if with_validation:
            rows += validation
        elif validation:
            notes.append(f"{len(validation):,} images of the validation list left out of training")
    rows += rows_of(root / LISTS["query"], testing, FIRST_TEST, "query")
    rows += rows_of(root / LISTS["gallery"], testing, FIRST_TEST, "gallery")
    absent.refuse("Unpack the vendor's archive again; for a subset, take their lines out of the lists.")
    if spare := training.unlisted + testing.unlisted:
        notes.append(f"{spare:,} images that no list names are ignored")
    return rows, notes
