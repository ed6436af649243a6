"""MARS: 1,261 people on 6 cameras in front of a supermarket, 20,478 tracklets cut out by a detector and a tracker.

Zheng et al., MARS: A Video Benchmark for Large-Scale Person Re-identification, ECCV 2016. As published:

    bbox_train/0001/0001C1T0001F001.jpg ...     625 identities
    bbox_test/0002/0002C1T0001F001.jpg ...      636 identities, 0000 (distractors) and 00-1 (junk)
    info/train_name.txt, test_name.txt          names of the images, one a line
    info/tracks_train_info.mat                  8,298 tracklets: first and last line (from 1), identity, camera
    info/tracks_test_info.mat                  12,180 tracklets
    info/query_IDX.mat                          1,980 queries: rows of the former (from 1)

Junk is dropped: 870 tracklets. Distractors stay in the gallery, which holds 9,330 tracklets besides the queries. Two
other protocols are in use: without distractors, and with the queries in the gallery, too.

Licence: for research only, with citation. The lists come with the authors' code (MARS-evaluation), not with the images.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from fedreid.data.formats.absent import Absent
from fedreid.data.formats.mars_lists import JUNK, Half, frames_of, queries_in, tracks_in
from fedreid.data.formats.tracklets import Tracklet, TrackletTable
from fedreid.data.formats.vendor_files import DISTRACTOR, Vendor, find_root
from fedreid.data.formats.vendor_tracklets import Published, counted, noted_table

VENDOR = Vendor("MARS", ("mars", "MARS"))
TRAIN = Half("bbox_train", "info/train_name.txt", "info/tracks_train_info.mat", "track_train_info")
TEST = Half("bbox_test", "info/test_name.txt", "info/tracks_test_info.mat", "track_test_info")
QUERIES, QUERY_VARIABLE = "info/query_IDX.mat", "query_IDX"
NEEDED = (*(part for half in (TRAIN, TEST) for part in (half.images, half.names, half.tracks)), QUERIES)
PUBLISHED: Published = {"train": (625, 8_298), "query": (None, 1_980), "gallery": (None, 9_330)}


def read_mars(
    name: str,
    folder: Path,
    *,
    verify_counts: bool = True,
    distractors: bool = True,
    queries_in_gallery: bool = False,
) -> TrackletTable:
    """The tracklets of MARS.

    Args:
        name: the source's name in the scenario.
        folder: where bbox_train, bbox_test and info are, or the folder around them.
        verify_counts: refuse anything but the whole dataset.
        distractors: keep identity 0 in the gallery.
        queries_in_gallery: let queries be found by queries of the same person on other cameras, too.

    Raises:
        UserError: a folder or list is missing, SciPy isn't installed, lists and images don't fit together, or the
            counts aren't the published ones.
    """
    root = find_root(name, folder, VENDOR, NEEDED)
    training = tracks_in(root / TRAIN.tracks, TRAIN.variable)
    test = tracks_in(root / TEST.tracks, TEST.variable)
    queries = queries_in(root / QUERIES, QUERY_VARIABLE, len(test))
    splits = np.full(len(test), "gallery", dtype=object)
    splits[queries] = "query"
    absent = Absent()
    tracklets = [
        *_tracklets(root, TRAIN, training, ["train"] * len(training), absent),
        *_tracklets(root, TEST, test, splits.tolist(), absent),
    ]
    absent.refuse("Unpack the vendor's archive again; for a subset, take their tracklets out of the lists.")
    junk = len(training) + len(test) - len(tracklets)
    notes = [f"{junk:,} junk tracklets (-1) dropped"] if junk else []
    notes += counted(name, root, tracklets, VENDOR, PUBLISHED, verify_counts=verify_counts)
    if not distractors:
        kept = [tracklet for tracklet in tracklets if tracklet[1] != DISTRACTOR]
        notes.append(f"{len(tracklets) - len(kept):,} distractors (0000) left out")
        tracklets = kept
    if queries_in_gallery:
        tracklets += [(*tracklet[:3], "gallery") for tracklet in tracklets if tracklet[3] == "query"]
        notes.append(f"the {len(queries):,} queries are in the gallery, too")
    return noted_table(name, root, tracklets, notes)


def _tracklets(root: Path, half: Half, tracks: np.ndarray, splits: list[str], absent: Absent) -> Iterator[Tracklet]:
    """All but junk."""
    rows = zip(frames_of(root, half, tracks, absent), tracks.tolist(), splits, strict=True)
    for frames, (_, _, identity, camera), split in rows:
        if identity != JUNK:
            yield frames, identity, camera, split
