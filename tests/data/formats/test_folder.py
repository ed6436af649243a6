"""A folder of one's own images: identities, cameras and who is kept for the test."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedreid.data.formats.folder import read_folder
from fedreid.errors import UserError
from tests.data.pictures import rows


def photos(root: Path, people: dict[str, list[str]]) -> Path:
    for person, files in people.items():
        (root / person).mkdir(parents=True)
        for file in files:
            (root / person / file).touch()
    return root


def crowd(root: Path, count: int = 12) -> Path:
    """People with two images on each of two cameras."""
    files = ["c1_1.jpg", "c1_2.jpg", "c2_1.jpg", "c2_2.jpg"]
    return photos(root, {f"person{number:02d}": files for number in range(count)})


def test_identities_are_numbered_in_the_order_of_their_names(tmp_path: Path) -> None:
    folder = photos(tmp_path, {"ben": ["c2_1.png"], "anna": ["c1_1.jpg", "c2_9.JPG"], ".thumbnails": ["x.jpg"]})
    (tmp_path / "notes.txt").touch()
    (tmp_path / "ben" / "Thumbs.db").touch()
    table = read_folder("shop", folder, camera_pattern="c([0-9]+)_", test_identities=0)
    assert rows(table, "train") == [("anna/c1_1.jpg", 0, 1), ("anna/c2_9.JPG", 0, 2), ("ben/c2_1.png", 1, 2)]


def test_cameras_that_are_words_are_numbered_in_sorted_order(tmp_path: Path) -> None:
    folder = photos(tmp_path, {"anna": ["exit-1.jpg", "door-1.jpg"], "ben": ["yard-1.jpg"]})
    table = read_folder("shop", folder, camera_pattern="^([a-z]+)-", test_identities=0)
    assert rows(table, "train") == [("anna/door-1.jpg", 0, 1), ("anna/exit-1.jpg", 0, 2), ("ben/yard-1.jpg", 1, 3)]


def test_without_a_pattern_cameras_are_unknown(tmp_path: Path) -> None:
    table = read_folder("shop", crowd(tmp_path), test_identities=0)
    assert set(table.frame["camera"]) == {-1}
    assert table.notes == ("cameras unknown: matches on the query's own camera count",)


def test_the_first_image_of_each_camera_is_the_query(tmp_path: Path) -> None:
    table = read_folder("shop", crowd(tmp_path), camera_pattern="c([0-9])_", test_identities=0.25)
    queries, gallery = rows(table, "query"), rows(table, "gallery")
    assert [path.split("/")[1] for path, _, _ in queries] == ["c1_1.jpg", "c2_1.jpg"] * 3
    assert [path.split("/")[1] for path, _, _ in gallery] == ["c1_2.jpg", "c2_2.jpg"] * 3
    tested = {identity for _, identity, _ in queries}
    assert len(tested) == 3
    assert tested == {identity for _, identity, _ in gallery}
    assert tested.isdisjoint(identity for _, identity, _ in rows(table, "train"))


def test_without_cameras_one_image_asks_and_the_others_are_found(tmp_path: Path) -> None:
    table = read_folder("shop", crowd(tmp_path, 4), test_identities=0.25)
    assert [path.split("/")[1] for path, _, _ in rows(table, "query")] == ["c1_1.jpg"]
    assert [path.split("/")[1] for path, _, _ in rows(table, "gallery")] == ["c1_2.jpg", "c2_1.jpg", "c2_2.jpg"]


def test_somebody_with_one_image_on_each_camera_has_one_query_and_something_to_find(tmp_path: Path) -> None:
    folder = photos(tmp_path, {name: ["c1_1.jpg", "c2_1.jpg"] for name in ("anna", "ben")})
    table = read_folder("shop", folder, camera_pattern="c([0-9])_", test_identities=0.5)
    assert [camera for _, _, camera in rows(table, "query")] == [1]
    assert [camera for _, _, camera in rows(table, "gallery")] == [2]


def test_who_cannot_be_found_again_is_trained_on(tmp_path: Path) -> None:
    alone = {f"alone{number}": ["c1_1.jpg"] for number in range(3)}
    one_camera = {f"same{number}": ["c1_1.jpg", "c1_2.jpg"] for number in range(3)}
    folder = photos(tmp_path, {**alone, **one_camera, "both": ["c1_1.jpg", "c2_1.jpg", "c2_2.jpg"]})
    table = read_folder("shop", folder, camera_pattern="c([0-9])_", test_identities=0.9)
    assert {path.split("/")[0] for path, _, _ in rows(table, "query")} == {"both"}
    assert any("only 1 of 6 test identities" in note for note in table.notes)


def test_the_choice_depends_on_names_alone(tmp_path: Path) -> None:
    first = read_folder("a", crowd(tmp_path / "a"))
    again = read_folder("b", crowd(tmp_path / "b"))
    assert first.frame.equals(again.frame)
    more = read_folder("c", crowd(tmp_path / "c", 13))
    before, after = ({path.split("/")[0] for path, _, _ in rows(table, "query")} for table in (first, more))
    assert len(before & after) >= 2  # one more person changes one place at most


@given(share=st.floats(0, 0.99))
def test_the_share_of_test_identities_is_kept(tmp_path_factory: pytest.TempPathFactory, share: float) -> None:
    folder = tmp_path_factory.getbasetemp() / "crowd"
    if not folder.exists():
        crowd(folder)
    table = read_folder("shop", folder, test_identities=share)
    assert len({identity for _, identity, _ in rows(table, "query")}) == round(12 * share)
    assert len(table.frame) == 48


def test_an_identity_without_images_is_named(tmp_path: Path) -> None:
    folder = photos(tmp_path, {"anna": ["c1_1.jpg"], "carl": ["readme.txt"]})
    with pytest.raises(UserError, match=r"shop: identity 'carl' has no images \(\.jpg or \.png\) in .*/carl"):
        read_folder("shop", folder)


def test_a_missing_folder_and_one_without_identities_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"there is no folder .*/absent.*\n.*one folder per identity"):
        read_folder("shop", tmp_path / "absent")
    with pytest.raises(UserError, match="holds no folders; expected one per identity"):
        read_folder("shop", tmp_path)


def test_a_file_that_does_not_fit_the_pattern_is_named(tmp_path: Path) -> None:
    folder = photos(tmp_path, {"anna": ["c1_1.jpg", "front.jpg"]})
    with pytest.raises(UserError, match=r"anna/front\.jpg: the name doesn't fit .*camera_pattern = 'c\(\[0-9\]\+\)_'"):
        read_folder("shop", folder, camera_pattern="c([0-9]+)_")


@pytest.mark.parametrize(
    ("pattern", "said"), [("c([0-9]+", "is not a regular expression"), ("c[0-9]+", "has no group")]
)
def test_a_pattern_that_cannot_work_is_named(tmp_path: Path, pattern: str, said: str) -> None:
    with pytest.raises(UserError, match=f"data.sources.shop.camera_pattern = .* {said}"):
        read_folder("shop", crowd(tmp_path), camera_pattern=pattern)
