"""JPEG files that go to libjpeg-turbo directly have Pillow's pixels; whatever is out of the ordinary is left to it."""

from __future__ import annotations

import io
import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from fedreid.data.decoding import decode
from fedreid.data.jpeg import decode_jpeg
from tests.data.jpeg_by_hand import JFIF, Segment, jpeg

PLAIN = ((1, 1), (1, 1), (1, 1))
HALVED = ((2, 2), (1, 1), (1, 1))
SIDES = (1, 2, 3, 4)
ADOBE = b"Adobe\0\x64\0\0\0\0"  # and one byte that says the colours: 0 red, green, blue; 1 YCbCr; 2 YCCK


def of_pillow(content: bytes) -> np.ndarray | None:
    """Pixels, or None where it refuses the file."""
    try:
        with Image.open(io.BytesIO(content)) as image:
            return np.asarray(image.convert("RGB"))
    except Exception:
        return None


def assert_as_pillow(content: bytes) -> np.ndarray | None:
    """What is decoded directly is what Pillow gives."""
    found, expected = decode_jpeg(content, enough=1000), of_pillow(content)
    if found is not None:
        assert expected is not None
        np.testing.assert_array_equal(found, expected)
    return found


class TestSampling:
    @pytest.mark.parametrize("sampling", [(1, 1), (2, 1), (1, 2), (2, 2), (4, 1)])
    @pytest.mark.parametrize("size", [(1, 1), (37, 53), (64, 128)])
    def test_usual_ones_are_decoded(self, sampling: tuple[int, int], size: tuple[int, int]) -> None:
        """4:4:4, 4:2:2, 4:4:0, 4:2:0, 4:1:1."""
        assert assert_as_pillow(jpeg((sampling, *PLAIN[1:]), size=size)) is not None

    @pytest.mark.parametrize("colours", [(1, 1), (1, 2), (2, 1), (2, 2)])
    def test_any_others_are_as_pillow_has_them(self, colours: tuple[int, int]) -> None:
        for light in itertools.product(SIDES, SIDES):
            if light[0] * light[1] + 2 * colours[0] * colours[1] <= 10:  # blocks that a unit may have
                assert_as_pillow(jpeg((light, colours, colours)))

    def test_four_rows_of_light_to_one_of_colour(self) -> None:
        """4:4:1, of which the library that is asked first knows no name."""
        content = jpeg(((1, 4), (1, 1), (1, 1)), size=(16, 32))
        assert decode_jpeg(content, enough=1000) is None
        np.testing.assert_array_equal(decode(content, (32, 16)), of_pillow(content))

    def test_colours_that_differ(self) -> None:
        assert_as_pillow(jpeg(((2, 2), (1, 1), (2, 1))))
        assert_as_pillow(jpeg(((1, 1), (2, 2), (2, 2))))


class TestScans:
    @pytest.mark.parametrize("restart", [0, 1, 3])
    @pytest.mark.parametrize("interleaved", [True, False])
    @pytest.mark.parametrize("sampling", [PLAIN, HALVED])
    def test_restarts_and_scans_of_one_component(
        self, sampling: tuple[tuple[int, int], ...], interleaved: bool, restart: int
    ) -> None:
        assert assert_as_pillow(jpeg(sampling, restart=restart, interleaved=interleaved)) is not None

    @pytest.mark.parametrize("subsampling", [0, 2])
    def test_a_progressive_file_that_lacks_its_last_scans(self, subsampling: int) -> None:
        rough = np.random.default_rng(0).integers(0, 255, (40, 30, 3), dtype=np.uint8)
        file = io.BytesIO()
        Image.fromarray(rough).save(file, "JPEG", progressive=True, subsampling=subsampling)
        content = file.getvalue()
        scans = [place for place in range(len(content)) if content.startswith(b"\xff\xda", place)]
        for place in scans[1:]:
            assert_as_pillow(content[:place] + b"\xff\xd9")

    @pytest.mark.parametrize("behind", [b"note", b"\xff\xd8\xff\xe1\0\x08Exif\0\0", bytes(5000)])
    def test_what_is_behind_the_end_means_nothing(self, behind: bytes) -> None:
        content = jpeg(HALVED)
        found = assert_as_pillow(content + behind)
        assert found is not None
        np.testing.assert_array_equal(found, of_pillow(content))


