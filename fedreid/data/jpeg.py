"""Common JPEG files by libjpeg-turbo itself: the pixels that Pillow gives, bit for bit, in less time.

Pillow decodes with the same library, but goes through files, modes and copies that small images spend more time on
than on decoding. Everything out of the ordinary stays with Pillow, damaged files above all: it says what is wrong.
"""

from __future__ import annotations

import numpy as np
import simplejpeg
from PIL import Image

SCAN, APP1 = 0xDA, 0xE1  # markers: pixels begin; EXIF or XMP, which may say that the image has to be turned


def decode_jpeg(content: bytes, enough: int) -> np.ndarray | None:
    """Pixels of a JPEG file at its own size.

    Args:
        content: of the file.
        enough: pixels; a file with at least twice as many on both sides is better decoded at a fraction of its size.

    Returns:
        uint8 (height, width, 3), red first; None where Pillow has to see to it: other formats and colour spaces,
        images with EXIF or XMP data, large and damaged ones.
    """
    if not _is_plain(content):
        return None
    try:
        height, width, colours, _ = simplejpeg.decode_jpeg_header(content)
        pixels = height * width
        if colours != "YCbCr" or min(height, width) >= 2 * enough or pixels > (Image.MAX_IMAGE_PIXELS or pixels):
            return None
        return np.asarray(simplejpeg.decode_jpeg(content))
    except ValueError:  # also where libjpeg only warns: Pillow decides whether that is a bad image
        return None


def _is_plain(content: bytes) -> bool:
    """Whether its segments, marker by marker (ITU-T T.81, B.1.1), are in order and lead to pixels without an APP1."""
    if not content.startswith(b"\xff\xd8"):
        return False
    place = 2
    while place + 4 <= len(content) and content[place] == 0xFF and content[place + 1] not in (SCAN, APP1):
        place += 2 + int.from_bytes(content[place + 2 : place + 4], "big")
    return content[place : place + 2] == bytes((0xFF, SCAN))
