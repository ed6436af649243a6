"""PRID 2011, multi-shot: who has enough frames, whose halves are used, and what is refused."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from fedreid.data.formats.prid_video import read_prid_video
from fedreid.data.formats.tracklets import TrackletTable
from fedreid.data.synthetic.layouts.ilids_vid import write_halves
from fedreid.data.synthetic.layouts.prid import write_prid_json, write_prid_video
from fedreid.errors import UserError

ENOUGH = [1, 3, 4, 200]
LENGTHS = {1: (27, 30), 2: (26, 90), 3: (40, 27), 4: (27, 27), 200: (28, 27), 201: (30, 30), 385: (30, 0), 749: (0, 30)}
OWN = "halves from fedreid's own draws"
SHORT = "1 people left out: fewer than 27 frames on a camera"


def people(table: TrackletTable, split: str) -> list[tuple[int, int]]:
    """(identity, camera) of each tracklet of a split, in order."""
    chosen = table.frame[table.frame["split"] == split]
    return list(zip(chosen["identity"], chosen["camera"], strict=True))


@pytest.mark.parametrize("split", [0, 6])
def test_own_draws_halve_those_with_enough_frames(tmp_path: Path, split: int) -> None:
    write_prid_video(tmp_path, LENGTHS)
    key = {p: hashlib.sha256(f"prid draw {split} person {p}".encode()).digest() for p in ENOUGH}
    tested = sorted(sorted(ENOUGH, key=lambda person: key[person])[:2])
    training = [person for person in ENOUGH if person not in tested]
    table = read_prid_video("p", tmp_path, verify_counts=False, split=split)
    assert people(table, "query") == [(person, 1) for person in tested]
    assert people(table, "gallery") == [(person, 2) for person in tested]
    assert people(table, "train") == [(person, camera) for camera in (1, 2) for person in training]
    assert table.notes[:2] == (OWN, SHORT)
    row = table.frame.index[(table.frame["identity"] == 3) & (table.frame["camera"] == 2)][0]
    assert table.frames(row) == tuple(f"multi_shot/cam_b/person_0003/{n:04d}.png" for n in range(1, 28))


@pytest.mark.parametrize("around", ["", "prid_2011", "prid2011/prid_2011", "prid2011"])
def test_the_vendors_folders_around_it_are_found(tmp_path: Path, around: str) -> None:
    write_prid_video(tmp_path / around, LENGTHS)
    assert read_prid_video("p", tmp_path, verify_counts=False).root == tmp_path / around


def test_other_toolkits_halves_are_used_where_they_lie_there(tmp_path: Path) -> None:
    write_prid_video(tmp_path / "prid_2011", LENGTHS)
    write_prid_json(tmp_path / "splits_prid2011.json", [([1, 3], [200]), ([200], [4, 1])])
    table = read_prid_video("p", tmp_path, verify_counts=False, split=1)
    assert people(table, "query") == [(1, 1), (4, 1)]
    assert people(table, "train") == [(200, 1), (200, 2)]
    assert table.notes[0] == "halves from splits_prid2011.json"
    with pytest.raises(UserError, match=r"splits_prid2011\.json: expected a list of more than 2 splits"):
        read_prid_video("p", tmp_path, verify_counts=False, split=2)


def test_the_halves_that_come_with_ilids_vid_are_used(tmp_path: Path) -> None:
    pytest.importorskip("scipy")
    write_prid_video(tmp_path, LENGTHS)
    write_halves(tmp_path / "train_test_splits_prid.mat", [[3, 1, 2, 4]] * 10)  # places in `ENOUGH`
    table = read_prid_video("p", tmp_path, verify_counts=False)
    assert people(table, "query") == [(1, 1), (4, 1)]
    assert people(table, "train") == [(3, 1), (200, 1), (3, 2), (200, 2)]
    assert table.notes[0] == "halves from train_test_splits_prid.mat"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "expected a list of more than 0 splits"),
        ("[]", "expected a list of more than 0 splits"),
        ('[{"train": ["person_0001"]}]', "KeyError: 'test'"),
        ('[{"train": [1], "test": [2]}]', "split 0 names somebody twice, or not by a folder"),
        ('[{"train": ["person_0001"], "test": ["person_0001"]}]', "split 0 names somebody twice"),
        ('[{"train": ["person_0001"], "test": ["person_0385"]}]', "names person_0385, which isn't a person on both"),
        ('[{"train": ["person_0001"], "test": ["anna"]}]', "names anna, which isn't a person on both"),
    ],
)
def test_a_damaged_list_is_named(tmp_path: Path, text: str, said: str) -> None:
    write_prid_video(tmp_path, LENGTHS)
    (tmp_path / "splits_prid2011.json").write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=rf"splits_prid2011\.json: .*{said}"):
        read_prid_video("p", tmp_path, verify_counts=False)


def test_the_published_number_of_people_is_asserted(tmp_path: Path) -> None:
    write_prid_video(tmp_path, dict.fromkeys(range(1, 179), (27, 27)))
    table = read_prid_video("p", tmp_path)
    assert table.frame["split"].value_counts().to_dict() == {"train": 178, "query": 89, "gallery": 89}
    assert table.notes == (OWN,)
    (tmp_path / "multi_shot/cam_a/person_0009/0001.png").unlink()
    with pytest.raises(UserError, match="expected 89 query tracklets of 89 identities, found 88 of 88"):
        read_prid_video("p", tmp_path)
