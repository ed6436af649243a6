"""MSMT17: what is read from folders and lists, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedreid.data.formats import msmt17
from fedreid.data.formats.msmt17 import read_msmt17
from fedreid.data.formats.msmt17_lists import camera_of, path_and_identity
from fedreid.data.synthetic.layouts import Shot
from fedreid.data.synthetic.layouts.msmt17 import write_msmt17
from fedreid.errors import UserError
from tests.data.vendors import in_order, rows_of, some_shots

SHOTS = some_shots(train=(0, 1, 3), test=(0, 2))  # both count from 0
VALIDATION = [Shot(0, 15, 7, "val"), Shot(3, 2, 8, "val")]


@pytest.mark.parametrize("version", ["V1", "V2"])
def test_what_was_written_is_read(tmp_path: Path, version: str) -> None:
    written = write_msmt17(tmp_path, SHOTS, version)
    table = read_msmt17("m", tmp_path, verify_counts=False)
    assert rows_of(table) == in_order(written)
    people = table.frame.groupby("split")["identity"].agg(lambda column: sorted(set(column))).to_dict()
    assert people == {"train": [1, 2, 4], "query": [10_001, 10_003], "gallery": [10_001, 10_003]}
    assert not any("training and in the test" in note for note in table.notes)


def test_the_validation_list_is_for_training_only_when_asked(tmp_path: Path) -> None:
    written = write_msmt17(tmp_path, [*SHOTS, *VALIDATION])
    assert rows_of(read_msmt17("m", tmp_path, verify_counts=False, with_validation=True)) == in_order(written)
    without = read_msmt17("m", tmp_path, verify_counts=False)
    assert set(in_order(written)) - set(rows_of(without)) == {
        ("train/0000/0000_007_15_0303morning_0008_0.jpg", 1, 15, "train"),
        ("train/0003/0003_008_02_0303afternoon_0008_0.jpg", 4, 2, "train"),
    }
    assert "2 images of the validation list left out of training" in without.notes


def test_published_counts_add_up_to_the_published_total() -> None:
    parts = (msmt17.WITH_VALIDATION, msmt17.PUBLISHED["query"], msmt17.PUBLISHED["gallery"])
    assert sum(images for _, images in parts) == 126_441
    assert msmt17.PUBLISHED["train"][0] + msmt17.PUBLISHED["query"][0] == 4_101
    assert msmt17.WITH_VALIDATION[1] - msmt17.PUBLISHED["train"][1] == 2_373


@pytest.mark.parametrize("with_validation", [False, True])
def test_a_copy_with_the_published_counts_is_accepted_and_any_other_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, with_validation: bool
) -> None:
    write_msmt17(tmp_path, [*SHOTS, *VALIDATION])
    monkeypatch.setattr(msmt17, "PUBLISHED", {"train": (3, 18), "query": (2, 6), "gallery": (2, 6)})
    monkeypatch.setattr(msmt17, "WITH_VALIDATION", (3, 20))
    table = read_msmt17("m", tmp_path, with_validation=with_validation)
    assert not any("not verified" in note for note in table.notes)
    monkeypatch.undo()
    images = "32,621" if with_validation else "30,248"
    with pytest.raises(UserError, match=rf"expected {images} training images of 1,041 identities, found \d+ of 3 in"):
        read_msmt17("m", tmp_path, with_validation=with_validation)


@pytest.mark.parametrize("around", ["", "MSMT17_V1", "msmt17/MSMT17_V1", "msmt17"])
def test_the_vendors_folders_around_it_are_found(tmp_path: Path, around: str) -> None:
    write_msmt17(tmp_path / around, SHOTS)
    assert read_msmt17("m", tmp_path, verify_counts=False).root == tmp_path / around


def test_of_two_versions_one_must_be_chosen(tmp_path: Path) -> None:
    write_msmt17(tmp_path / "MSMT17_V1", SHOTS, "V1")
    write_msmt17(tmp_path / "MSMT17_V2", SHOTS, "V2")
    with pytest.raises(UserError, match=r"holds MSMT17 V1 and V2\.\n  Set data\.sources\.m\.version"):
        read_msmt17("m", tmp_path, verify_counts=False)
    assert read_msmt17("m", tmp_path, verify_counts=False, version="V2").root.name == "MSMT17_V2"


def test_a_missing_list_is_named(tmp_path: Path) -> None:
    write_msmt17(tmp_path, SHOTS)
    (tmp_path / "list_val.txt").unlink()
    assert read_msmt17("m", tmp_path, verify_counts=False).notes  # nobody asked for it
    with pytest.raises(UserError, match=r"has no list_val\.txt\.\n  The lists come with the vendor's archive"):
        read_msmt17("m", tmp_path, verify_counts=False, with_validation=True)
    (tmp_path / "list_gallery.txt").unlink()
    with pytest.raises(UserError, match=r"has no list_gallery\.txt\."):
        read_msmt17("m", tmp_path, verify_counts=False)


def test_a_list_that_names_an_absent_image_is_refused_with_its_line(tmp_path: Path) -> None:
    written = write_msmt17(tmp_path, SHOTS)
    absent = next(path for path, _, _, split in written if split == "query")
    (tmp_path / absent).unlink()
    with pytest.raises(UserError, match=rf"list_query\.txt, line 1: there is no image .*{absent}\.\n"):
        read_msmt17("m", tmp_path, verify_counts=False)


def test_all_absent_images_of_all_lists_are_counted(tmp_path: Path) -> None:
    written = write_msmt17(tmp_path, SHOTS)
    everywhere = [path for path, _, _, split in written if split != "train"]
    for path in everywhere:
        (tmp_path / path).unlink()
    with pytest.raises(UserError) as found:
        read_msmt17("m", tmp_path, verify_counts=False)
    lines = str(found.value).splitlines()
    assert lines[0].startswith(f"{tmp_path}/list_query.txt, line 1: there is no image {tmp_path}/test/")
    assert lines[1] == f"  In all, {len(everywhere)} images are absent, also:"
    assert len(lines) == 6
    assert lines[5].startswith("  Unpack the vendor's archive again; for a subset,")


@pytest.mark.parametrize("line", ["0000/a.jpg", "0000/0000_000_x_1.jpg 0", "0000/0000_000_01.jpg -1", "\x00 7", "12"])
def test_a_line_that_does_not_fit_is_refused_with_its_number(tmp_path: Path, line: str) -> None:
    write_msmt17(tmp_path, SHOTS)
    with (tmp_path / "list_train.txt").open("a") as stream:
        stream.write(f"\n{line}\n")
    with pytest.raises(UserError, match=r"list_train\.txt, line 20: expected a path and an identity"):
        read_msmt17("m", tmp_path, verify_counts=False)


def test_an_image_that_is_named_twice_is_refused(tmp_path: Path) -> None:
    write_msmt17(tmp_path, SHOTS)
    first = (tmp_path / "list_query.txt").read_text().splitlines()[0]
    with (tmp_path / "list_gallery.txt").open("a") as stream:
        stream.write(first)
    with pytest.raises(
        UserError, match=r"list_gallery\.txt, line 7: .* was named before, in .*list_query\.txt, line 1"
    ):
        read_msmt17("m", tmp_path, verify_counts=False)


def test_lists_may_have_other_line_ends_and_a_byte_order_mark(tmp_path: Path) -> None:
    written = write_msmt17(tmp_path, SHOTS)
    file = tmp_path / "list_train.txt"
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes().replace(b"\n", b"\r\n"))
    assert rows_of(read_msmt17("m", tmp_path, verify_counts=False)) == in_order(written)


def test_images_that_no_list_names_are_counted(tmp_path: Path) -> None:
    write_msmt17(tmp_path, SHOTS)
    (tmp_path / "test" / "0000" / "extra.jpg").touch()
    (tmp_path / "test" / "0000" / "notes.txt").touch()
    assert "1 images that no list names are ignored" in read_msmt17("m", tmp_path, verify_counts=False).notes


def test_wrong_nesting_and_the_repacked_layout_are_recognised(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"has no folders train and test or mask_train_v2 and mask_test_v2\.\n"):
        read_msmt17("m", tmp_path)
    (tmp_path / "bounding_box_train").mkdir()
    with pytest.raises(UserError, match=r"set format = 'market1501'"):
        read_msmt17("m", tmp_path)
    with pytest.raises(UserError, match=r"there is no folder .*/absent\."):
        read_msmt17("m", tmp_path / "absent")


@given(path=st.from_regex(r"[0-9]{4}/[0-9]{4}_[0-9]{3}_[0-9]{2}_[a-z0-9]+_[0-9]{4}_[0-9]\.jpg", fullmatch=True))
def test_a_line_that_was_written_is_read_back(path: str) -> None:
    assert path_and_identity(f"{path} 12\r\n") == (path, 12)
    assert camera_of(path) == int(path.split("_")[2])


@given(st.text(max_size=40))
def test_any_line_is_read_or_refused_without_a_crash(line: str) -> None:
    said = path_and_identity(line)
    assert said is None or (said[1] >= 0 and line.strip().startswith(said[0]))
    assert camera_of(line) is None or "_" in line
