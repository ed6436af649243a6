"""Examples in a run folder: written and read again, the same bytes every time, and refused where they are damaged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fedreid.data.examples import Examples, Found, RankedList, Shown, read_examples, write_examples
from fedreid.errors import UserError

QUERY = Shown("query/1, <b>.jpg", 1, 3)
LISTS = (
    RankedList(QUERY, 1 / 3, (Found(Shown("a.jpg", 2, -1), 0.75, False), Found(Shown("b.jpg", 1, 2), -0.5, True))),
    RankedList(QUERY, 1.0, ()),
)
EXAMPLES = Examples(
    LISTS, np.arange(4 * 2 * 1 * 3, dtype=np.uint8).reshape(4, 2, 1, 3), (QUERY,), np.ones((1, 5), np.float32)
)


def test_what_is_written_is_read_and_equal_examples_are_equal_files(tmp_path: Path) -> None:
    for name in ("shop", "again"):
        write_examples(tmp_path, name, EXAMPLES)
    found = read_examples(tmp_path)
    assert list(found) == ["again", "shop"]
    assert found["shop"].lists == LISTS
    assert found["shop"].people == (QUERY,)
    assert np.array_equal(found["shop"].embeddings, EXAMPLES.embeddings)
    assert np.array_equal(found["shop"].pictures, EXAMPLES.pictures)  # type: ignore[arg-type]
    for ending in ("lists.csv", "map.csv", "npz"):
        assert (tmp_path / f"shop.{ending}").read_bytes() == (tmp_path / f"again.{ending}").read_bytes()


def test_without_pictures_and_without_a_folder(tmp_path: Path) -> None:
    write_examples(tmp_path, "shop", replace(EXAMPLES, pictures=None))
    assert read_examples(tmp_path)["shop"].pictures is None
    assert np.load(tmp_path / "shop.npz").files == ["embeddings"]
    assert read_examples(tmp_path / "missing") == {}


def test_a_name_on_the_disk_that_is_no_text_can_be_read(tmp_path: Path) -> None:
    odd = Shown("query/\udcff.jpg", 1, 1)
    write_examples(tmp_path, "shop", Examples((RankedList(odd, 0.5, ()),), None, (), np.empty((0, 5), np.float32)))
    assert read_examples(tmp_path)["shop"].lists[0].query.path == "query/�.jpg"


def edit(name: str, old: str, new: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        file = folder / name
        assert old in file.read_text()
        file.write_text(file.read_text().replace(old, new, 1))

    return change


def without_pictures_of_one(folder: Path) -> None:
    np.savez(folder / "shop.npz", embeddings=EXAMPLES.embeddings, pictures=EXAMPLES.pictures[1:])  # type: ignore[index]


def with_objects(folder: Path) -> None:
    np.savez(folder / "shop.npz", embeddings=np.array([{}], dtype=object))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / "shop.npz").unlink(), "shop.npz: not the examples of a run: .*No such file"),
        (lambda folder: (folder / "shop.map.csv").unlink(), "shop.map.csv: not the examples"),
        (lambda folder: (folder / "shop.npz").write_bytes(b"PK"), "shop.npz: not the examples"),
        (with_objects, "shop.npz: not the examples"),
        (without_pictures_of_one, r"expected 4 pictures, found uint8 of shape \(3, 2, 1, 3\)"),
        (edit("shop.lists.csv", "AP", "ap"), "expected the columns list, place"),
        (edit("shop.lists.csv", "0,1,", "0,2,"), "list 0, place 2 stands where it doesn't belong"),
        (edit("shop.lists.csv", "0.750000", "much"), "could not convert string to float: 'much'"),
        (edit("shop.map.csv", ",3", ""), "a row has 2 values, not 3"),
        (edit("shop.lists.csv", "list,place", ""), "expected the columns"),
    ],
)  # fmt: skip
def test_damaged_examples_are_refused_by_the_files_name(
    tmp_path: Path, damage: Callable[[Path], None], message: str
) -> None:
    write_examples(tmp_path, "shop", EXAMPLES)
    damage(tmp_path)
    with pytest.raises(UserError, match=message):
        read_examples(tmp_path)
