"""Market-1501's layout: what is read from it, and what is refused."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedreid.data.formats.market1501 import identity_and_camera, read_market1501
from fedreid.errors import UserError
from tests.data.pictures import market, rows

TRAIN = ["0002_c1s1_000451_03.jpg", "0002_c3s1_000551_01.jpg", "0007_c2s3_000001_00.jpg"]
QUERY = ["0012_c1s1_000776_00.jpg"]
GALLERY = ["0012_c4s1_000801_02.jpg", "0012_c1s1_000776_01.jpg"]
SUBSET = os.environ.get("FEDREID_DATA", "")


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As many files as Market-1501 has, as the paper counts them."""

    def names(identities: range, images: int, camera: int) -> list[str]:
        people = [identities[number % len(identities)] for number in range(images)]
        return [f"{person:04d}_c{camera}s1_{number:06d}_00.jpg" for number, person in enumerate(people)]

    train, query = names(range(1, 752), 12_936, 1), names(range(752, 1502), 3_368, 2)
    gallery = names(range(752, 1502), 13_115, 3) + names(range(0, 1), 2_798, 4)
    junk = [f"-1_c1s1_{number:06d}_00.jpg" for number in range(3_819)]
    return market(tmp_path_factory.mktemp("published"), train, query, gallery + junk)


def test_identity_camera_and_split_are_read_from_the_names(tmp_path: Path) -> None:
    table = read_market1501("m", market(tmp_path, TRAIN, QUERY, GALLERY), verify_counts=False)
    assert rows(table, "train") == [
        ("bounding_box_train/0002_c1s1_000451_03.jpg", 2, 1),
        ("bounding_box_train/0002_c3s1_000551_01.jpg", 2, 3),
        ("bounding_box_train/0007_c2s3_000001_00.jpg", 7, 2),
    ]
    assert rows(table, "query") == [("query/0012_c1s1_000776_00.jpg", 12, 1)]
    assert [path for path, _, _ in rows(table, "gallery")] == sorted(f"bounding_box_test/{name}" for name in GALLERY)
    assert list(table.frame["split"]) == ["train"] * 3 + ["query"] + ["gallery"] * 2
    assert table.frame["identity"].dtype == table.frame["camera"].dtype == "int64"


def test_junk_is_dropped_and_distractors_stay_in_the_gallery_only(tmp_path: Path) -> None:
    junk, distractor = "-1_c1s1_000401_03.jpg", "0000_c5s1_000151_02.jpg"
    folder = market(tmp_path, [*TRAIN, junk, distractor], QUERY, [*GALLERY, junk, distractor])
    table = read_market1501("m", folder, verify_counts=False)
    assert {identity for _, identity, _ in rows(table, "train")} == {2, 7}
    assert [identity for _, identity, _ in rows(table, "gallery")] == [0, 12, 12]
    assert "2 junk images (-1) dropped" in table.notes
    assert "1 distractors (0000) kept in the gallery" in table.notes
    assert any("1 distractors (0000) dropped from bounding_box_train" in note for note in table.notes)


def test_other_files_are_ignored_and_capital_suffixes_are_images(tmp_path: Path) -> None:
    folder = market(
        tmp_path, [*TRAIN, "Thumbs.db", "._0002_c1s1_000451_03.jpg", "0009_c2s1_000001_00.JPG"], QUERY, GALLERY
    )
    table = read_market1501("m", folder, verify_counts=False)
    assert [identity for _, identity, _ in rows(table, "train")] == [2, 2, 7, 9]


@pytest.mark.parametrize("around", ["", "Market-1501-v15.09.15", "market1501", "market1501/Market-1501-v15.09.15"])
def test_the_vendors_folders_around_it_are_found(tmp_path: Path, around: str) -> None:
    market(tmp_path / around, TRAIN, QUERY, GALLERY)
    table = read_market1501("m", tmp_path, verify_counts=False)
    assert table.root == tmp_path / around
    assert all((table.root / path).is_file() for path in table.frame["path"])


def test_the_whole_dataset_is_accepted(published: Path) -> None:
    table = read_market1501("m", published)
    assert table.frame["split"].value_counts().to_dict() == {"gallery": 15_913, "train": 12_936, "query": 3_368}
    assert table.notes == ("3,819 junk images (-1) dropped", "2,798 distractors (0000) kept in the gallery")


