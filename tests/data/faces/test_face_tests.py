"""From lists of faces to tests on the images that could be decoded, and how these are kept."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fedreid.data.faces.face_images import face_test, pair_images, template_images
from fedreid.data.faces.face_tests import FaceLists, PairTest, TemplateTest, open_lists, save_lists, sizes_of
from fedreid.data.formats.face_lists import PairTable, TemplateTable
from fedreid.data.tables import ImageTable
from fedreid.errors import UserError


def pairs() -> ImageTable:
    """Three people; image 1 (a/2) is in two pairs."""
    frame = pd.DataFrame(
        [(0, 1, True, 0), (0, 2, False, 0), (3, 4, True, 1), (1, 3, False, 1)],
        columns=["first", "second", "genuine", "fold"],
    )
    images = ("a/1.jpg", "a/2.jpg", "b/1.jpg", "c/1.jpg", "c/2.jpg")
    return pair_images(PairTable("faces", Path("/faces"), images, frame, ("a note",)))


def templates(*, align: bool = True) -> ImageTable:
    """Templates 7, 8, 9 and 20; of 7 two images of video 70 and one of 71. Their names sort in another order."""
    images = pd.DataFrame(
        [("x/2.jpg", 7, 70, 0.5), ("x/10.jpg", 7, 70, 0.6), ("x/1.jpg", 7, 71, 0.7), ("x/3.jpg", 8, 70, 0.8),
         ("x/4.jpg", 9, 90, 0.9), ("x/5.jpg", 20, 90, 1.0)],
        columns=["path", "template", "media", "score"],
    )  # fmt: skip
    table = TemplateTable(
        "faces",
        Path("/faces"),
        images,
        np.arange(60, dtype=np.float32).reshape(6, 5, 2),
        pd.DataFrame([(7, 9, True), (8, 9, False), (20, 7, False)], columns=["first", "second", "genuine"]),
        {
            "G1": pd.DataFrame([(7, 501)], columns=["template", "identity"]),
            "G2": pd.DataFrame([(8, 502)], columns=["template", "identity"]),
        },
        pd.DataFrame([(9, 501)], columns=["template", "identity"]),
    )
    return template_images(table, align=align)


def without(table: ImageTable, *paths: str) -> ImageTable:
    """As the cache leaves a table some of whose images can't be decoded."""
    return replace(table, frame=table.frame[~table.frame["path"].isin(paths)].reset_index(drop=True))


def listed(lists: FaceLists) -> dict[str, list[float]]:
    return {field.name: getattr(lists, field.name).tolist() for field in fields(lists)}


def test_nobody_trains_on_images_of_pairs():
    frame = pairs().frame
    assert frame["path"].tolist() == ["a/1.jpg", "a/2.jpg", "b/1.jpg", "c/1.jpg", "c/2.jpg"]
    assert frame["identity"].tolist() == [0, 0, 1, 2, 2]
    assert (set(frame["camera"]), set(frame["split"]), pairs().notes) == ({-1}, {"gallery"}, ("a note",))


def test_pairs_count_by_the_rows_of_the_table():
    found, notes = face_test(pairs())
    assert listed(found) == {
        "first": [0, 0, 3, 1], "second": [1, 2, 4, 3], "genuine": [True, False, True, False], "fold": [0, 0, 1, 1],
    }  # fmt: skip
    assert notes == ()
    assert sizes_of(found) == {"pairs": 4, "genuine_pairs": 2, "folds": 2}


def test_pairs_of_a_bad_image_are_left_out():
    found, notes = face_test(without(pairs(), "a/2.jpg"))
    assert listed(found) == {"first": [0, 2], "second": [1, 3], "genuine": [False, True], "fold": [0, 1]}
    assert notes == ("left out with images that can't be decoded: 2 of 4 pairs",)
    with pytest.raises(UserError, match="faces: no pair is left whose two images can be decoded, in /faces"):
        face_test(without(pairs(), "a/1.jpg", "c/1.jpg"))


