"""Odd files in datasets: understood, with pixels worked out by hand, or refused with the file's name and a remedy."""

from __future__ import annotations

import os
import shutil
import stat
import struct
import tempfile
import warnings
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fedreid.data.cache import ImageCache, build_cache
from fedreid.data.formats.folder import read_folder
from fedreid.data.tables import ImageTable, image_table
from fedreid.errors import UserError
from tests.data.pictures import HEIGHT, WIDTH, pixels, save

SIZE = (HEIGHT, WIDTH)
RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def of_file(path: Path) -> ImageTable:
    return image_table("odd", path.parent, [(path.name, 1, 1, "train")])


def cached(path: Path, size: tuple[int, int]) -> np.ndarray:
    """Pixels of one file, through the cache."""
    return build_cache(of_file(path), size, path.parent / "cache").images[0]


def refused(path: Path) -> str:
    """Why a file can't be decoded, after checking that its name and the remedy are given."""
    with pytest.raises(UserError) as found:
        build_cache(of_file(path), (4, 4), path.parent / "cache")
    first, second = str(found.value).splitlines()
    assert first.startswith(f"{path}: can't be decoded: ")
    assert second == ("  Replace or remove the file, or set data.skip_bad_images = true to go on without such images.")
    return first.removeprefix(f"{path}: can't be decoded: ")


def halves(left: tuple[int, int, int], right: tuple[int, int, int]) -> np.ndarray:
    """(16, 32, 3): two colours side by side, in whole blocks of a JPEG."""
    return np.array([[left] * 16 + [right] * 16] * 16, np.uint8)


