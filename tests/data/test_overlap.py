"""The same people or images in two sources are found quickly, by what was kept beside the decoded images."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fedreid.data import image_digests
from fedreid.data.cache import ImageCache, build_cache
from fedreid.data.image_digests import DIGESTS, digests_of
from fedreid.data.overlap import perhaps_the_same, refuse_same_folders, refuse_shared_images, repeated
from fedreid.data.splits import COLUMNS, Split
from fedreid.data.tables import ImageTable, image_table
from fedreid.errors import UserError
from tests.data.pictures import HEIGHT, WIDTH, save

UNSEEN = ("query", "gallery")


def cache_of(root: Path, name: str, numbers: Mapping[str, int], splits: tuple[str, ...] = ("train",)) -> ImageCache:
    """Pictures by file name; uses go round."""
    for file, number in numbers.items():
        save(root / name / file, number)
    rows = [(file, place, 1, splits[place % len(splits)]) for place, file in enumerate(numbers)]
    return build_cache(image_table(name, root / name, rows), (HEIGHT, WIDTH), root / "cache")


def refusal(**caches: ImageCache) -> str:
    with pytest.raises(UserError) as caught:
        refuse_shared_images(caches)
    return str(caught.value)


def test_an_image_of_two_sources_is_named_in_both(tmp_path: Path) -> None:
    shop = cache_of(tmp_path, "shop", {"a.png": 1, "b.png": 2, "c.png": 3})
    mall = cache_of(tmp_path, "mall", {"d.png": 4, "e.png": 2})
    yard = cache_of(tmp_path, "yard", {"f.png": 5})
    refuse_shared_images({"shop": shop, "yard": yard})
    text = refusal(shop=shop, yard=yard, mall=mall)
    assert text.startswith("data.sources.mall and data.sources.shop hold the same images, for one ")
    assert f"{tmp_path}/mall/e.png and {tmp_path}/shop/b.png: an identity would belong to two clients" in text


def test_sources_that_nobody_trains_on_may_share_images(tmp_path: Path) -> None:
    one = cache_of(tmp_path, "one", {"a.png": 1, "b.png": 2}, UNSEEN)
    two = cache_of(tmp_path, "two", {"a.png": 1, "c.png": 3}, UNSEEN)
    refuse_shared_images({"one": one, "two": two})
    trained = cache_of(tmp_path, "trained", {"x.png": 1})
    for order in (("one", "two", "trained"), ("one", "trained", "two"), ("trained", "one", "two")):
        known = {"one": one, "two": two, "trained": trained}
        text = refusal(**{name: known[name] for name in order})
        assert "data.sources.trained" in text
        assert "its strangers would be people that somebody trains on" in text


def test_equal_digests_of_other_images_are_no_overlap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = cache_of(tmp_path, "shop", {"a.png": 1})
    mall = cache_of(tmp_path, "mall", {"b.png": 2})
    monkeypatch.setattr("fedreid.data.overlap.digests_of", lambda cache: np.zeros(len(cache.images), dtype=np.uint64))
    refuse_shared_images({"shop": shop, "mall": mall})


def test_one_folder_by_two_names(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "shop")
    (tmp_path / "shop").mkdir()
    train, test = ([("a", 1, 1, use)] for use in ("train", "query"))

    def tables(*rows: list[tuple[str, int, int, str]], roots: tuple[str, str]) -> dict[str, ImageTable]:
        return {f"s{n}": image_table("s", tmp_path / roots[n], each) for n, each in enumerate(rows)}

    with pytest.raises(
        UserError, match=r"data\.sources\.s1 and data\.sources\.s0 are the same folder, .*/shop: an ident"
    ):
        refuse_same_folders(tables(train, train, roots=("shop", "link")), {})
    with pytest.raises(UserError, match=r"are the same folder, .*/shop: one of the two is unseen"):
        refuse_same_folders(tables(train, test, roots=("shop", "link")), {})
    refuse_same_folders(tables(test, test, roots=("shop", "link")), {})
    named = tables(train, train, roots=("extracted-1", "extracted-2"))  # in the cache, from one folder
    of_format = {"s0": ("cuhk03", tmp_path / "link" / ".." / "shop"), "s1": ("cuhk03", tmp_path / "link")}
    with pytest.raises(UserError, match="are the same folder"):
        refuse_same_folders(named, of_format)
    refuse_same_folders(named, {**of_format, "s1": ("viper", tmp_path / "link")})  # two datasets in one folder


# Digests


def test_digests_are_computed_once_and_found_by_every_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_digests, "GROUP", 3)
    cache = cache_of(tmp_path, "shop", {f"{number}.png": number % 6 for number in range(8)})
    digests = digests_of(cache)
    assert digests.dtype == np.uint64
    assert digests.shape == (8,)
    assert len(set(digests.tolist())) == 6
    assert digests[6:].tolist() == digests[:2].tolist()

    def fail(*_: object) -> None:
        raise AssertionError("images were hashed again")

    monkeypatch.setattr(image_digests, "_hashed", fail)
    np.testing.assert_array_equal(digests_of(cache), digests)


@pytest.mark.parametrize("damage", [b"", b"no array", b"\x93NUMPY"])
def test_damaged_digests_are_made_again(tmp_path: Path, damage: bytes) -> None:
    cache = cache_of(tmp_path, "shop", {"a.png": 1, "b.png": 2})
    digests = digests_of(cache)
    (cache.path / DIGESTS).write_bytes(damage)
    np.testing.assert_array_equal(digests_of(cache), digests)
    np.save(cache.path / DIGESTS, digests[:1])
    np.testing.assert_array_equal(digests_of(cache), digests)
    np.testing.assert_array_equal(np.load(cache.path / DIGESTS), digests)


def test_a_cache_that_cannot_be_written_is_compared_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_only(*_: object) -> None:
        raise OSError(30, os.strerror(30))

    cache = cache_of(tmp_path, "shop", {"a.png": 1, "b.png": 1})
    monkeypatch.setattr(image_digests, "_save", read_only)
    assert len(set(digests_of(cache).tolist())) == 1
    assert sorted(path.name for path in cache.path.iterdir()) == ["entry.json", "images.npy"]


# Within a source


def test_an_image_that_is_trained_on_and_tested_is_told() -> None:
    def told(*uses: tuple[str, str], digests: list[int]) -> dict[str, str]:
        rows = [("shop", row, f"{row}.jpg", 1, 1, use) for row, (_, use) in enumerate(uses)]
        frame = pd.DataFrame(rows, columns=list(COLUMNS)).assign(part=[part for part, _ in uses])
        table = image_table("shop", Path("/data"), [(f"{row}.jpg", 1, 1, "train") for row in range(len(uses))])
        cache = ImageCache(Path("/none"), np.zeros((len(uses), 1, 1, 3)), table, ())
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("fedreid.data.overlap.digests_of", lambda _: np.array(digests, dtype=np.uint64))
            return repeated(Split(frame), {"shop": cache})

    client, held, test = ("client-000", "train"), ("client-000", "held_out"), "generic-shop"
    parts = (client, ("public", "train"), held, (test, "query"), (test, "gallery"))
    assert told(*parts, digests=[1, 2, 3, 4, 4]) == {}
    assert told(*parts, digests=[1, 2, 3, 3, 5]) == {}
    for digests, count, example in (
        ([1, 2, 3, 2, 5], 1, "3.jpg, which is 1.jpg"),
        ([1, 2, 3, 1, 1], 2, "3.jpg, which"),
    ):
        (note,) = told(*parts, digests=digests).values()
        assert f"generic figures are too high: {count} (as {example}" in note


# Parts of one dataset


def test_parts_of_one_dataset_are_told_as_possible() -> None:
    def told(ours: list[tuple[str, int]], theirs: list[tuple[str, int]], **options: str) -> dict[str, str]:
        use = {"ours": "train", "theirs": options.get("use", "train")}
        rows = {
            name: [(path, who, 1, use[name]) for path, who in each]
            for name, each in (("ours", ours), ("theirs", theirs))
        }
        tables = {name: image_table(name, Path("/data", name), each) for name, each in rows.items()}
        formats = {"ours": "market1501", "theirs": options.get("format", "market1501")}
        return perhaps_the_same(tables, {name: (formats[name], Path("/data", name)) for name in tables})

    ours = [("a.jpg", 1), ("b.jpg", 2), ("c.jpg", 3), ("d.jpg", 0)]
    found = told(ours, [("e.jpg", 2), ("f.jpg", 3), ("g.jpg", 4)])
    assert list(found) == ["theirs"]
    assert found["theirs"].startswith(
        "perhaps the same people as in ours: both are in the layout of market1501, and 2 identities have the same "
        "numbers. If both are parts of one dataset, an identity would belong to two clients"
    )
    assert "its strangers would be people" in told(ours, [("e.jpg", 2)], use="query")["theirs"]
    assert told(ours, [("e.jpg", 4), ("f.jpg", 0)]) == {}  # people apart: a distractor is nobody
    assert told(ours, [("a.jpg", 1), ("f.jpg", 2)]) == {}  # one name, two images: two datasets
    assert told(ours, [("e.jpg", 2)], format="dukemtmc") == {}
    rows = [image_table("s", Path("/data"), [(path, 1, 1, "query")]) for path in ("a", "b")]
    both = {f"s{number}": table for number, table in enumerate(rows)}
    assert perhaps_the_same(both, {name: ("viper", Path("/data", name)) for name in both}) == {}
    own = {f"s{number}": image_table("s", Path("/data"), [(path, 1, 1, "train")]) for number, path in enumerate("ab")}
    assert perhaps_the_same(own, {name: ("folder", Path("/data", name)) for name in own}) == {}