class TestLeftToPillow:
    @pytest.mark.parametrize(
        "segment",
        [
            (0xE1, b"Exif\0\0"),
            (0xE2, b"ICC_PROFILE\0\1\1" + bytes(20)),
            (0xE2, b"MPF\0nonsense"),
            (0xED, b"Photoshop 3.0\x008BIM"),
            (0xEE, ADOBE + b"\0"),
            (0xEE, ADOBE + b"\1"),
            (0xEE, b"Adobe"),
            (0xE0, b"JFIF\0"),
            (0xDE, b"\0\x10"),
        ],
    )
    def test_segments_of_applications(self, segment: Segment) -> None:
        assert decode_jpeg(jpeg(PLAIN, before=(JFIF, segment)), enough=1000) is None

    @pytest.mark.parametrize(
        "raw",
        [
            b"\xff\xff\xff",
            b"\xff\xff\xff\xe1\0\x08Exif\0\0",
            b"\xff\xd0\xff\xe1\0\x08Exif\0\0",
            b"\xff\x01",
            b"between",
            b"\xff\xe0\0\0",
        ],
    )
    def test_what_is_between_segments(self, raw: bytes) -> None:
        """Fill bytes, markers without a length, and EXIF data behind them, which must not be passed over."""
        assert decode_jpeg(jpeg(PLAIN, raw=raw), enough=1000) is None

    @pytest.mark.parametrize("frame", [0xC1, 0xC3, 0xC5, 0xC9, 0xCA, 0xCB])
    def test_frames_of_other_kinds(self, frame: int) -> None:
        """Extended, lossless, differential, arithmetic coding."""
        assert decode_jpeg(jpeg(PLAIN, frame=frame), enough=1000) is None

    @pytest.mark.parametrize("bits", [0, 7, 12, 16])
    def test_samples_of_other_depths(self, bits: int) -> None:
        assert decode_jpeg(jpeg(PLAIN, bits=bits), enough=1000) is None

    def test_two_frames(self) -> None:
        frame = b"\x08\0\x10\0\x10\3" + b"".join(bytes((one, 0x11, 0)) for one in (1, 2, 3))
        assert decode_jpeg(jpeg(PLAIN, before=(JFIF, (0xC0, frame))), enough=1000) is None

    def test_red_green_and_blue_by_the_components_numbers(self) -> None:
        content = jpeg(PLAIN, before=(), components=b"RGB")
        assert decode_jpeg(content, enough=1000) is None
        np.testing.assert_array_equal(decode(content, (53, 37)), of_pillow(content))

    @pytest.mark.parametrize("components", [1, 2, 4])
    def test_other_numbers_of_components(self, components: int) -> None:
        content = jpeg(((1, 1),) * components, components=(1, 2, 3, 4))
        assert decode_jpeg(content, enough=1000) is None


@given(
    seed=st.integers(0, 20),
    changes=st.lists(st.tuples(st.integers(2, 1500), st.binary(max_size=3), st.integers(0, 3)), max_size=3),
    restart=st.sampled_from([0, 2]),
    sampling=st.sampled_from([PLAIN, HALVED]),
)
def test_whatever_is_damaged_is_what_pillow_makes_of_it(
    seed: int,
    changes: list[tuple[int, bytes, int]],
    restart: int,
    sampling: tuple[tuple[int, int], ...],
) -> None:
    content = jpeg(sampling, size=(20, 12), restart=restart, seed=seed)
    for place, put, taken in changes:
        place %= len(content)
        content = content[:place] + put + content[place + taken :]
    assert_as_pillow(content)
