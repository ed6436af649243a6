"""Which datasets show the same people: known of the published ones, and of what is named twice."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING

from fedreid.scenario.source_schema import SyntheticSource, is_unseen

if TYPE_CHECKING:
    from fedreid.scenario.source_schema import Source

# Formats whose people overlap, whatever is in the folders: subsets (verify_counts = false) overlap, too.
OVERLAPS = {
    frozenset(("cuhk01", "cuhk02")): "CUHK01 is P1 of CUHK02",
    frozenset(("prid", "prid_video")): "PRID 2011's stills are of the people in its videos",
    frozenset(("market1501", "mars")): "MARS is the video edition of Market-1501",
    frozenset(("cuhk03",)): "both are CUHK03, whoever drew the boxes",
    frozenset(("msmt17",)): "both are MSMT17, with faces blurred or not",
}


def overlap_of(one: Source, other: Source) -> str | None:
    """Why two sources can't be in one federation, to follow "the same people as data.sources.NAME"; None: they can.

    Two sources that nobody trains on may overlap. Two copies in one published format are the same dataset where both
    have the published counts; without `verify_counts` a format is only a layout, in which anybody may lie: what then
    is the same is found by folders and images, or told as possible (`fedreid.data.overlap`).
    """
    if is_unseen(one) and is_unseen(other):
        return None
    why = _known(one, other)
    if why is None:
        return None
    return f"{f' ({why})' if why else ''}: {consequence(any_unseen=is_unseen(one) or is_unseen(other))}"


def consequence(*, any_unseen: bool) -> str:
    """What is wrong with the same people in two sources, and what to do about it."""
    if any_unseen:
        return "one of the two is unseen, and its strangers would be people that somebody trains on; remove one"
    return "an identity would belong to two clients, or be public and private; remove one"


def _known(one: Source, other: Source) -> str | None:
    """Why people are the same, "" where that is plain; None: nothing is known."""
    if isinstance(one, SyntheticSource) and isinstance(other, SyntheticSource):
        return "" if (one.seed, one.domain) == (other.seed, other.domain) else None
    if isinstance(one, SyntheticSource) or isinstance(other, SyntheticSource):
        return None
    if one.format == other.format and PurePath(one.path) == PurePath(other.path):
        return ""
    if _apart(one, other):
        return None
    if known := OVERLAPS.get(frozenset((one.format, other.format))):
        return known
    published = all(getattr(each, "verify_counts", False) for each in (one, other))
    return f"both are the whole of {one.format}" if published and one.format == other.format else None


def _apart(one: Source, other: Source) -> bool:
    """CUHK02's test alone, P5, shows nobody of CUHK01."""
    return any(
        first.format == "cuhk02" and is_unseen(first) and second.format == "cuhk01"
        for first, second in ((one, other), (other, one))
    )
