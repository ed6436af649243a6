"""Where the maps of a round are: RUN/tiers has the newest, and below it are those that were in force before."""

from __future__ import annotations

import shutil
from pathlib import Path

from fedreid.atomic import flush

FOLDER = "tiers"
LIST = "tiers.json"
BEFORE = "before-round-"


def folder_in(run_dir: Path, server_round: int | None) -> Path:
    """The folder with the tiers of a round; None: with the newest.

    A run that goes on from an older checkpoint finds the maps that were in force then.
    """
    folder = run_dir / FOLDER
    later = [number for number in _ends(folder) if server_round is not None and number > server_round]
    return _path(folder, min(later)) if later else folder


def keep_for_rounds_before(run_dir: Path, server_round: int) -> None:
    """Put a copy of the maps aside, which others take the place of from this round on; it appears whole or not at all.

    A round that is done again finds the copy, and leaves it: what lies in RUN/tiers by then may be half written.
    """
    folder = run_dir / FOLDER
    final = _path(folder, server_round)
    if final.exists():
        return
    temporary = folder / f".{final.name}.tmp"
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    for path in sorted(folder.glob("*.json")):
        shutil.copy(path, temporary / path.name)
        flush(temporary / path.name)
    temporary.rename(final)
    flush(folder)


def _ends(folder: Path) -> list[int]:
    names = (path.name.removeprefix(BEFORE) for path in folder.glob(f"{BEFORE}*"))
    return [int(name) for name in names if name.isdigit()]


def _path(folder: Path, server_round: int) -> Path:
    return folder / f"{BEFORE}{server_round:04d}"
