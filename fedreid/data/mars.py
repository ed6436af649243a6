"""MARS: 1,261 people on 6 cameras in front of a supermarket, 20,478 tracklets cut out by a detector and a tracker.

Zheng et al., MARS: A Video Benchmark for Large-Scale Person Re-identification, ECCV 2016. As published:

    bbox_train/0001/0001C1T0001F001.jpg ...     625 identities
    bbox_test/0002/0002C1T0001F001.jpg ...      636 identities, 0000 (distractors) and 00-1 (junk)
    info/train_name.txt, test_name.txt          names of the images, one a line
    info/tracks_train_info.mat                  8,298 tracklets: first and last line (from 1), identity, camera
    info/tracks_test_info.mat                  12,180 tracklets
    info/query_IDX.mat                          1,980 queries: rows of the former (from 1)

Junk is dropped: 870 tracklets. Distractors stay in the gallery, which holds 9,330 tracklets besides the queries. Two
other protocols are in use: without distractors (`distractors=False`), and with the queries in the gallery, too
(`queries_in_gallery=True`).

Licence: for research only, with citation. The lists come with the authors' code (MARS-evaluation), not the images.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fedreid.data.mars_lists import Names, names_in, rows_in
from fedreid.data.matlab import load_matlab
from fedreid.data.tracklets import Tracklet, TrackletTable, tracklet_table, vendor_tracklets
from fedreid.data.vendor_files import DISTRACTOR, Vendor, find_root
from fedreid.errors import UserError

VENDOR = Vendor("MARS", ("mars", "MARS"))
JUNK = -1
EXPECTED = {"train": 8_298, "query": 1_980, "gallery": 9_330}  # tracklets
TRAINING_PEOPLE = 625


@dataclass(frozen=True)
class Half:
    """Files of training or test."""

    images: str
    names: str
    tracks: str
    variable: str


TRAIN = Half("bbox_train", "info/train_name.txt", "info/tracks_train_info.mat", "track_train_info")
TEST = Half("bbox_test", "info/test_name.txt", "info/tracks_test_info.mat", "track_test_info")
QUERIES, QUERY_VARIABLE = "info/query_IDX.mat", "query_IDX"
NEEDED = [part for half in (TRAIN, TEST) for part in (half.images, half.names, half.tracks)] + [QUERIES]
