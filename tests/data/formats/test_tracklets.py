"""Tables of tracklets: order, frames, and the images in them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedreid.data.formats.tracklets import Tracklet, images_of, tracklet_table
from fedreid.data.formats.vendor_files import Vendor
from fedreid.data.formats.vendor_tracklets import vendor_tracklets
from fedreid.errors import UserError
from tests.data.vendors import rows_of

TRACKLETS: list[Tracklet] = [
    (["g/3.png"], 8, 2, "gallery"),
    (["t/5.png", "t/4.png"], 2, 1, "train"),
    (["q/1.png", "q/2.png", "q/3.png"], 8, 1, "query"),
    (["t/1.png"], 3, 1, "train"),
]
VENDOR = Vendor("Clips", ())


def test_tracklets_are_sorted_and_frames_keep_their_order() -> None:
    table = tracklet_table("v", Path("/data"), TRACKLETS, ["a note"])
    assert table.images == ("t/1.png", "t/5.png", "t/4.png", "q/1.png", "q/2.png", "q/3.png", "g/3.png")
    assert list(table.frame.itertuples(index=False, name=None)) == [
        (3, 1, "train", 0, 1),
        (2, 1, "train", 1, 3),
        (8, 1, "query", 3, 6),
        (8, 2, "gallery", 6, 7),
    ]
    assert table.frames(1) == ("t/5.png", "t/4.png")
    assert (table.name, table.root, table.notes) == ("v", Path("/data"), ("a note",))


def test_a_tracklet_without_frames_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one frame per tracklet"):
        tracklet_table("v", Path("/data"), [*TRACKLETS, ([], 9, 1, "train")])


def test_all_frames_are_images() -> None:
    table = images_of(tracklet_table("v", Path("/data"), TRACKLETS, ["a note"]))
    assert rows_of(table) == [
        ("t/1.png", 3, 1, "train"),
        ("t/4.png", 2, 1, "train"),
        ("t/5.png", 2, 1, "train"),
        ("q/1.png", 8, 1, "query"),
        ("q/2.png", 8, 1, "query"),
        ("q/3.png", 8, 1, "query"),
        ("g/3.png", 8, 2, "gallery"),
    ]
    per_frame = "figures are per frame, where published ones are per tracklet"
    assert table.notes == ("a note", f"all frames of each tracklet as single images: {per_frame}")


def test_a_few_frames_are_evenly_spaced() -> None:
    paths = [f"{number}.png" for number in range(10)]
    table = tracklet_table("v", Path("/data"), [(paths, 1, 1, "train")])
    assert images_of(table, 4).notes[-1].startswith("at most 4 frames of each tracklet as single images: figures are")
    assert [path for path, *_ in rows_of(images_of(table, 4))] == ["0.png", "2.png", "5.png", "7.png"]
    with pytest.raises(ValueError, match="expected 0"):
        images_of(table, -1)


@given(st.lists(st.integers(1, 9), min_size=1, max_size=6), st.integers(1, 12))
def test_frames_are_at_most_those_wanted_and_start_with_the_first(lengths: list[int], wanted: int) -> None:
    tracklets: list[Tracklet] = [
        ([f"{person}/{frame:02d}.png" for frame in range(many)], person, 1, "train")
        for person, many in enumerate(lengths)
    ]
    table = images_of(tracklet_table("v", Path("/data"), tracklets), wanted)
    kept = {person: [path for path, who, *_ in rows_of(table) if who == person] for person in range(len(lengths))}
    assert [len(paths) for paths in kept.values()] == [min(many, wanted) for many in lengths]
    assert all(len(set(paths)) == len(paths) and paths[0] == f"{person}/00.png" for person, paths in kept.items())


def test_counts_are_compared_as_far_as_they_are_published() -> None:
    published = {"train": (2, 2), "query": (None, 1), "gallery": (1, 1)}
    assert vendor_tracklets("v", Path("/d"), TRACKLETS, VENDOR, published, verify_counts=True).notes == ()
    other = {"train": (3, 2), "query": (None, 4), "gallery": (1, 1)}
    with pytest.raises(UserError) as found:
        vendor_tracklets("v", Path("/d"), TRACKLETS, VENDOR, other, verify_counts=True)
    assert str(found.value).splitlines() == [
        "v: expected 2 training tracklets of 3 identities, found 2 of 2 identities in /d.",
        "v: expected 4 query tracklets, found 1 of 1 identities in /d.",
        "  For a subset, set data.sources.v.verify_counts = false.",
    ]
    table = vendor_tracklets("v", Path("/d"), TRACKLETS, VENDOR, other, verify_counts=False)
    assert table.notes == ("not the whole of Clips: counts not verified",)
    with pytest.raises(UserError, match="holds no query tracklets"):
        vendor_tracklets("v", Path("/d"), TRACKLETS[:2], VENDOR, other, verify_counts=False)
