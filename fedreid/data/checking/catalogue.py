"""What is known of every format that a scenario can name: what it holds, what has to be on disk, and where it is from.

Nothing is ever downloaded. Published counts are the readers' own: they are written down there and nowhere else.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

import tomli_w

from fedreid.data.checking import catalogue_others, catalogue_stills
from fedreid.data.checking.catalogue_entry import Entry
from fedreid.errors import UserError

ENTRIES = (*catalogue_stills.ENTRIES, *catalogue_others.ENTRIES)  # still images, video, faces, one's own


def entry(name: str) -> Entry:
    """What is known of a format.

    Raises:
        UserError: there is no such format.
    """
    known = {one.name: one for one in ENTRIES}
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name.lower(), known, n=1, cutoff=0.5)
    hint = f" Did you mean {near[0]}?" if near else ""
    raise UserError(f"{name} is no format.{hint}\n  There are: {', '.join(known)}.")


def people_of(about: Entry) -> int | None:
    """How many people it shows; None: not published."""
    return about.people or (about.versions[0].people if about.versions else None)


def number_of(about: Entry) -> tuple[int, str] | None:
    """How many images it has, or tracklets, with the word for them; None: not published."""
    if about.images:
        return about.images, "images"
    return (about.versions[0].number, about.unit) if about.versions else None


def scenario_lines(name: str, settings: Mapping[str, Any]) -> str:
    """The lines of a scenario that make a dataset one of its sources.

    Args:
        name: the source's name.
        settings: format, path, and whatever differs from the defaults.
    """
    return tomli_w.dumps({"data": {"sources": {name: dict(settings)}}})
