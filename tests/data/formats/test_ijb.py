"""IJB's templates: images, media, pairs, galleries and probes, and what is refused."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedreid.data.formats import ijb
from fedreid.data.formats.ijb import RELEASES, counts, read_templates
from fedreid.data.formats.template_lists import media_of
from fedreid.data.synthetic.layouts.ijb import Picture, points_line, write_ijb, write_lines
from fedreid.errors import UserError

PICTURES: list[Picture] = [(1, 69), (1, 69), (1, 70), (2, 71), (3, 72), (11, 72), (12, 73), (12, 74)]
PAIRS = [(1, 11, 1), (1, 12, 0), (3, 11, 0)]
GALLERIES = {"G1": {1: 501}, "G2": {2: 502, 3: 503}}
PROBES = {12: 502, 11: 501}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_ijb(tmp_path, "ijbc", PICTURES, PAIRS, GALLERIES, PROBES)
    return tmp_path


def rows(frame: pd.DataFrame) -> list[tuple[object, ...]]:
    return list(frame.itertuples(index=False, name=None))


def test_what_was_written_is_read(folder: Path) -> None:
    table = read_templates("j", folder, verify_counts=False)
    assert list(table.images.columns) == ["path", "template", "media", "score"]
    assert [row[:3] for row in rows(table.images)] == [
        (f"loose_crop/{number}.jpg", template, media) for number, (template, media) in enumerate(PICTURES, start=1)
    ]
    assert all((table.root / path).is_file() for path in table.images["path"])
    np.testing.assert_allclose(table.images["score"], [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8], rtol=1e-6)
    assert (table.landmarks.shape, table.landmarks.dtype) == ((8, 5, 2), np.float32)
    assert table.landmarks[2].tolist() == [[30.5, 31.5], [32.5, 33.5], [34.5, 35.5], [36.5, 37.5], [38.5, 39.5]]
    assert rows(table.pairs) == [(1, 11, True), (1, 12, False), (3, 11, False)]
    assert {gallery: rows(frame) for gallery, frame in table.galleries.items()} == {
        "G1": [(1, 501)],
        "G2": [(2, 502), (3, 503)],
    }
    assert rows(table.probes) == [(11, 501), (12, 502)]
    assert table.notes == ("not the whole of IJB-C: counts not verified",)


@pytest.mark.parametrize("around", ["IJBC", "IJB_release/IJBC", "ijb/IJBC", "IJB-C"])
def test_the_folders_around_it_are_found(tmp_path: Path, around: str) -> None:
    write_ijb(tmp_path / around, "ijbc", PICTURES, PAIRS, GALLERIES, PROBES)
    assert read_templates("j", tmp_path, verify_counts=False).root == tmp_path / around


def test_ijb_b_has_other_names(tmp_path: Path) -> None:
    galleries = {"S1": GALLERIES["G1"], "S2": GALLERIES["G2"]}
    write_ijb(tmp_path / "IJBB", "ijbb", PICTURES, PAIRS, galleries, PROBES)
    table = read_templates("j", tmp_path, verify_counts=False, benchmark="IJB-B")
    assert (table.root, set(table.galleries)) == (tmp_path / "IJBB", {"S1", "S2"})
    with pytest.raises(UserError, match=r"has no meta/ijbc_face_tid_mid\.txt"):
        read_templates("j", tmp_path / "IJBB", verify_counts=False)


def test_people_come_in_the_order_of_their_templates(folder: Path) -> None:
    lines_of(folder, "1N_gallery_G2.csv", lambda lines: [lines[0], *lines[:0:-1]])
    assert rows(read_templates("j", folder, verify_counts=False).galleries["G2"]) == [(2, 502), (3, 503)]


def test_counts_by_hand(folder: Path) -> None:
    assert counts(read_templates("j", folder, verify_counts=False)) == {
        "images": 8,
        "templates": 5,
        "genuine pairs": 1,
        "impostor pairs": 2,
        "people in G1": 1,
        "people in G2": 2,
        "probes": 2,
    }


def test_the_published_counts_are_asserted(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError) as found:
        read_templates("j", folder)
    lines = str(found.value).splitlines()
    assert lines[0] == f"j: expected 469,375 images, found 8 in {folder}."
    assert lines[3] == f"j: expected 15,638,932 impostor pairs, found 2 in {folder}."
    assert len(lines) == 8
    assert lines[-1] == "  For a subset, set data.sources.j.verify_counts = false."
    small = counts(read_templates("j", folder, verify_counts=False))
    monkeypatch.setitem(ijb.RELEASES, "IJB-C", replace(RELEASES["IJB-C"], published=small))
    assert read_templates("j", folder).notes == ()


@pytest.mark.parametrize("benchmark", ["IJB-C", "IJB-B"])
def test_published_counts_agree_with_each_other(benchmark: ijb.Benchmark) -> None:
    """Every template is somebody's in a gallery, or a probe; the pairs are as many as the papers say."""
    published = RELEASES[benchmark].published
    people = sum(number for what, number in published.items() if what.startswith("people"))
    assert people == {"IJB-C": 3_531, "IJB-B": 1_845}[benchmark]
    assert published["templates"] == people + published["probes"]
    pairs = published["genuine pairs"] + published["impostor pairs"]
    assert pairs == {"IJB-C": 15_658_489, "IJB-B": 8_010_270}[benchmark]