@pytest.mark.parametrize(
    ("image", "said"),
    [
        (
            "bounding_box_train/0001_c1s1_000000_00.jpg",
            r"expected 12,936 training images of 751 identities, found 12,935 of 751 in .*bounding_box_train\.",
        ),
        (
            "query/0752_c2s1_000000_00.jpg",
            r"expected 3,368 query images of 750 identities, found 3,367 of 750 in .*query\.",
        ),
        (
            "bounding_box_test/0752_c3s1_000000_00.jpg",
            r"expected 15,913 gallery images of 750 identities, found 15,912 of 750 in .*bounding_box_test\.",
        ),
    ],
)
def test_one_missing_image_is_refused_with_both_counts_and_the_remedy(
    published: Path, tmp_path: Path, image: str, said: str
) -> None:
    (published / image).rename(tmp_path / "missing")
    try:
        with pytest.raises(UserError) as found:
            read_market1501("m", published)
    finally:
        (tmp_path / "missing").rename(published / image)
    first, second = str(found.value).splitlines()
    assert re.fullmatch(f"m: {said}", first)
    assert second == "  For a subset, set data.sources.m.verify_counts = false."


def test_a_subset_says_so(tmp_path: Path) -> None:
    table = read_market1501("m", market(tmp_path, TRAIN, QUERY, GALLERY), verify_counts=False)
    assert "not the whole of Market-1501: counts not verified" in table.notes


def test_a_missing_folder_names_itself_and_what_belongs_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no folder .*/absent\.\n.*bounding_box_train, query, bounding_box_test"):
        read_market1501("m", tmp_path / "absent")
    (tmp_path / "query").mkdir()
    with pytest.raises(UserError, match=r"has no folder bounding_box_train, bounding_box_test\."):
        read_market1501("m", tmp_path)


def test_a_file_with_another_name_is_named_with_the_expected_pattern(tmp_path: Path) -> None:
    folder = market(tmp_path, [*TRAIN, "anna.jpg"], QUERY, GALLERY)
    with pytest.raises(UserError, match=r"bounding_box_train/anna\.jpg: expected a name like 0002_c1s1_000451_03\.jpg"):
        read_market1501("m", folder, verify_counts=False)


def test_a_test_set_may_be_absent_as_a_whole_but_not_in_half(tmp_path: Path) -> None:
    assert len(read_market1501("m", market(tmp_path / "a", TRAIN), verify_counts=False).frame) == 3
    with pytest.raises(UserError, match="bounding_box_test holds no images"):
        read_market1501("m", market(tmp_path / "b", TRAIN, QUERY), verify_counts=False)
    with pytest.raises(UserError, match="bounding_box_train holds no images"):
        read_market1501("m", market(tmp_path / "c", [], QUERY, GALLERY), verify_counts=False)


def test_an_identity_in_training_and_in_the_test_is_noted(tmp_path: Path) -> None:
    folder = market(tmp_path, [*TRAIN, "0012_c2s1_000001_00.jpg"], QUERY, GALLERY)
    assert any(
        "1 identities are in training and in the test" in note
        for note in read_market1501("m", folder, verify_counts=False).notes
    )


def test_a_query_without_another_camera_is_noted(tmp_path: Path) -> None:
    query = ["0041_c1s1_000001_00.jpg", "0042_c1s1_000001_00.jpg"]
    gallery = ["0041_c1s1_000002_00.jpg", "0042_c1s1_000002_00.jpg", "0042_c3s1_000002_00.jpg"]
    notes = read_market1501("m", market(tmp_path, TRAIN, query, gallery), verify_counts=False).notes
    assert "1 queries have no match on another camera: they don't count" in notes


@given(
    identity=st.integers(-1, 99_999),
    camera=st.integers(1, 99),
    rest=st.from_regex(r"s[0-9]_[0-9]{1,6}_[0-9]{2}", fullmatch=True),
)
def test_a_name_that_was_written_is_read_back(identity: int, camera: int, rest: str) -> None:
    number = "-1" if identity < 0 else f"{identity:04d}"
    assert identity_and_camera(f"{number}_c{camera}{rest}.jpg") == (identity, camera)


@given(st.text(max_size=30))
def test_any_name_is_read_or_refused_without_a_crash(name: str) -> None:
    found = identity_and_camera(name)
    assert found is None or (found[0] >= -1 and "_c" in name)


@pytest.mark.skipif(not SUBSET, reason="FEDREID_DATA is not set")
class TestOnRealImages:
    """450 of the 751 training identities, re-split: see the README beside them."""

    def test_counts(self) -> None:
        table = read_market1501("m", Path(SUBSET) / "market1501", verify_counts=False)
        images = table.frame.groupby("split")["path"].size().to_dict()
        people = table.frame.groupby("split")["identity"].nunique().to_dict()
        assert images == {"train": 7_841, "query": 664, "gallery": 1_930}
        assert (people["train"], people["query"]) == (450, 150)
        assert sorted(table.frame["camera"].unique()) == [1, 2, 3, 4, 5, 6]

    def test_a_subset_is_refused_unless_it_is_called_one(self) -> None:
        with pytest.raises(UserError, match=r"expected 12,936 training images of 751 identities, found 7,841 of 450"):
            read_market1501("m", Path(SUBSET) / "market1501")
