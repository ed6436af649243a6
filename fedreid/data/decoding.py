"""One image file to pixels of a given size. Imports little: it is what worker processes load."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from fedreid.data.faces.alignment import aligned
from fedreid.data.jpeg import decode_jpeg

VERSION = 1  # raise it when the same file gives other pixels than before: older caches are then left alone
UNREADABLE = "unreadable"
TURNED = ("exif", "xmp", "Raw profile type exif", "XML:com.adobe.xmp")  # where an image says how it was held

Facts = tuple[int, int, int]  # size, time of writing, time of change in nanoseconds
ABSENT: Facts = (-1, -1, -1)


class BadImage(Exception):
    """Why a file isn't an image, in a few words."""


def read_bytes(path: str) -> bytes:
    """A file's content.

    Raises:
        BadImage: it can't be opened.
    """
    return read_with_facts(path)[0]


def read_with_facts(path: str) -> tuple[bytes, Facts]:
    """A file's content, and what `facts_of` says of it.

    Raises:
        BadImage: it can't be opened.
    """
    try:
        with open(path, "rb", buffering=0) as stream:  # noqa: PTH123  (a Path for each image takes as long as reading)
            return stream.read(), _facts(os.fstat(stream.fileno()))
    except OSError as error:
        said = error.strerror or str(error)
        raise BadImage(
            f"it is a link to {Path(path).readlink()}: {said}" if Path(path).is_symlink() else said
        ) from None


def facts_of(path: str) -> Facts:
    """Size and times of a file; ABSENT where there is none."""
    try:
        return _facts(os.stat(path))  # noqa: PTH116  (a Path for each image doubles the time)
    except OSError:
        return ABSENT  # decoding says why


def _facts(status: os.stat_result) -> Facts:
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns


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


def decode(content: bytes, image_size: tuple[int, int], landmarks: np.ndarray | None = None) -> np.ndarray:
    """Pixels of an image file.

    Args:
        content: of a file in any format that Pillow reads; grey, palette, CMYK, 16 bit and turned (EXIF) images too.
        image_size: height and width to resize to, in pixels; the proportions may change, as is usual in re-ID.
        landmarks: (5, 2), of a face: the image is aligned by them (`fedreid.data.faces.alignment`) instead of resized.

    Returns:
        uint8 (height, width, 3), red first.

    Raises:
        BadImage: it is truncated, too large to be a photograph, or no image.
    """
    if not content:
        raise BadImage("the file is empty")
    enough = 2 * max(image_size)
    try:
        if landmarks is None and (pixels := decode_jpeg(content, enough)) is not None:
            return pixels if pixels.shape[:2] == image_size else _resized(Image.fromarray(pixels), image_size)
        with Image.open(io.BytesIO(content)) as image:
            if landmarks is not None:
                return np.asarray(aligned(_rgb(image), landmarks, image_size))
            # A JPEG may be decoded at a fraction of its size, at no visible loss if twice ours remains.
            image.draft("RGB", (enough, enough))
            image.load()
            _turn_upright(image)
            return _resized(_rgb(image), image_size)
    except UnidentifiedImageError:  # its text is about our copy in memory, not about the file
        raise BadImage(f"it is no image that Pillow knows (it starts with {content[:20]!r})") from None
    except Exception as error:  # Pillow's readers raise whatever a damaged file makes them stumble over
        raise BadImage(" ".join(str(error).split()) or type(error).__name__) from None


def _resized(image: Image.Image, image_size: tuple[int, int]) -> np.ndarray:
    height, width = image_size
    return np.asarray(image.resize((width, height), Image.Resampling.BILINEAR))


def _turn_upright(image: Image.Image) -> None:
    """Turn it as its camera was held. Where that can't be read, the pixels still can."""
    if image.format == "TIFF" or any(key in image.info for key in TURNED):
        with contextlib.suppress(Exception):  # whatever damaged EXIF data make Pillow stumble over
            ImageOps.exif_transpose(image, in_place=True)


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):  # 16 bit grey, which Pillow's own conversion clips to white
        return Image.fromarray((np.asarray(image).astype(np.int64) >> 8).clip(0, 255).astype(np.uint8)).convert("RGB")
    if image.mode == "F":
        raise BadImage("its pixels are fractions, of which nothing says what is white; save it with 8 bits")
    return image if image.mode == "RGB" else image.convert("RGB")
