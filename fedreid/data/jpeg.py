"""Common JPEG files by libjpeg-turbo itself: the pixels that Pillow gives, bit for bit, in less time.

Pillow decodes with the same library, but goes through files, modes and copies that small images spend more time on
than on decoding. Everything out of the ordinary stays with Pillow, damaged files above all: it says what is wrong.
"""

from __future__ import annotations

import numpy as np
import simplejpeg
from PIL import Image

SCAN = 0xDA  # the marker that pixels follow
# Markers that common files have before, and how long such a segment is at least: JFIF, comment, tables of two kinds,
# restarts, and a baseline or progressive frame. APP1 (EXIF, XMP) may say that the image has to be turned, and Pillow
# reads more of APP2 to APP15, too; other frames are of 12 bits, arithmetic coding, or without loss.
COMMON = {0xE0: 16, 0xFE: 2, 0xDB: 2, 0xC4: 2, 0xDD: 2, 0xC0: 2, 0xC2: 2}


def decode_jpeg(content: bytes, enough: int) -> np.ndarray | None:
    """Pixels of a JPEG file at its own size.

    Args:
        content: of the file.
        enough: pixels; a file with at least twice as many on both sides is better decoded at a fraction of its size.

    Returns:
        uint8 (height, width, 3), red first; None where Pillow has to see to it: other formats and colour spaces,
        images with EXIF, XMP or other data of applications, large and damaged ones.
    """
    if not _is_plain(content):
        return None
    try:
        height, width, colours, _ = simplejpeg.decode_jpeg_header(content)
        pixels = height * width
        if colours != "YCbCr" or min(height, width) >= 2 * enough or pixels > (Image.MAX_IMAGE_PIXELS or pixels):
            return None
        return np.asarray(simplejpeg.decode_jpeg(content))
    except (ValueError, LookupError):  # where libjpeg only warns, too, and of sampling that simplejpeg has no name for
        return None  # Pillow decides whether that is a bad image


def _is_plain(content: bytes) -> bool:
    """Whether its segments, marker by marker (ITU-T T.81, B.1.1), are common ones and lead to pixels."""
    if not content.startswith(b"\xff\xd8"):
        return False
    place = 2
    while place + 4 <= len(content) and content[place] == 0xFF and content[place + 1] in COMMON:
        length = int.from_bytes(content[place + 2 : place + 4], "big")
        if length < COMMON[content[place + 1]]:
            return False
        place += 2 + length
    return content[place : place + 2] == bytes((0xFF, SCAN))
