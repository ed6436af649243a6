"""PRID 2011, multi-shot: 200 people outdoors, one tracklet on each of two cameras.

Hirzer et al., Person Re-Identification by Descriptive and Discriminative Classification, SCIA 2011; protocol of Wang et
al., Person Re-Identification by Video Ranking, ECCV 2014. As published:

    prid_2011/multi_shot/
        cam_a/person_0001/0001.png ...     385 folders
        cam_b/person_0001/0001.png ...     749 folders

People 1 to 200 are on both cameras. The protocol keeps those with at least 27 frames on each, 178 people: 89 train and
89 are the test, queries from cam_a and gallery from cam_b. Published figures are means over 10 halves. They are read
from splits_prid2011.json (of other toolkits) or train_test_splits_prid.mat (which comes with iLIDS-VID) beside
multi_shot or one folder above; without either, our own draws are used (see `draws`). A note says which.

Licence: for research only, with citation.
"""

from __future__ import annotations

import re
from pathlib import Path

from fedreid.data.formats.draws import first_of, shipped_order
from fedreid.data.formats.prid import ON_BOTH
from fedreid.data.formats.tracklets import TrackletTable
from fedreid.data.formats.two_cameras import frames_in, halved, people_in
from fedreid.data.formats.vendor_files import Counts, Vendor, find_root, refuse_split
from fedreid.data.formats.vendor_lists import half_in_json, half_in_matlab
from fedreid.data.formats.vendor_tracklets import vendor_tracklets
from fedreid.errors import UserError

VENDOR = Vendor("PRID 2011 (multi-shot)", ("prid_2011", "prid2011/prid_2011", "prid2011"))
FOLDERS = ("multi_shot/cam_a", "multi_shot/cam_b")
LISTS = ("splits_prid2011.json", "train_test_splits_prid.mat")
PUBLISHED: dict[str, Counts] = {"train": (89, 178), "query": (89, 89), "gallery": (89, 89)}
SHORTEST = 27  # frames
SPLITS = 10
NAME = re.compile(r"person_(?!0000)([0-9]{4})", re.ASCII)
EXAMPLE = "person_0001 (people count from 1)"


def read_prid_video(name: str, folder: Path, *, verify_counts: bool = True, split: int = 0) -> TrackletTable:
    """The tracklets of one half of PRID 2011, multi-shot.

    Args:
        name: the source's name in the scenario.
        folder: where multi_shot is, or one of the folders around it.
        verify_counts: refuse anything but the whole dataset.
        split: which of the 10 halves, from 0.

    Raises:
        UserError: a folder is missing or empty, a folder's name doesn't fit, a list of halves is damaged or names
            somebody absent, or the counts aren't the published ones.
    """
    refuse_split(name, split, SPLITS)
    root = find_root(name, folder, VENDOR, FOLDERS)
    views = [people_in(root / camera, NAME, EXAMPLE) for camera in FOLDERS]
    both = sorted(person for person in views[0].keys() & views[1].keys() if person <= ON_BOTH)
    first, second = FOLDERS
    frames = {
        person: (frames_in(root, f"{first}/{views[0][person]}"), frames_in(root, f"{second}/{views[1][person]}"))
        for person in both
    }
    long_enough = [person for person in both if min(map(len, frames[person])) >= SHORTEST]
    training, tested, source = _halves(root, long_enough, both, split)
    notes = [f"halves from {source}"]
    if short := len(both) - len(long_enough):
        notes.append(f"{short:,} people left out: fewer than {SHORTEST} frames on a camera")
    tracklets = halved(frames, tested, training)
    return vendor_tracklets(name, root, tracklets, VENDOR, PUBLISHED, verify_counts=verify_counts, notes=notes)


def _halves(root: Path, people: list[int], present: list[int], split: int) -> tuple[set[int], set[int], str]:
    """(training, tested, where that is said)."""
    places = [place / file for file in LISTS for place in (root, root.parent)]
    found = next((place for place in places if place.is_file()), None)
    if found is None:
        tested = first_of(shipped_order("prid", split), set(people), len(people) // 2)
        return set(people) - tested, tested, "fedreid's own draws"
    if found.suffix == ".mat":
        tested = half_in_matlab(found, people, split)
        return set(people) - tested, tested, found.name
    training, test = (_people_of(found, half, present) for half in half_in_json(found, split))
    return training, test, found.name


def _people_of(file: Path, folders: set[str], present: list[int]) -> set[int]:
    people = set()
    for folder in sorted(folders):
        match = NAME.fullmatch(folder)
        if match is None or int(match[1]) not in present:
            raise UserError(
                f"{file}: names {folder}, which isn't a person on both cameras.\n"
                "  Unpack the archive again, or take the file out to use the draws that come with fedreid."
            )
        people.add(int(match[1]))
    return people
