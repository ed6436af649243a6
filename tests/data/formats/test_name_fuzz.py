"""Whatever a file, a folder or a line of a list is called: it is read, or refused in words, and never crashes a reader.

A test adds one more name to a small dataset of empty files, anything at all or nearly right, and reads it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from fedreid.data.formats import cuhk03, ilids_vid, mars, prid_video
from fedreid.data.formats.cuhk03_folders import read_cuhk03_folders
from fedreid.data.formats.duke import read_duke
from fedreid.data.formats.folder import read_folder
from fedreid.data.formats.lfw import read_pairs
from fedreid.data.formats.market1501 import read_market1501
from fedreid.data.formats.msmt17 import LISTS, read_msmt17
from fedreid.data.formats.template_lists import identified, landmarks_of, media_of, pairs_of
from fedreid.data.formats.tracklets import TrackletTable
from fedreid.data.tables import ImageTable
from fedreid.errors import UserError
from tests.data.small_sets import CASES, touch, without_lists

LARGEST = 1_000_000_000  # identities of the second source start here, see `fedreid.data.image_set`
MANY = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(autouse=True)
def lists(monkeypatch: pytest.MonkeyPatch) -> None:
    without_lists(monkeypatch)


CHARACTERS = st.characters(exclude_categories=["Cs"], exclude_characters="/\0")


def near(example: str) -> st.SearchStrategy[str]:
    """Names that are nearly right: something put in place of a few characters, or a number of any length."""
    middle = st.one_of(st.text(CHARACTERS, max_size=6), st.text("0123456789", min_size=1, max_size=200))
    places = st.integers(0, len(example))
    return st.builds(lambda a, b, new: example[: min(a, b)] + new + example[max(a, b) :], places, places, middle)


def names(example: str) -> st.SearchStrategy[str]:
    """File names of any kind, most of them images'."""
    anything = st.builds(lambda stem, suffix: stem + suffix, st.text(CHARACTERS), st.sampled_from([".jpg", ".PNG", ""]))
    fits = st.one_of(near(example), anything)
    return fits.filter(lambda name: name not in ("", ".", "..") and len(os.fsencode(name)) <= 255)


def attempt(read: Callable[[], Any]) -> tuple[Any, str]:
    """What is read, or what the user is told instead. Nothing else may be raised."""
    try:
        return read(), ""
    except UserError as error:
        return None, str(error)


def numbers_fit(found: Any) -> None:
    """Identities of one source never reach those of the next."""
    if isinstance(found, ImageTable | TrackletTable):
        assert found.frame["identity"].between(0, LARGEST - 1).all()
        assert found.frame["camera"].between(-1, LARGEST - 1).all()


@pytest.mark.parametrize("case", CASES)
@given(data=st.data())
@MANY
def test_any_name_in_a_dataset_is_read_or_refused_in_words(tmp_path: Path, case: str, data: st.DataObject) -> None:
    made = CASES[case]
    root = tmp_path / "set"
    if not root.exists():
        made.write(root)
        made.read("set", root, verify_counts=False)
    extra = root / data.draw(st.sampled_from(made.inside)) / data.draw(names(made.example))
    assume(not os.path.lexists(extra))
    if made.is_folder:
        touch(extra, ["0001.png"])
    else:
        extra.touch()
    try:
        found, said = attempt(lambda: made.read("set", root, verify_counts=False))
    finally:
        shutil.rmtree(extra) if made.is_folder else extra.unlink()
    assert found is not None or (str(root) in said and "\n  " in said)  # the file, and the remedy
    numbers_fit(found)


@given(person=names("Zoë"), file=names("c1_0001.jpg"), pattern=st.sampled_from(["", "c([0-9]+)", "^(.)", "([^.]*)"]))
@MANY
def test_any_names_in_a_folder_of_photos_are_read_or_refused_in_words(
    tmp_path_factory: pytest.TempPathFactory, person: str, file: str, pattern: str
) -> None:
    root = tmp_path_factory.mktemp("photos")
    touch(root / person, [file])
    touch(root / "ben", ["c1_1.jpg", "c2_1.jpg"])
    found, said = attempt(lambda: read_folder("shop", root, camera_pattern=pattern))
    shutil.rmtree(root)
    assert found is not None or str(root) in said


