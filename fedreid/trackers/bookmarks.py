"""trackers.json of a run folder: where each tracker is with the run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from fedreid.atomic import write_atomically
from fedreid.trackers.tracker import Bookmark

FILE = "trackers.json"


def read_bookmarks(run_dir: Path) -> dict[str, Bookmark]:
    """By the tracker's name; none where the file is missing or isn't ours, and then trackers begin anew."""
    try:
        content = json.loads((run_dir / FILE).read_text(encoding="utf-8"))
        found = {name: Bookmark(**entry) for name, entry in content.items()}
        if not all(isinstance(each.round, int) and isinstance(each.run, str) for each in found.values()):
            return {}
        return found
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def write_bookmarks(run_dir: Path, bookmarks: Mapping[str, Bookmark]) -> None:
    """Whole or not at all. Not flushed: what a power cut loses is logged again."""
    text = json.dumps({name: asdict(each) for name, each in bookmarks.items()}, indent=2) + "\n"
    write_atomically(run_dir / FILE, lambda temporary: temporary.write_text(text), is_flushed=False)
