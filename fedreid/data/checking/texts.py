"""Names of files as text that any terminal can print, and numbers of things."""

from __future__ import annotations

from pathlib import Path


def shown(name: str | Path) -> str:
    """A name with whatever can't be printed (other encodings, control characters) written out."""
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in in_utf8(name))


def in_utf8(name: str | Path) -> str:
    """A name with bytes of other encodings written out."""
    return str(name).encode("utf-8", errors="surrogateescape").decode("utf-8", errors="backslashreplace")


def is_utf8(name: str | Path) -> bool:
    """Whether a name has no bytes of other encodings."""
    return in_utf8(name) == str(name)


def counted(number: int, what: str, of: int | None = None) -> str:
    """1 image, 2 images, 1 of 3 images"""
    share = f"{number:,}" if of is None else f"{number:,} of {of:,}"
    is_one = (number if of is None else of) == 1
    return f"{share} {what if is_one else what.removesuffix('y') + 'ies' if what.endswith('y') else what + 's'}"