@given(line=st.one_of(st.text(), near("0001/0001_001_02_0303morning_0008_0.jpg 1"), near("0001/0001_001_02_a.jpg 1")))
@MANY
def test_any_line_of_msmt17_is_read_or_refused_in_words(tmp_path: Path, line: str) -> None:
    root = tmp_path / "set"
    if not root.exists():
        for part in ("train", "test"):
            touch(
                root / part / "0001", [f"0001_{number:03d}_{camera:02d}.jpg" for number in (0, 1) for camera in (1, 2)]
            )
            touch(root / part / "0001", ["0001_001_02_a.jpg"])
        rows = [f"0001/0001_000_{camera:02d}.jpg 1" for camera in (1, 2)]
        for part, text in {"train": "\n".join(rows), "val": "", "query": rows[0], "gallery": rows[1]}.items():
            (root / LISTS[part]).write_text(text)
    (root / LISTS["val"]).write_text(line, encoding="utf-8", errors="surrogatepass")
    found, said = attempt(lambda: read_msmt17("set", root, verify_counts=False, with_validation=True))
    assert found is not None or str(root / LISTS["val"]) in said
    numbers_fit(found)


@given(name=st.one_of(names("x"), near("0001C1T0001F001.jpg")))
@MANY
def test_any_name_in_a_list_of_mars_is_read_or_refused_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    people = {"train": [(1, 1), (1, 2)], "test": [(2, 1), (2, 2)]}
    listed = {half: [f"{person:04d}C{camera}T0001F001.jpg" for person, camera in people[half]] for half in people}
    for half, images in listed.items():
        touch(tmp_path / f"bbox_{half}" / images[0][:4], images)
        touch(tmp_path / "info", [f"tracks_{half}_info.mat", "query_IDX.mat"])
        (tmp_path / "info" / f"{half}_name.txt").write_text("\n".join(images))
    (tmp_path / "info" / "train_name.txt").write_text("\n".join([*listed["train"], name]), encoding="utf-8")

    def tracks(file: Path, variable: str) -> np.ndarray:
        rows = [
            (place, place, *said) for place, said in enumerate(people["test" if "test" in file.name else "train"], 1)
        ]
        return np.array([*rows, (3, 3, 1, 1)] if "train" in file.name else rows)

    monkeypatch.setattr(mars, "tracks_in", tracks)
    monkeypatch.setattr(mars, "queries_in", lambda file, variable, tracklets: [0])
    found, said = attempt(lambda: mars.read_mars("set", tmp_path, verify_counts=False))
    assert found is not None or str(tmp_path) in said
    numbers_fit(found)


@given(file=st.one_of(names("x"), near("1_001_1_01.png")), label=st.integers(1, LARGEST - 1))
@MANY
def test_any_name_in_a_list_of_cuhk03_is_read_or_refused_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, label: int
) -> None:
    touch(tmp_path / "images_detected", ["1_001_1_01.png"])
    lists = {**dict.fromkeys(cuhk03.LISTS.values(), np.empty((0, 0))), "train_idx": np.array([[1]])}
    found = {"filelist": np.array([[file]], object), "labels": np.array([[label]]), **lists}
    monkeypatch.setattr(cuhk03, "load_matlab", lambda *_: found)
    rows, said = attempt(lambda: cuhk03._listed(tmp_path / "config.mat", tmp_path / "images_detected"))
    if rows is None:
        assert str(tmp_path / "config.mat") in said
    else:
        assert {row[:3] for row in rows} == {("images_detected/1_001_1_01.png", label, 1)}


@given(text=st.one_of(st.text(), near("Abel_Pacheco\t1\t4\nAbel\t1\tZico\t2"), near("10\t300\nAbel 1 4")))
@MANY
def test_any_list_of_pairs_is_read_or_refused_in_words(tmp_path: Path, text: str) -> None:
    touch(
        tmp_path / "Abel_Pacheco", ["Abel_Pacheco_0001.jpg", "Abel_Pacheco_0004.jpg", f"Abel_Pacheco_{'9' * 200}.jpg"]
    )
    touch(tmp_path / "Abel", ["Abel_0001.jpg"])
    (tmp_path / "pairs.txt").write_text(text, encoding="utf-8", errors="surrogatepass", newline="")
    found, said = attempt(lambda: read_pairs("set", tmp_path, verify_counts=False))
    assert str(tmp_path) in said if found is None else len(found.pairs)


