"""Image files of every kind become the pixels that Pillow itself gives."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from fedreid.data.decoding import BadImage, decode, read_bytes
from fedreid.data.jpeg import decode_jpeg
from tests.data.pictures import HEIGHT, WIDTH, pixels


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


@given(number=st.integers(0, 2**32), height=st.integers(1, 80), width=st.integers(1, 80))
def test_pixels_are_those_of_pillow(number: int, height: int, width: int) -> None:
    image = Image.fromarray(pixels(number))
    expected = np.asarray(image.resize((width, height), Image.Resampling.BILINEAR))
    np.testing.assert_array_equal(decode(encoded(image), (height, width)), expected)


@pytest.mark.parametrize("mode", ["L", "P", "CMYK", "RGBA", "LA", "1"])
def test_other_kinds_of_images_become_three_colours(mode: str) -> None:
    image = Image.fromarray(pixels(1)).convert(mode)
    found = decode(encoded(image, "TIFF" if mode == "CMYK" else "PNG"), (HEIGHT, WIDTH))
    np.testing.assert_array_equal(found, np.asarray(image.convert("RGB")))


def test_sixteen_bit_grey_keeps_its_upper_byte() -> None:
    values = np.array([[0, 255, 256, 32_768], [40_000, 65_280, 65_535, 512]], dtype=np.uint16)
    found = decode(encoded(Image.fromarray(values)), (2, 4))
    np.testing.assert_array_equal(found[..., 0], [[0, 0, 1, 128], [156, 255, 255, 2]])


def test_a_camera_held_sideways_gives_an_upright_image() -> None:
    turned = Image.Exif()
    turned[0x0112] = 6  # the top of the scene is at the right of the file
    upright = pixels(2)
    sideways = Image.fromarray(np.rot90(upright, 1).copy())
    found = decode(encoded(sideways, exif=turned.tobytes()), (HEIGHT, WIDTH))
    np.testing.assert_array_equal(found, upright)


def test_a_large_photo_is_still_averaged_down() -> None:
    """JPEG's own reduction, which makes large photos quick, must not be visible."""
    large = Image.fromarray(pixels(3)).resize((800, 1600), Image.Resampling.BICUBIC)
    content = encoded(large, "JPEG", quality=95)
    exact = np.asarray(Image.open(io.BytesIO(content)).resize((32, 64), Image.Resampling.BILINEAR), np.float32)
    assert np.abs(decode(content, (64, 32)) - exact).mean() < 1


@pytest.mark.parametrize("content", [b"", b"no image", b"\xff\xd8\xff\xe0 nearly", b"\x89PNG\r\n\x1a\n"])
def test_what_is_no_image_is_refused(content: bytes) -> None:
    with pytest.raises(BadImage):
        decode(content, (4, 4))


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@given(share=st.floats(0.3, 0.9))
def test_a_truncated_image_is_refused(kind: str, share: float) -> None:
    content = encoded(Image.fromarray(pixels(4)).resize((64, 128)), kind)
    with pytest.raises(BadImage):
        decode(content[: int(share * len(content))], (4, 4))


def test_a_file_that_is_gone_is_a_bad_image() -> None:
    with pytest.raises(BadImage, match="No such file"):
        read_bytes("/nowhere/at/all.jpg")


class TestJpegDirectly:
    """`decode_jpeg` gives what Pillow gives, or leaves the file to it."""

    @given(
        number=st.integers(0, 2**32),
        size=st.tuples(st.integers(1, 70), st.integers(1, 70)),
        quality=st.integers(20, 98),
        subsampling=st.sampled_from([0, 1, 2]),
        progressive=st.booleans(),
    )
    def test_the_same_pixels(
        self, number: int, size: tuple[int, int], quality: int, subsampling: int, progressive: bool
    ) -> None:
        options = {"quality": quality, "subsampling": subsampling, "progressive": progressive}
        content = encoded(Image.fromarray(pixels(number)).resize(size), "JPEG", **options)
        found = decode_jpeg(content, enough=1000)
        assert found is not None
        np.testing.assert_array_equal(found, np.asarray(Image.open(io.BytesIO(content))))

    @pytest.mark.parametrize("mode", ["L", "CMYK"])
    def test_other_colours_are_left_to_pillow(self, mode: str) -> None:
        assert decode_jpeg(encoded(Image.fromarray(pixels(1)).convert(mode), "JPEG"), enough=1000) is None

    def test_a_turned_image_is_left_to_pillow(self) -> None:
        turned = Image.Exif()
        turned[0x0112] = 6
        content = encoded(Image.fromarray(pixels(1)), "JPEG", exif=turned.tobytes(), comment=b"before or after")
        assert decode_jpeg(content, enough=1000) is None

    def test_a_large_image_is_left_to_pillow(self) -> None:
        content = encoded(Image.fromarray(pixels(1)), "JPEG")
        assert decode_jpeg(content, enough=WIDTH // 2) is None
        assert decode_jpeg(content, enough=WIDTH // 2 + 1) is not None

    def test_an_image_that_pillow_would_refuse_for_its_size_is_left_to_it(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        content = encoded(Image.fromarray(pixels(1)), "JPEG")
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", WIDTH * HEIGHT - 1)
        assert decode_jpeg(content, enough=1000) is None

    @given(cut=st.integers(1, 400), flipped=st.integers(0, 400), value=st.integers(0, 255))
    def test_a_damaged_file_is_what_pillow_makes_of_it(self, cut: int, flipped: int, value: int) -> None:
        content = bytearray(encoded(Image.fromarray(pixels(4)), "JPEG"))
        content[flipped % len(content)] = value
        damaged = bytes(content[: len(content) - cut % 40])
        found = decode_jpeg(damaged, enough=1000)
        if found is not None:
            with Image.open(io.BytesIO(damaged)) as image:
                np.testing.assert_array_equal(found, np.asarray(image.convert("RGB")))
