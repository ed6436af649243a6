"""From a scenario's source to a table."""

from __future__ import annotations

from pathlib import Path

import pytest

from fedreid.data.sources import read_source
from fedreid.data.tables import image_table, is_image_name
from fedreid.errors import UserError
from fedreid.scenario.schema import DataSettings
from fedreid.scenario.source_schema import FolderSource, Market1501Source, Source, SyntheticSource
from tests.data.pictures import market, save


def read(source: Source, root: Path) -> list[str]:
    settings = DataSettings(root=str(root), cache=str(root / "cache"), sources={"a": source})
    table = read_source("a", source, settings)
    assert table.name == "a"
    assert all((table.root / path).is_file() for path in table.frame["path"])
    return list(table.frame["path"])


def test_each_format_is_read_by_its_own_reader(tmp_path: Path) -> None:
    market(tmp_path / "street", ["0002_c1s1_000451_03.jpg"])
    street = Market1501Source(format="market1501", path="street", verify_counts=False)
    assert read(street, tmp_path) == ["bounding_box_train/0002_c1s1_000451_03.jpg"]
    save(tmp_path / "shop" / "anna" / "c7.png", 1)
    shop = FolderSource(format="folder", path="shop", camera_pattern="c([0-9])", test_identities=0.0)
    assert read(shop, tmp_path) == ["anna/c7.png"]
    made_up = SyntheticSource(format="synthetic", identities=1, test_identities=0, cameras=1, images_per_camera=2)
    assert len(read(made_up, tmp_path)) == 2


def test_the_settings_of_a_source_reach_its_reader(tmp_path: Path) -> None:
    market(tmp_path / "street", ["0002_c1s1_000451_03.jpg"])
    with pytest.raises(UserError, match="a: expected 12,936 training images"):
        read(Market1501Source(format="market1501", path="street"), tmp_path)


def test_a_cache_among_the_people_of_a_folder_is_refused_unless_it_is_hidden(tmp_path: Path) -> None:
    save(tmp_path / "shop" / "anna" / "c7.png", 1)
    source = FolderSource(format="folder", path="shop", test_identities=0.0)

    def read_with(cache: Path) -> None:
        read_source("a", source, DataSettings(root=str(tmp_path), cache=str(cache), sources={"a": source}))

    for cache in (tmp_path / "shop", tmp_path / "shop" / "cache", tmp_path / "shop" / "anna" / "cache"):
        with pytest.raises(UserError, match=rf"a: the cache {cache} is inside {tmp_path}/shop, .*\n  Set data\.cache"):
            read_with(cache)
    for cache in (tmp_path / "shop" / ".cache", tmp_path, tmp_path / "shop2"):
        read_with(cache)


def test_a_table_has_one_order_whatever_the_order_of_its_rows(tmp_path: Path) -> None:
    rows = [
        ("q/1.jpg", 1, 1, "query"),
        ("b.jpg", 2, 1, "train"),
        ("g/1.jpg", 1, 2, "gallery"),
        ("a.jpg", 3, -1, "train"),
    ]
    for given in (rows, rows[::-1]):
        assert list(image_table("a", tmp_path, given).frame["path"]) == ["a.jpg", "b.jpg", "q/1.jpg", "g/1.jpg"]


@pytest.mark.parametrize(
    ("name", "is_image"),
    [
        ("a.jpg", True),
        ("A.JPEG", True),
        ("b.PNG", True),
        ("Thumbs.db", False),
        ("._a.jpg", False),
        ("a.jpg.txt", False),
    ],
)
def test_which_files_are_images(name: str, is_image: bool) -> None:
    assert is_image_name(name) == is_image