def test_images_of_templates_are_sorted_with_their_landmarks():
    table = templates()
    assert table.frame["path"].tolist() == ["x/1.jpg", "x/10.jpg", "x/2.jpg", "x/3.jpg", "x/4.jpg", "x/5.jpg"]
    assert table.frame["identity"].tolist() == [501, 501, 501, 502, 501, -1]
    assert table.landmarks is not None
    assert table.landmarks[:, 0, 0].tolist() == [20, 10, 0, 30, 40, 50]
    assert templates(align=False).landmarks is None


def test_templates_count_by_the_rows_of_the_table():
    found, notes = face_test(templates())
    assert isinstance(found, TemplateTest)
    assert found.score.tolist() == pytest.approx([0.7, 0.6, 0.5, 0.8, 0.9, 1.0])
    # Media by rising template, then number: (7, 70), (7, 71), (8, 70), (9, 90), (20, 90).
    assert {name: values for name, values in listed(found).items() if name != "score"} == {
        "template": [0, 0, 0, 1, 2, 3], "media": [1, 0, 0, 2, 3, 4],
        "first": [0, 1, 3], "second": [2, 2, 0], "genuine": [True, False, False],
        "gallery": [0, 1], "gallery_template": [0, 1], "gallery_identity": [501, 502],
        "probe_template": [2], "probe_identity": [501],
    }  # fmt: skip
    assert notes == ()
    assert sizes_of(found) == {"pairs": 3, "genuine_pairs": 1, "galleries": 2, "people": 2, "probes": 1}


def test_a_template_without_images_is_left_out_with_all_that_asks_for_it():
    found, notes = face_test(without(templates(), "x/3.jpg", "x/10.jpg"))
    assert isinstance(found, TemplateTest)
    assert {name: values for name, values in listed(found).items() if name != "score"} == {
        "template": [0, 0, 1, 2], "media": [1, 0, 2, 3],
        "first": [0, 2], "second": [1, 0], "genuine": [True, False],
        "gallery": [0], "gallery_template": [0], "gallery_identity": [501],
        "probe_template": [1], "probe_identity": [501],
    }  # fmt: skip
    assert notes == ("left out with images that can't be decoded: 1 of 4 templates, 1 of 3 pairs",)
    with pytest.raises(UserError, match="faces: no pair and no probe is left whose images can be decoded"):
        face_test(without(templates(), "x/3.jpg", "x/4.jpg", "x/5.jpg"))


def test_a_table_without_faces_has_no_test():
    with pytest.raises(ValueError, match="found one without either"):
        face_test(replace(pairs(), faces=None))


@pytest.mark.parametrize("table", [pairs(), templates()], ids=["pairs", "templates"])
def test_what_is_saved_is_opened(table: ImageTable, tmp_path: Path):
    saved, _ = face_test(table)
    folder = save_lists(saved, tmp_path)
    found = open_lists(folder)
    assert type(found) is type(saved)
    assert listed(found) == listed(saved)
    assert isinstance(found.first, np.memmap)
    assert save_lists(face_test(table)[0], tmp_path) == folder
    assert len(list((tmp_path / "tests").iterdir())) == 1


def test_another_list_has_another_name(tmp_path: Path):
    saved, _ = face_test(pairs())
    assert isinstance(saved, PairTest)
    others = [replace(saved, genuine=~saved.genuine), replace(saved, first=saved.second, second=saved.first)]
    assert len({save_lists(lists, tmp_path).name for lists in (saved, *others)}) == 3


def test_lists_that_are_gone_or_damaged(tmp_path: Path):
    folder = save_lists(face_test(pairs())[0], tmp_path)
    (folder / "fold.npy").write_bytes(b"nothing")
    with pytest.raises(UserError, match=r"pairs-\w+ is damaged"):
        open_lists(folder)
    with pytest.raises(UserError, match="Start the run again to write them"):
        open_lists(tmp_path / "tests" / "pairs-0")
    with pytest.raises(UserError, match="a test's lists are expected there"):
        open_lists(tmp_path)
