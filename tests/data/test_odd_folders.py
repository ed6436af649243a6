"""Odd files and folders among images: followed, passed over, or refused with their names; and read-only datasets."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fedreid.data.cache import ImageCache, build_cache
from fedreid.data.formats.folder import read_folder
from fedreid.data.tables import ImageTable
from fedreid.errors import UserError
from tests.data.pictures import HEIGHT, WIDTH, pixels, save

SIZE = (HEIGHT, WIDTH)


def read(folder: Path, cache: Path) -> tuple[ImageTable, ImageCache]:
    """A folder of identities, through reader and cache."""
    table = read_folder("shop", folder, test_identities=0)
    return table, build_cache(table, SIZE, cache)


class TestFolders:
    def test_capital_suffixes_unicode_and_spaces(self, tmp_path: Path) -> None:
        names = ["Zoë Müller/foto 1.JPG.png", "Zoë Müller/ÉTÉ.PNG", "ben/照片 (2).Png", "ben/😀.png"]
        for number, name in enumerate(names):
            save(tmp_path / "my photos" / name, number)
        table, cache = read(tmp_path / "my photos", tmp_path / "cache")
        assert dict(zip(table.frame["path"], table.frame["identity"], strict=True)) == {
            names[0]: 0,
            names[1]: 0,
            names[2]: 1,
            names[3]: 1,
        }
        for path, image in zip(table.frame["path"], cache.images, strict=True):
            np.testing.assert_array_equal(image, pixels(names.index(path)))

    def test_a_name_in_another_encoding(self, tmp_path: Path) -> None:
        folder = os.fsencode(tmp_path / "photos") + b"/Jos\xe9"  # Latin-1, as old archives have
        try:
            Path(os.fsdecode(folder)).mkdir(parents=True)
        except OSError:
            pytest.skip("this file system takes names in UTF-8 only")
        Image.fromarray(pixels(3)).save(tmp_path / "3.png")
        shutil.copy(os.fsencode(tmp_path / "3.png"), folder + b"/a\xe9.png")
        _, cache = read(tmp_path / "photos", tmp_path / "cache")
        np.testing.assert_array_equal(cache.images[0], pixels(3))

    def test_links_to_files_and_folders_are_followed(self, tmp_path: Path) -> None:
        save(tmp_path / "store" / "x.png", 1)
        save(tmp_path / "albums" / "ben" / "y.png", 2)
        (tmp_path / "photos" / "anna").mkdir(parents=True)
        (tmp_path / "photos" / "anna" / "a.png").symlink_to(tmp_path / "store" / "x.png")
        (tmp_path / "photos" / "ben").symlink_to(tmp_path / "albums" / "ben")
        table, cache = read(tmp_path / "photos", tmp_path / "cache")
        assert list(table.frame["path"]) == ["anna/a.png", "ben/y.png"]
        np.testing.assert_array_equal(cache.images, np.stack([pixels(1), pixels(2)]))

    def test_a_link_that_changes_where_it_leads_is_noticed(self, tmp_path: Path) -> None:
        for number in (1, 2):
            save(tmp_path / f"{number}.png", number)
        (tmp_path / "photos" / "anna").mkdir(parents=True)
        link = tmp_path / "photos" / "anna" / "a.png"
        link.symlink_to(tmp_path / "1.png")
        read(tmp_path / "photos", tmp_path / "cache")
        link.unlink()
        link.symlink_to(tmp_path / "2.png")
        np.testing.assert_array_equal(read(tmp_path / "photos", tmp_path / "cache")[1].images[0], pixels(2))

    def test_links_in_a_circle(self, tmp_path: Path) -> None:
        save(tmp_path / "anna" / "a.png", 1)
        (tmp_path / "itself").symlink_to("itself")
        (tmp_path / "nowhere").symlink_to("gone")
        assert list(read_folder("shop", tmp_path, test_identities=0).frame["path"]) == ["anna/a.png"]
        (tmp_path / "above").symlink_to(tmp_path)
        with pytest.raises(UserError, match=r"identity 'above' has no images .*\n  Add some, or remove the folder"):
            read_folder("shop", tmp_path)

    def test_other_files_among_the_images_are_ignored(self, tmp_path: Path) -> None:
        save(tmp_path / "photos" / "anna" / "a.png", 1)
        for name in ("Thumbs.db", ".DS_Store", "._a.png", "notes.txt", "a.png.part", "film.mp4", "png"):
            (tmp_path / "photos" / "anna" / name).write_bytes(b"something else")
        (tmp_path / "photos" / "readme.md").touch()
        assert list(read(tmp_path / "photos", tmp_path / "cache")[0].frame["path"]) == ["anna/a.png"]

    def test_the_same_picture_twice_is_two_images(self, tmp_path: Path) -> None:
        for name in ("anna/a.png", "anna/copy of a.png", "ben/a.png"):
            save(tmp_path / "photos" / name, 1)
        os.link(tmp_path / "photos" / "ben" / "a.png", tmp_path / "photos" / "ben" / "b.png")
        table, cache = read(tmp_path / "photos", tmp_path / "cache")
        np.testing.assert_array_equal(cache.images, np.stack([pixels(1)] * 4))
        assert list(table.frame["identity"]) == [0, 0, 1, 1]


@pytest.fixture
def photos() -> Iterator[Path]:
    """A dataset that nobody may write to, in a place that everybody may enter, as pytest's own folders aren't."""
    top = Path(tempfile.mkdtemp())
    top.chmod(0o755)
    for name in ("anna/a.png", "ben/b.png"):
        save(top / "photos" / name, len(name))
    for path in [top / "photos", *(top / "photos").rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    yield top / "photos"
    for path in (top / "photos").rglob("*"):
        if path.is_dir():
            path.chmod(stat.S_IRWXU)
    (top / "photos").chmod(stat.S_IRWXU)
    shutil.rmtree(top)


def as_nobody(work: Callable[[], str]) -> str:
    """What `work` returns or the mistake it raises, in a process without a superuser's rights."""
    reader, writer = os.pipe()
    if not (child := os.fork()):
        try:
            if os.getuid() == 0:
                os.setgroups([])
                os.setgid(65_534)
                os.setuid(65_534)
            said = work()
        except BaseException as error:
            said = f"{type(error).__name__}: {error}"
        os.write(writer, said.encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, encoding="utf-8") as stream:
        said = stream.read()
    os.waitpid(child, 0)
    return said


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs another process with fewer rights")
class TestReadOnly:
    def test_a_dataset_that_may_only_be_read_is_cached_elsewhere(self, photos: Path) -> None:
        cache = photos.parent / "cache"
        cache.mkdir()
        cache.chmod(0o777)
        before = {path: path.stat().st_mtime_ns for path in photos.rglob("*")}

        def work() -> str:
            assert not os.access(photos, os.W_OK)
            return str(read(photos, cache)[1].images.shape)

        assert as_nobody(work) == "(2, 32, 16, 3)"
        assert {path: path.stat().st_mtime_ns for path in photos.rglob("*")} == before

    def test_a_cache_that_may_only_be_read_is_refused(self, photos: Path) -> None:
        said = as_nobody(lambda: str(read(photos, photos / "cache")))
        assert said.startswith(f"UserError: {photos}/cache: can't write the decoded images of shop (0 MB): Permission")
        assert "set data.cache (or FEDREID_CACHE) to another folder" in said

    def test_a_folder_that_may_not_be_listed_is_named(self, photos: Path) -> None:
        (photos / "anna").chmod(0)
        said = as_nobody(lambda: str(read_folder("shop", photos)))
        assert said.startswith(f"UserError: {photos}/anna: can't be listed: Permission denied.")
