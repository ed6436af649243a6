"""iLIDS-VID: 300 people in an airport's arrival hall, one tracklet on each of two cameras.

Wang, Gong, Zhu and Wang, Person Re-Identification by Video Ranking, ECCV 2014. As published:

    i-LIDS-VID/sequences/
        cam1/person001/cam1_person001_00317.png ...     300 folders, numbers up to 319 with gaps
        cam2/person001/cam2_person001_00225.png ...     300 folders, 23 to 192 frames each
    train-test people splits/train_test_splits_ilidsvid.mat     10 random halves, in MATLAB's version 5

Half of the people train and half are the test, 150 each: queries from cam1, gallery from cam2. Published figures are
means over the 10 halves. The folder i-LIDS-VID/images (one image per person and camera) isn't used.

Licence: for research only; the images belong to the UK Home Office.
"""

from __future__ import annotations

import re
from pathlib import Path

from fedreid.data.formats.tracklets import TrackletTable
from fedreid.data.formats.two_cameras import frames_in, halved, people_in
from fedreid.data.formats.vendor_files import Counts, Vendor, find_root, refuse_split
from fedreid.data.formats.vendor_lists import half_in_matlab
from fedreid.data.formats.vendor_tracklets import vendor_tracklets
from fedreid.errors import UserError

VENDOR = Vendor("iLIDS-VID", ("i-LIDS-VID", "i-LIDS-VID/i-LIDS-VID", "ilids-vid/i-LIDS-VID", "ilids-vid"))
FOLDERS = ("sequences/cam1", "sequences/cam2")
LIST = "train-test people splits/train_test_splits_ilidsvid.mat"
PUBLISHED: dict[str, Counts] = {"train": (150, 300), "query": (150, 150), "gallery": (150, 150)}
SPLITS = 10
NAME = re.compile(r"person(?!000)([0-9]{3})", re.ASCII)
EXAMPLE = "person001 (people count from 1)"


def read_ilids_vid(name: str, folder: Path, *, verify_counts: bool = True, split: int = 0) -> TrackletTable:
    """The tracklets of one split of iLIDS-VID.

    Args:
        name: the source's name in the scenario.
        folder: where sequences is, or one of the folders around it.
        verify_counts: refuse anything but the whole dataset.
        split: which of the vendor's 10 halves, from 0.

    Raises:
        UserError: a folder or the list of halves is missing, SciPy isn't installed, a folder's name doesn't fit,
            somebody is on one camera only, or the counts aren't the published ones.
    """
    refuse_split(name, split, SPLITS)
    root = find_root(name, folder, VENDOR, FOLDERS)
    views = [people_in(root / camera, NAME, EXAMPLE) for camera in FOLDERS]
    for person in sorted(views[0].keys() ^ views[1].keys()):
        missing = FOLDERS[person in views[0]]
        raise UserError(
            f"{root / missing}: has no folder of person {person:03d}, who is on the other camera.\n"
            "  Unpack the archive again; for a subset, take that person's other folder out, too."
        )
    people = sorted(views[0])
    tested = half_in_matlab(_list_file(name, root, folder), people, split)
    first, second = FOLDERS
    frames = {
        person: (frames_in(root, f"{first}/{views[0][person]}"), frames_in(root, f"{second}/{views[1][person]}"))
        for person in people
    }
    tracklets = halved(frames, tested, set(people) - tested)
    return vendor_tracklets(name, root, tracklets, VENDOR, PUBLISHED, verify_counts=verify_counts)


def _list_file(name: str, root: Path, folder: Path) -> Path:
    """In the dataset's folder, in the one around it, or in the one that the user names."""
    places = [root / LIST, root.parent / LIST, folder / LIST]
    if (found := next((place for place in places if place.is_file()), None)) is None:
        raise UserError(
            f"{name}: there is no {LIST} in {root} or the folder around it, which says who is tested.\n"
            "  It comes with the vendor's archive: put it there."
        )
    return found
