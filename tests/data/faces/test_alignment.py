"""Faces brought to the template by their landmarks."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from fedreid.data.cache import build_cache
from fedreid.data.decoding import BadImage, decode
from fedreid.data.faces.alignment import TEMPLATE, aligned, similarity
from fedreid.data.tables import ImageTable, image_table
from fedreid.errors import UserError

QUARTER_TURN = 2j


def turned(points: np.ndarray, turn: complex, shift: complex) -> np.ndarray:
    moved = turn * (points[:, 0] + 1j * points[:, 1]) + shift
    return np.stack([moved.real, moved.imag], axis=1)


def test_a_quarter_turn_is_found():
    # (1, 0) -> (0, 2) and (0, 1) -> (-2, 0), moved by (3, 4): a = 2i, b = 3 + 4i.
    points = np.array([[0, 0], [1, 0], [0, 1]])
    turn, shift = similarity(points, np.array([[3, 4], [3, 6], [1, 4]]))
    assert turn == pytest.approx(2j)
    assert shift == pytest.approx(3 + 4j)


@given(st.integers(0, 2**32 - 1))
def test_no_similarity_comes_closer(seed: int):
    """Least squares in four unknowns, by numpy: x' = p x - q y + r and y' = q x + p y + s."""
    generator = np.random.default_rng(seed)
    points, targets = generator.uniform(0, 100, (2, 5, 2))
    x, y, one, zero = points[:, 0], points[:, 1], np.ones(5), np.zeros(5)
    system = np.concatenate([np.stack([x, -y, one, zero], 1), np.stack([y, x, zero, one], 1)])
    p, q, r, s = np.linalg.lstsq(system, np.concatenate([targets[:, 0], targets[:, 1]]), rcond=None)[0]
    turn, shift = similarity(points, targets)
    assert [turn.real, turn.imag, shift.real, shift.imag] == pytest.approx([p, q, r, s], rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("points", [np.full((5, 2), 7.0), np.full((5, 2), np.nan), np.full((5, 2), np.inf)])
def test_points_that_are_no_face(points: np.ndarray):
    with pytest.raises(ValueError, match="its landmarks aren't those of a face"):
        similarity(points, TEMPLATE)


def marked(points: np.ndarray, size: tuple[int, int]) -> Image.Image:
    """Black, with a white square of five pixels around each point."""
    image = Image.new("RGB", size)
    for x, y in points.round():
        ImageDraw.Draw(image).rectangle((x - 2, y - 2, x + 2, y + 2), fill="white")
    return image


def test_landmarks_come_to_lie_on_the_template():
    landmarks = turned(TEMPLATE, 1.5 * np.exp(0.4j), 60 + 20j)
    found = np.asarray(aligned(marked(landmarks, (300, 300)), landmarks, (112, 112)))[:, :, 0] > 127
    expected = np.asarray(marked(TEMPLATE, (112, 112)))[:, :, 0] > 127
    rows, columns = np.nonzero(found)
    for x, y in TEMPLATE:  # the middle of each spot
        near = (abs(columns - x) < 8) & (abs(rows - y) < 8)
        assert (columns[near].mean(), rows[near].mean()) == pytest.approx((x, y), abs=0.6)
    assert found.sum() == pytest.approx(expected.sum() / 1.5**2, rel=0.25)


def test_a_face_that_lies_on_the_template_stays_as_it_is():
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (112, 112, 3), dtype=np.uint8))
    assert np.abs(np.asarray(aligned(noise, TEMPLATE, (112, 112)), int) - np.asarray(noise, int)).max() <= 1


def test_another_size_stretches_the_template():
    # The left half of the image is white, so it is at half the width, too.
    pixels = np.zeros((112, 112, 3), np.uint8)
    pixels[:, :56] = 255
    found = np.asarray(aligned(Image.fromarray(pixels), TEMPLATE, (48, 32)))
    assert found.shape == (48, 32, 3)
    assert (found[:, :15] == 255).all()
    assert (found[:, 17:] == 0).all()


def test_outside_the_image_is_black():
    white = Image.new("RGB", (112, 112), "white")
    found = np.asarray(aligned(white, TEMPLATE + np.array([56, 0]), (112, 112)))
    assert (found[:, :55] == 255).all()
    assert (found[:, 57:] == 0).all()


def png(image: Image.Image) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


def test_decoding_aligns_where_there_are_landmarks():
    landmarks = turned(TEMPLATE, 2, 10 + 30j)
    image = marked(landmarks, (300, 300))
    found = decode(png(image.convert("L")), (112, 112), landmarks)
    assert found.tolist() == np.asarray(aligned(image, landmarks, (112, 112))).tolist()
    with pytest.raises(BadImage, match="its landmarks aren't those of a face"):
        decode(png(image), (112, 112), np.zeros((5, 2)))


def table(root: Path, landmarks: np.ndarray | None) -> ImageTable:
    rows = [(f"{number}.png", number, -1, "gallery") for number in range(3)]
    return replace(image_table("faces", root, rows), landmarks=landmarks)


def test_a_cache_of_aligned_images_is_one_of_its_own(tmp_path: Path):
    points = np.stack([turned(TEMPLATE, 1 + number / 4, 3 * number) for number in range(3)]).astype(np.float32)
    for number in range(3):
        marked(points[number], (200, 200)).save(tmp_path / f"{number}.png")
    caches = {
        name: build_cache(table(tmp_path, landmarks), (112, 112), tmp_path / "cache")
        for name, landmarks in {"plain": None, "aligned": points, "moved": points + 1, "again": points}.items()
    }
    assert len({cache.path for cache in caches.values()}) == 3
    assert caches["again"].path == caches["aligned"].path
    for number in range(3):
        with Image.open(tmp_path / f"{number}.png") as image:
            expected = np.asarray(aligned(image, points[number], (112, 112)))
        assert caches["aligned"].images[number].tolist() == expected.tolist()


def test_a_face_without_landmarks_is_left_out_or_stops(tmp_path: Path):
    points = np.stack([TEMPLATE, np.zeros((5, 2)), TEMPLATE + 1]).astype(np.float32)
    for number in range(3):
        marked(points[number], (112, 112)).save(tmp_path / f"{number}.png")
    with pytest.raises(UserError, match=r"1\.png: can't be decoded: its landmarks aren't those of a face"):
        build_cache(table(tmp_path, points), (112, 112), tmp_path / "cache")
    found = build_cache(table(tmp_path, points), (112, 112), tmp_path / "cache", skip_bad_images=True)
    assert found.table.frame["path"].tolist() == ["0.png", "2.png"]
    assert found.table.landmarks is not None
    np.testing.assert_array_equal(found.table.landmarks, points[[0, 2]])