class TestUnderstood:
    @pytest.mark.parametrize("name", ["grey.png", "grey.tif", "grey.jpg"])
    def test_sixteen_bit_grey_keeps_its_upper_byte(self, tmp_path: Path, name: str) -> None:
        values = np.array([[0, 255, 256], [32_768, 65_280, 65_535]], np.uint16)
        kind = "TIFF" if name.endswith("tif") else "PNG"  # a PNG whose name says .jpg, too
        Image.fromarray(values).save(tmp_path / name, kind)
        found = cached(tmp_path / name, (2, 3))
        np.testing.assert_array_equal(found, np.array([[0, 0, 1], [128, 255, 255]])[..., None].repeat(3, -1))

    @pytest.mark.parametrize(("highest", "expected"), [(65_535, 128), (1_023, 128), (255, 128)])
    def test_a_grey_map_of_any_depth(self, tmp_path: Path, highest: int, expected: int) -> None:
        middle = (highest + 1) // 2
        body = middle.to_bytes(2, "big") if highest > 255 else bytes([middle])
        (tmp_path / "map.png").write_bytes(b"P5 1 1 %d\n" % highest + body)
        assert cached(tmp_path / "map.png", (1, 1)).tolist() == [[[expected] * 3]]

    def test_sixteen_bit_colours_keep_their_upper_bytes(self, tmp_path: Path) -> None:
        """Written by hand: Pillow can't."""
        line = struct.pack(">x6H", 65_535, 32_768, 255, 0, 256, 512)
        parts = {b"IHDR": struct.pack(">IIBBBBB", 2, 1, 16, 2, 0, 0, 0), b"IDAT": zlib.compress(line), b"IEND": b""}
        chunks = (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
            for kind, body in parts.items()
        )
        (tmp_path / "deep.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunks))
        assert cached(tmp_path / "deep.png", (1, 2)).tolist() == [[[255, 128, 0], [0, 1, 2]]]

    @pytest.mark.parametrize("kind", ["PNG", "JPEG"])
    def test_grey(self, tmp_path: Path, kind: str) -> None:
        Image.fromarray(np.full((8, 8), 77, np.uint8)).save(tmp_path / "grey.jpg", kind)
        np.testing.assert_array_equal(cached(tmp_path / "grey.jpg", (8, 8)), np.full((8, 8, 3), 77))

    @pytest.mark.parametrize("transparent", [False, True])
    def test_a_palette_with_or_without_a_transparent_colour(self, tmp_path: Path, transparent: bool) -> None:
        image = Image.fromarray(np.array([[0, 1], [2, 1]], np.uint8)).convert("P")
        image.putpalette([*RED, *GREEN, *BLUE])
        image.save(tmp_path / "palette.png", **({"transparency": 1} if transparent else {}))
        assert cached(tmp_path / "palette.png", (2, 2)).tolist() == [[[*RED], [*GREEN]], [[*BLUE], [*GREEN]]]

    def test_transparency_is_left_out_and_colours_are_kept(self, tmp_path: Path) -> None:
        values = np.array([[(*RED, 0), (*GREEN, 128), (*BLUE, 255)]], np.uint8)
        Image.fromarray(values).save(tmp_path / "logo.png")
        assert cached(tmp_path / "logo.png", (1, 3)).tolist() == [[[*RED], [*GREEN], [*BLUE]]]

    def test_inks_become_light(self, tmp_path: Path) -> None:
        """Yellow and magenta ink give red, none gives white."""
        inks = np.array([[(0, 255, 255, 0)] * 16 + [(0, 0, 0, 0)] * 16] * 16, np.uint8)
        Image.fromarray(inks, "CMYK").save(tmp_path / "print.jpg", quality=100)
        assert np.abs(cached(tmp_path / "print.jpg", (16, 32)).astype(int) - halves(RED, WHITE)).max() <= 4

    @pytest.mark.parametrize(
        ("orientation", "turn"),
        [
            (1, lambda upright: upright),
            (2, np.fliplr),
            (3, lambda upright: np.rot90(upright, 2)),
            (4, np.flipud),
            (5, lambda upright: np.fliplr(np.rot90(upright, -1))),
            (6, lambda upright: np.rot90(upright, 1)),
            (7, lambda upright: np.fliplr(np.rot90(upright, 1))),
            (8, lambda upright: np.rot90(upright, -1)),
        ],
    )
    @pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
    def test_however_the_camera_was_held(
        self, tmp_path: Path, kind: str, orientation: int, turn: Callable[[np.ndarray], np.ndarray]
    ) -> None:
        upright = halves(RED, BLUE)
        upright[:8] = upright[:8] // 2  # the upper half is dark, so that no two orientations look the same
        exif = Image.Exif()
        exif[0x0112] = orientation
        options = {"quality": 100, "subsampling": 0} if kind == "JPEG" else {"lossless": True} if kind == "WEBP" else {}
        Image.fromarray(turn(upright).copy()).save(tmp_path / "held.jpg", kind, exif=exif, **options)
        assert np.abs(cached(tmp_path / "held.jpg", (16, 32)).astype(int) - upright).max() <= 4

    def test_damaged_notes_of_the_camera_leave_the_picture_as_it_is(self, tmp_path: Path) -> None:
        Image.fromarray(pixels(1)).save(tmp_path / "held.png", exif=b"Exif\0\0nonsense")
        np.testing.assert_array_equal(cached(tmp_path / "held.png", SIZE), pixels(1))

    def test_of_an_animation_the_first_picture(self, tmp_path: Path) -> None:
        first, second = (Image.new("RGB", (4, 4), colour) for colour in (RED, BLUE))
        first.save(tmp_path / "wave.jpg", "GIF", save_all=True, append_images=[second])
        np.testing.assert_array_equal(cached(tmp_path / "wave.jpg", (4, 4)), np.full((4, 4, 3), RED))

    def test_bytes_behind_the_end_mean_nothing(self, tmp_path: Path) -> None:
        save(tmp_path / "long.png", 5)
        with (tmp_path / "long.png").open("ab") as stream:
            stream.write(b"<!-- an appended note -->")
        np.testing.assert_array_equal(cached(tmp_path / "long.png", SIZE), pixels(5))

    def test_a_very_large_photograph_and_no_warning(self, tmp_path: Path) -> None:
        large = Image.new("L", (10_000, 9_000), 255)  # 90 million pixels; Pillow warns from 89.5 on
        large.save(tmp_path / "large.jpg")
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            np.testing.assert_array_equal(cached(tmp_path / "large.jpg", (2, 2)), np.full((2, 2, 3), 255))


class TestRefused:
    @pytest.mark.parametrize(
        ("name", "content", "said"),
        [
            ("empty.jpg", b"", "the file is empty"),
            ("notes.jpg", b"to do: photos", "it is no image that Pillow knows (it starts with b'to do: photos')"),
            ("page.png", b"<!DOCTYPE>", "it is no image that Pillow knows (it starts with b'<!DOCTYPE>')"),
            ("start.png", b"\x89PNG\r\n", "it is no image that Pillow knows (it starts with b'\\x89PNG\\r\\n')"),
        ],
    )
    def test_what_is_no_image(self, tmp_path: Path, name: str, content: bytes, said: str) -> None:
        (tmp_path / name).write_bytes(content)
        assert refused(tmp_path / name) == f"{said}."

    @pytest.mark.parametrize("kind", ["JPEG", "PNG"])
    def test_a_truncated_image(self, tmp_path: Path, kind: str) -> None:
        Image.fromarray(pixels(4)).resize((64, 128)).save(tmp_path / "half.jpg", kind)
        os.truncate(tmp_path / "half.jpg", (tmp_path / "half.jpg").stat().st_size // 2)
        assert "truncated" in refused(tmp_path / "half.jpg").lower()

    def test_a_bomb(self, tmp_path: Path) -> None:
        """A few bytes that say they are a picture of ten gigabytes: refused before memory is asked for."""
        body = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
        header = struct.pack(">I", len(body)) + b"IHDR" + body + struct.pack(">I", zlib.crc32(b"IHDR" + body))
        (tmp_path / "bomb.png").write_bytes(b"\x89PNG\r\n\x1a\n" + header + b"\0\0\0\0IDAT")
        assert "3600000000 pixels" in refused(tmp_path / "bomb.png")

    def test_fractions(self, tmp_path: Path) -> None:
        Image.fromarray(np.full((2, 2), 0.5, np.float32)).save(tmp_path / "depth.jpg", "TIFF")
        assert refused(tmp_path / "depth.jpg").startswith("its pixels are fractions")

    def test_a_folder_with_an_images_name(self, tmp_path: Path) -> None:
        (tmp_path / "album.jpg").mkdir()
        assert refused(tmp_path / "album.jpg") == "Is a directory."

    def test_links_that_lead_nowhere_or_in_a_circle(self, tmp_path: Path) -> None:
        (tmp_path / "gone.jpg").symlink_to("elsewhere/photo.jpg")
        (tmp_path / "round.jpg").symlink_to("round.jpg")
        assert refused(tmp_path / "gone.jpg") == "it is a link to elsewhere/photo.jpg: No such file or directory."
        assert refused(tmp_path / "round.jpg") == "it is a link to round.jpg: Too many levels of symbolic links."

    def test_several_at_once_are_left_out_when_asked(self, tmp_path: Path) -> None:
        for number in range(4):
            save(tmp_path / f"{number}.png", number)
        (tmp_path / "1.png").write_bytes(b"")
        (tmp_path / "2.png").unlink()
        (tmp_path / "2.png").symlink_to("nowhere")
        table = image_table("odd", tmp_path, [(f"{number}.png", number, 1, "train") for number in range(4)])
        cache = build_cache(table, SIZE, tmp_path / "cache", skip_bad_images=True)
        np.testing.assert_array_equal(cache.images, np.stack([pixels(0), pixels(3)]))
        assert cache.bad_images == (
            "1.png: the file is empty",
            "2.png: it is a link to nowhere: No such file or directory",
        )


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
