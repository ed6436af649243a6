"""One image file to pixels of a given size. Imports little: it is what worker processes load."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

VERSION = 1  # raise it when the same file gives other pixels than before: older caches are then left alone
UNREADABLE = "unreadable"


class BadImage(Exception):
    """Why a file isn't an image, in a few words."""


def read_bytes(path: str) -> bytes:
    """A file's content.

    Raises:
        BadImage: it can't be opened.
    """
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise BadImage(error.strerror or str(error)) from None


def digest_of_file(path: str) -> str:
    """`digest` of a file's content; of a file that can't be opened, a word that says so."""
    try:
        return digest(read_bytes(path))
    except BadImage:
        return UNREADABLE


def digest(content: bytes) -> str:
    """Hash of an image file's content."""
    return hashlib.sha256(content).hexdigest()


def content_hash(digests: Iterable[str]) -> str:
    """One hash for the content of a dataset's images, in order."""
    return digest("\n".join(digests).encode())


def decode(content: bytes, image_size: tuple[int, int]) -> np.ndarray:
    """Pixels of an image file.

    Args:
        content: of a file in any format that Pillow reads; grey, palette, CMYK, 16 bit and turned (EXIF) images too.
        image_size: height and width to resize to, in pixels; the proportions may change, as is usual in re-ID.

    Returns:
        uint8 (height, width, 3), red first.

    Raises:
        BadImage: it is truncated, or no image.
    """
    height, width = image_size
    try:
        with Image.open(io.BytesIO(content)) as image:
            # A JPEG may be decoded at a fraction of its size, at no visible loss if twice ours remains.
            image.draft("RGB", (2 * max(image_size), 2 * max(image_size)))
            ImageOps.exif_transpose(image, in_place=True)
            return np.asarray(_rgb(image).resize((width, height), Image.Resampling.BILINEAR))
    except Exception as error:  # Pillow's readers raise whatever a damaged file makes them stumble over
        raise BadImage(" ".join(str(error).split()) or type(error).__name__) from None


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):  # 16 bit grey, which Pillow's own conversion clips to white
        return Image.fromarray((np.asarray(image).astype(np.int64) >> 8).clip(0, 255).astype(np.uint8)).convert("RGB")
    return image if image.mode == "RGB" else image.convert("RGB")
