"""What readers of published datasets share: finding the folder, listing its images, comparing counts."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fedreid.data.tables import IMAGE_SUFFIXES, SPLITS, ImageTable, Row, image_table
from fedreid.errors import UserError

DISTRACTOR = 0  # identity of whoever is nobody in particular
WORDS = {"train": "training", "query": "query", "gallery": "gallery"}

Counts = tuple[int, int]  # identities, images


@dataclass(frozen=True)
class Vendor:
    """What messages say of a dataset, and where its archive puts it.

    Attributes:
        title: the dataset's name in the literature.
        nested: folders that archives and other toolkits make around it, relative to the one that the user names.
    """

    title: str
    nested: tuple[str, ...]


def find_root(name: str, folder: Path, vendor: Vendor, needed: Sequence[str]) -> Path:
    """The folder that holds all that is needed: the one given, or the vendor's inside it.

    Args:
        name: the source's name in the scenario.
        folder: what the user gave.
        vendor: the dataset.
        needed: files and folders, relative to the one looked for.

    Raises:
        UserError: there is no such folder, or something is missing in the one that comes nearest.
    """
    refuse_no_folder(name, folder, needed)
    missing = {inside: [part for part in needed if not (folder / inside / part).exists()] for inside in around(vendor)}
    best = min(missing, key=lambda inside: len(missing[inside]))
    if not missing[best]:
        return folder / best
    if all((folder.parent / part).exists() for part in needed):
        raise UserError(
            f"{name}: {folder} is inside {vendor.title}.\n  Set data.sources.{name}.path to {folder.parent}."
        )
    elsewhere = f", or inside {vendor.nested[0]}" if vendor.nested else ""
    raise UserError(
        f"{name}: {folder / best} has no {', '.join(missing[best])}.\n"
        f"  {vendor.title}'s layout needs {', '.join(needed)} there{elsewhere}."
    )


def around(vendor: Vendor) -> tuple[str, ...]:
    """Where to look, relative to the user's folder: in itself first."""
    return ("", *vendor.nested)


def refuse_no_folder(name: str, folder: Path, needed: Sequence[str]) -> None:
    """Raises:
    UserError: the folder that the user named doesn't exist, or is a file.
    """
    if not folder.is_dir():
        raise UserError(
            f"{name}: there is no folder {folder}.\n"
            f"  It should hold {', '.join(needed)}.\n"
            f"  Set data.sources.{name}.path, or FEDREID_DATA, to where they are."
        )


def refuse_split(name: str, split: int, number: int) -> None:
    """Raises:
    UserError: a protocol of `number` splits has no split of that number.
    """
    if not 0 <= split < number:
        if number == 1:
            raise UserError(f"data.sources.{name}.split = {split}: expected 0, as this protocol has one split only")
        raise UserError(f"data.sources.{name}.split = {split}: expected 0 to {number - 1}")


def images_in(folder: Path, suffixes: tuple[str, ...] = IMAGE_SUFFIXES) -> list[str]:
    """Names of a folder's images, sorted; suffixes in small or capital letters. Hidden files are no images.

    Raises:
        UserError: it can't be listed.
    """
    return _listed(folder, lambda entry: entry.name.lower().endswith(suffixes))


def folders_in(folder: Path) -> list[str]:
    """Names of the folders in a folder, sorted; also of links to folders. Hidden ones are left out.

    Raises:
        UserError: it can't be listed.
    """
    return _listed(folder, _is_folder)


def _listed(folder: Path, is_wanted: Callable[[os.DirEntry[str]], bool]) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entry.name for entry in entries if is_wanted(entry) and not entry.name.startswith("."))
    except OSError as error:
        raise UserError(
            f"{folder}: can't be listed: {error.strerror or error}.\n  It should be a folder that you may read."
        ) from None


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads back to itself
        return False


def count(rows: Iterable[Row]) -> Counts:
    """(identities, images); distractors are images, but nobody in particular."""
    identities = [row[1] for row in rows]
    return len(set(identities) - {DISTRACTOR}), len(identities)


def vendor_table(
    name: str,
    root: Path,
    rows: Sequence[Row],
    vendor: Vendor,
    published: Mapping[str, Counts],
    *,
    verify_counts: bool,
    notes: Iterable[str] = (),
) -> ImageTable:
    """The table of a published dataset, compared with what was published.

    Args:
        name: the source's name in the scenario.
        root: folder that the paths start at.
        rows: images in any order.
        vendor: the dataset.
        published: (identities, images) of each split.
        verify_counts: refuse anything but the whole dataset.
        notes: what the reader itself has to say.

    Raises:
        UserError: a split is empty, or the counts aren't the published ones.
    """
    parts = parts_of(rows)
    _refuse_empty(name, root, parts)
    wrong = [split for split in SPLITS if count(parts[split]) != published[split]]
    if wrong and verify_counts:
        lines = [_difference(name, root, split, published[split], count(parts[split])) for split in wrong]
        raise UserError("\n".join([*lines, f"  For a subset, set data.sources.{name}.verify_counts = false."]))
    all_notes = [*notes, *notes_on(parts)]
    if wrong:
        all_notes.append(f"not the whole of {vendor.title}: counts not verified")
    return image_table(name, root, rows, all_notes)


def _refuse_empty(name: str, root: Path, parts: Mapping[str, list[Row]]) -> None:
    """A dataset may be for training only; otherwise it needs a query and a gallery."""
    empty = [split for split in SPLITS if not parts[split]]
    if "train" in empty or len(empty) == 1:
        raise UserError(f"{name}: {root} holds no {WORDS[empty[0]]} images of identities; {empty[0]} needs some.")


def _difference(name: str, root: Path, split: str, expected: Counts, found: Counts) -> str:
    return (
        f"{name}: expected {expected[1]:,} {WORDS[split]} images of {expected[0]:,} identities, "
        f"found {found[1]:,} of {found[0]:,} in {root}."
    )


def parts_of(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """Rows by split."""
    parts: dict[str, list[Row]] = {split: [] for split in SPLITS}
    for row in rows:
        parts[row[3]].append(row)
    return parts


def notes_on(parts: Mapping[str, list[Row]]) -> Iterator[str]:
    """What a reader of results should know: distractors, people in training and test, queries without a match."""
    if distractors := sum(row[1] == DISTRACTOR for row in parts["gallery"]):
        yield f"{distractors:,} distractors (identity 0) kept in the gallery"
    people = {split: {row[1] for row in listed} for split, listed in parts.items()}
    if both := people["train"] & (people["query"] | people["gallery"]):
        yield f"{len(both):,} identities are in training and in the test: its figures flatter"
    yield from notes_on_lonely(parts)


def notes_on_lonely(parts: Mapping[str, list[Row]]) -> Iterator[str]:
    """Whether queries have no match on another camera, which is all that counts where cameras are known."""
    cameras: dict[int, set[int]] = {}
    for _, identity, camera, _ in parts["gallery"]:
        cameras.setdefault(identity, set()).add(camera)
    lonely = sum(not cameras.get(identity, set()) - {camera} for _, identity, camera, _ in parts["query"])
    if lonely:
        yield f"{lonely:,} queries have no match on another camera: they don't count"
