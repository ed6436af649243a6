"""Images that a dataset's lists name and the disk hasn't: all in one message, as who misses one misses more."""

from __future__ import annotations

from pathlib import Path

from fedreid.errors import UserError

EXAMPLES = 3  # named besides the first


class Absent:
    """Collects what is absent while lists are read."""

    def __init__(self) -> None:
        self._found: dict[Path, str] = {}

    def add(self, image: Path, where: str) -> None:
        """Note an absent image, and the list and line that name it."""
        self._found.setdefault(image, where)

    def refuse(self, remedy: str) -> None:
        """Raises:
        UserError: an image is absent. The text ends in the remedy: a sentence.
        """
        if not self._found:
            return
        (first, where), *others = self._found.items()
        lines = [f"{where}: there is no image {first}."]
        if others:
            lines.append(f"  In all, {len(self._found):,} images are absent, also:")
            lines += [f"    {image} ({line})" for image, line in others[:EXAMPLES]]
        raise UserError("\n".join([*lines, f"  {remedy}"]))
