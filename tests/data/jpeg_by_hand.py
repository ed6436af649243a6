"""JPEG files that no program here writes: any sampling, markers and scans, with random content.

ITU-T T.81. Coefficients are drawn, not computed from a picture: what they show doesn't matter where two decoders are
compared. Tables of Huffman codes are the standard's own (K.3), taken from a file that Pillow writes.
"""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image

JFIF = (0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0")
BASELINE = 0xC0
MOST_COEFFICIENTS = 12  # of a block

Segment = tuple[int, bytes]  # marker, body
Sampling = tuple[int, int]  # blocks of a unit, across and down


def jpeg(
    sampling: Sequence[Sampling],
    *,
    size: tuple[int, int] = (37, 53),
    before: Sequence[Segment] = (JFIF,),
    raw: bytes = b"",
    components: Sequence[int] = (1, 2, 3),
    frame: int = BASELINE,
    bits: int = 8,
    restart: int = 0,
    interleaved: bool = True,
    seed: int = 0,
) -> bytes:
    """A file's content.

    Args:
        sampling: of each component.
        size: width and height in pixels.
        before: segments in front of the tables.
        raw: bytes behind those.
        components: their numbers.
        frame: marker of the frame.
        bits: that the frame says a sample has.
        restart: units between restart markers; 0: none.
        interleaved: all components in one scan, or each in its own.
        seed: of the coefficients.
    """
    rng = np.random.default_rng(seed)
    tables = _standard_tables()
    width, height = size
    parts = b"".join(bytes((one, a << 4 | b, 0)) for one, (a, b) in zip(components, sampling, strict=False))
    content = [b"\xff\xd8", *(segment(*each) for each in before), raw, segment(0xDB, b"\0" + bytes([16]) * 64)]
    content.append(
        segment(
            frame, bytes([bits]) + height.to_bytes(2, "big") + width.to_bytes(2, "big") + bytes([len(sampling)]) + parts
        )
    )
    content.append(segment(0xC4, tables))
    if restart:
        content.append(segment(0xDD, restart.to_bytes(2, "big")))
    everybody = list(range(len(sampling)))
    for scan in [everybody] if interleaved else [[one] for one in everybody]:
        chosen = b"".join(bytes((components[one], 0x11 if one else 0)) for one in scan)
        content.append(segment(0xDA, bytes([len(scan)]) + chosen + b"\0\x3f\0"))
        content.append(_scan(scan, sampling, size, restart, _codes(tables), rng))
    return b"".join([*content, b"\xff\xd9"])


def segment(marker: int, body: bytes) -> bytes:
    """A marker with its length and body."""
    return bytes((0xFF, marker)) + (len(body) + 2).to_bytes(2, "big") + body


def _standard_tables() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, "JPEG")
    content, place, found = file.getvalue(), 2, b""
    while content[place + 1] != 0xDA:
        length = int.from_bytes(content[place + 2 : place + 4], "big")
        found += content[place + 4 : place + 2 + length] if content[place + 1] == 0xC4 else b""
        place += 2 + length
    return found


def _codes(tables: bytes) -> dict[int, dict[int, str]]:
    """Bits by symbol, by the table's number (annex C)."""
    found: dict[int, dict[int, str]] = {}
    while tables:
        counts, symbols, code = tables[1:17], iter(tables[17:]), 0
        of_table = found.setdefault(tables[0], {})
        for length, count in enumerate(counts, start=1):
            for _ in range(count):
                of_table[next(symbols)] = format(code, f"0{length}b")
                code += 1
            code <<= 1
        tables = tables[17 + sum(counts) :]
    return found


def _scan(
    scan: Sequence[int],
    sampling: Sequence[Sampling],
    size: tuple[int, int],
    restart: int,
    codes: dict[int, dict[int, str]],
    rng: np.random.Generator,
) -> bytes:
    """Coded blocks; a component alone has only those that its samples reach into (A.2.2)."""
    most = [max(each) for each in zip(*sampling, strict=True)]
    if len(scan) > 1:
        sides = [_up(side, 8 * one) for side, one in zip(size, most, strict=True)]
        blocks = [one for one in scan for _ in range(sampling[one][0] * sampling[one][1])]
    else:
        own = sampling[scan[0]]
        sides = [_up(_up(side * part, one), 8) for side, part, one in zip(size, own, most, strict=True)]
        blocks = list(scan)
    units = sides[0] * sides[1]
    every = restart or units
    parts = []
    for first in range(0, units, every):
        number = min(every, units - first) * len(blocks)
        text = "".join(_block(codes, bool(blocks[place % len(blocks)]), rng) for place in range(number))
        parts.append(_stuffed(text))
    return b"".join(part + bytes((0xFF, 0xD0 + number % 8)) for number, part in enumerate(parts[:-1])) + parts[-1]


def _up(number: int, unit: int) -> int:
    """How many units hold a number."""
    return -(-number // unit)


def _block(codes: dict[int, dict[int, str]], is_colour: bool, rng: np.random.Generator) -> str:
    steady, moving = codes[int(is_colour)], codes[0x10 | int(is_colour)]
    size, bits = _magnitude(int(rng.integers(-20, 21)))
    text = steady[size] + bits
    for value in rng.integers(1, 9, rng.integers(0, MOST_COEFFICIENTS)) * rng.choice([-1, 1]):
        run = int(rng.integers(0, 5))
        size, bits = _magnitude(int(value))
        text += moving[run << 4 | size] + bits
    return text + moving[0]


def _magnitude(value: int) -> tuple[int, str]:
    """Its category and the bits that follow (F.1.2.1)."""
    size = abs(value).bit_length()
    return size, format(value if value >= 0 else value + (1 << size) - 1, f"0{size}b") if size else ""


def _stuffed(text: str) -> bytes:
    text += "1" * (-len(text) % 8)
    return int(text, 2).to_bytes(len(text) // 8, "big").replace(b"\xff", b"\xff\0")