def lines_of(folder: Path, part: str, change: Callable[[list[str]], list[str]]) -> None:
    file = folder / f"meta/ijbc_{part}"
    write_lines(file, change(file.read_text(encoding="utf-8").splitlines()))


@pytest.mark.parametrize(
    ("part", "change", "said"),
    [
        ("face_tid_mid.txt", lambda lines: [*lines, lines[0]], r"tid_mid\.txt: names 1\.jpg twice"),
        (
            "face_tid_mid.txt",
            lambda lines: [*lines, "9.jpg 1 69"],
            r"score\.txt: expected one line for each of the 9",
        ),
        ("face_tid_mid.txt", lambda lines: ["1.jpg one 69"], r"tid_mid\.txt: can't be read as one of IJB's lists"),
        ("face_tid_mid.txt", lambda lines: ["1.jpg 1"], r"tid_mid\.txt: expected 3 columns, found 2"),
        ("face_tid_mid.txt", lambda lines: [], r"tid_mid\.txt: can't be read as one of IJB's lists: No columns"),
        ("name_5pts_score.txt", lambda lines: lines[::-1], r"the first of another image on line 1"),
        ("name_5pts_score.txt", lambda lines: lines[:-1], r"each of the 8 images .*; found 7 lines\.\n"),
        ("template_pair_label.txt", lambda lines: [*lines, "1 99 0"], r"label\.txt: names template 99, of which"),
        ("template_pair_label.txt", lambda lines: [*lines, "98 1 0"], r"label\.txt: names template 98, of which"),
        (
            "template_pair_label.txt",
            lambda lines: [*lines, "1 2 2"],
            r"expected 1 \(genuine\) or 0 in the third",
        ),
        ("template_pair_label.txt", lambda lines: ["1 2 0 0"], r"label\.txt: expected 3 columns, found 4"),
        ("1N_gallery_G1.csv", lambda lines: [lines[0], "99,1,a.png,1,2,3,4"], r"G1\.csv: names template 99"),
        ("1N_gallery_G2.csv", lambda lines: [*lines, "2,777,a.png,1,2,3,4"], r"G2\.csv: gives template 2 two people"),
        ("1N_probe_mixed.csv", lambda lines: ["A,B", "1,2"], r"mixed\.csv: can't be read as one of IJB's lists"),
    ],
)
def test_lists_that_do_not_fit_are_named(
    folder: Path, part: str, change: Callable[[list[str]], list[str]], said: str
) -> None:
    lines_of(folder, part, change)
    with pytest.raises(UserError, match=said):
        read_templates("j", folder, verify_counts=False)


def test_an_absent_image_and_an_absent_list_are_named(folder: Path) -> None:
    (folder / "loose_crop/4.jpg").unlink()
    with pytest.raises(UserError, match=r"tid_mid\.txt, line 4: there is no image .*loose_crop/4\.jpg"):
        read_templates("j", folder, verify_counts=False)
    (folder / "meta/ijbc_1N_gallery_G2.csv").unlink()
    with pytest.raises(UserError, match=r"has no meta/ijbc_1N_gallery_G2\.csv"):
        read_templates("j", folder, verify_counts=False)


def test_points_are_written_as_they_are_described() -> None:
    assert points_line(3) == "3.jpg 30.5 31.5 32.5 33.5 34.5 35.5 36.5 37.5 38.5 39.5 0.3"


@given(st.text(max_size=60))
def test_any_list_is_read_or_refused_without_a_crash(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    file = tmp_path_factory.getbasetemp() / "any_list.txt"
    file.write_bytes(text.encode("utf-8", errors="surrogatepass"))
    with contextlib.suppress(UserError):
        assert list(media_of(file).columns) == ["path", "template", "media"]