@given(
    text=st.one_of(
        st.text(),
        near("1.jpg 1 69544\n2.jpg 1 69544\n"),
        near("1 2 1\n1 1 0\n"),
        near("TEMPLATE_ID,SUBJECT_ID\n1,7\n2,8\n"),
        near("1.jpg 1 2 3 4 5 6 7 8 9 10 0.5\n"),
    )
)
@MANY
def test_any_list_of_templates_is_read_or_refused_in_words(tmp_path: Path, text: str) -> None:
    file = tmp_path / "list.txt"
    file.write_text(text, encoding="utf-8", errors="surrogatepass", newline="")
    images = media_of_two(tmp_path)
    for read in (
        lambda: media_of(file),
        lambda: landmarks_of(file, images),
        lambda: pairs_of(file, {1, 2}),
        lambda: identified(file, {1, 2}),
    ):
        found, said = attempt(read)
        assert found is not None or str(file) in said


def media_of_two(folder: Path) -> Any:
    (folder / "media.txt").write_text("1.jpg 1 1\n2.jpg 2 1\n")
    return media_of(folder / "media.txt")["path"]


IDENTITY, CAMERA = st.integers(1, 9_999), st.integers(1, 9)
ROUND_TRIPS: dict[str, tuple[Callable[[int, int, int], str], Callable[..., ImageTable]]] = {
    "market1501": (lambda who, camera, n: f"{who:04d}_c{camera}s1_{n:06d}_00.jpg", read_market1501),
    "duke": (lambda who, camera, n: f"{who:04d}_c{camera}_f{n:07d}.jpg", read_duke),
    "cuhk03-np": (lambda who, camera, n: f"{who:04d}_c{camera}_{n}.png", read_cuhk03_folders),
}


@pytest.mark.parametrize("layout", ROUND_TRIPS)
@given(said=st.sets(st.tuples(IDENTITY, CAMERA, st.integers(0, 999_999)), min_size=1, max_size=6))
@settings(max_examples=25, deadline=None)
def test_numbers_that_were_written_into_names_are_read_back(
    tmp_path_factory: pytest.TempPathFactory, layout: str, said: set[tuple[int, int, int]]
) -> None:
    name_of, read = ROUND_TRIPS[layout]
    root = tmp_path_factory.mktemp("set")
    files = {f"bounding_box_train/{name_of(*each)}": each[:2] for each in said}
    touch(root / "bounding_box_train", [path.rpartition("/")[2] for path in files])
    touch(root / "query", [name_of(10_000, 1, 1)])
    touch(root / "bounding_box_test", [name_of(10_000, 2, 1)])
    table = read("set", root, verify_counts=False)
    train = table.frame[table.frame["split"] == "train"]
    assert dict(zip(train["path"], zip(train["identity"], train["camera"], strict=True), strict=True)) == files
    shutil.rmtree(root)


@given(people=st.sets(st.integers(1, 200), min_size=2, max_size=5))
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.parametrize(
    ("folders", "name", "read"),
    [
        (ilids_vid.FOLDERS, "person{:03d}", ilids_vid.read_ilids_vid),
        (prid_video.FOLDERS, "person_{:04d}", prid_video.read_prid_video),
    ],
)
def test_people_of_videos_that_were_written_into_names_are_read_back(
    tmp_path_factory: pytest.TempPathFactory,
    folders: tuple[str, ...],
    name: str,
    read: Callable[..., TrackletTable],
    people: set[int],
) -> None:
    root = tmp_path_factory.mktemp("set")
    for person in people:
        for folder in folders:
            touch(root / folder / name.format(person), ["0001.png"])
    touch((root / ilids_vid.LIST).parent, [Path(ilids_vid.LIST).name])
    table = read("set", root, verify_counts=False)
    found = {table.frames(row)[0]: who for row, who in enumerate(table.frame["identity"])}
    assert found == {f"{folder}/{name.format(person)}/0001.png": person for folder in folders for person in people}
    shutil.rmtree(root)


@given(said=st.lists(st.tuples(st.integers(1, 10**6), st.integers(1, 10**6)), min_size=1, max_size=6))
def test_numbers_that_were_written_into_lists_of_templates_are_read_back(
    tmp_path_factory: pytest.TempPathFactory, said: list[tuple[int, int]]
) -> None:
    file = tmp_path_factory.getbasetemp() / "round_trip.txt"
    file.write_text("".join(f"{n}.jpg {template} {media}\n" for n, (template, media) in enumerate(said)))
    found = media_of(file)
    assert list(zip(found["path"], found["template"], found["media"], strict=True)) == [
        (f"{n}.jpg", *each) for n, each in enumerate(said)
    ]
