"""Odd images: understood, with pixels worked out by hand, or refused with the file's name and a remedy."""

from __future__ import annotations

import os
import struct
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fedreid.data.cache import build_cache
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
