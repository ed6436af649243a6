"""What readers of published video datasets share: comparing counts of tracklets, and notes on them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from fedreid.data.formats.tracklets import Tracklet, TrackletTable, tracklet_table
from fedreid.data.formats.vendor_files import WORDS, Counts, Vendor, count, notes_on, parts_of
from fedreid.data.tables import SPLITS, Row
from fedreid.errors import UserError

Published = Mapping[str, tuple[int | None, int]]  # identities (None: not published) and tracklets of each split


def noted_table(name: str, root: Path, tracklets: Sequence[Tracklet], notes: Iterable[str]) -> TrackletTable:
    """A table of tracklets, with more notes: distractors, people in training and test, queries without a match."""
    return tracklet_table(name, root, tracklets, [*notes, *notes_on(_parts(tracklets))])


def vendor_tracklets(
    name: str,
    root: Path,
    tracklets: Sequence[Tracklet],
    vendor: Vendor,
    published: Published,
    *,
    verify_counts: bool,
    notes: Iterable[str] = (),
) -> TrackletTable:
    """The table of a published dataset, compared with what was published.

    Args:
        name: the source's name in the scenario.
        root: folder that the paths start at.
        tracklets: in any order.
        vendor: the dataset.
        published: what the whole dataset has.
        verify_counts: refuse anything but the whole dataset.
        notes: what the reader itself has to say.

    Raises:
        UserError: a split is empty, or the counts aren't the published ones.
    """
    partial = counted(name, root, tracklets, vendor, published, verify_counts=verify_counts)
    return noted_table(name, root, tracklets, [*notes, *partial])


def counted(
    name: str, root: Path, tracklets: Sequence[Tracklet], vendor: Vendor, published: Published, *, verify_counts: bool
) -> list[str]:
    """A note, if these aren't the tracklets of the whole dataset. Arguments as above.

    Raises:
        UserError: a split is empty, or the counts aren't the published ones.
    """
    parts = _parts(tracklets)
    wrong = [split for split in SPLITS if not _agree(count(parts[split]), published[split])]
    if wrong and verify_counts:
        lines = [_difference(name, root, split, published[split], count(parts[split])) for split in wrong]
        raise UserError("\n".join([*lines, f"  For a subset, set data.sources.{name}.verify_counts = false."]))
    if empty := [split for split in SPLITS if not parts[split]]:
        raise UserError(f"{name}: {root} holds no {WORDS[empty[0]]} tracklets of identities; {empty[0]} needs some.")
    return [f"not the whole of {vendor.title}: counts not verified"] if wrong else []


def _parts(tracklets: Iterable[Tracklet]) -> dict[str, list[Row]]:
    """By split, with the first frame in place of all."""
    return parts_of((paths[0], identity, camera, split) for paths, identity, camera, split in tracklets)


def _agree(found: Counts, published: tuple[int | None, int]) -> bool:
    return found[1] == published[1] and published[0] in (None, found[0])


def _difference(name: str, root: Path, split: str, expected: tuple[int | None, int], found: Counts) -> str:
    people = "" if expected[0] is None else f" of {expected[0]:,} identities"
    return (
        f"{name}: expected {expected[1]:,} {WORDS[split]} tracklets{people}, "
        f"found {found[1]:,} of {found[0]:,} identities in {root}."
    )
