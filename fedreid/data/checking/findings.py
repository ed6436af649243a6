"""What to say of a dataset's files: names that don't fit, names of several datasets, images that can't be decoded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from fedreid.data.checking.catalogue import entry
from fedreid.data.checking.files import LEFT_OUT, Files, Kind
from fedreid.data.checking.images import Content
from fedreid.data.checking.report import NOTE, PROBLEM, WARNING, Finding
from fedreid.data.checking.texts import counted
from fedreid.data.checking.three_folders import THREE_FOLDERS, kinds_of_names


def misnamed(files: Files, fits: Callable[[str], bool]) -> list[Finding]:
    """All names that the reader can't read: it stops at the first."""
    wrong = tuple(path for path in files.images if not fits(path.rpartition("/")[2]))
    text = f"{counted(len(wrong), 'image')} with a name that isn't the vendor's"
    return [Finding(PROBLEM, text, wrong)] if wrong else []


def of_other_datasets(root: Path, format: str) -> list[Finding]:
    """Three folders that hold names of several datasets: somebody put two together."""
    if not all((root / part).is_dir() for part in THREE_FOLDERS):
        return []
    kinds = kinds_of_names(root)
    return [
        Finding(
            PROBLEM,
            f"mixed layouts: {counted(len(paths), 'image', sum(map(len, kinds.values())))} named as in "
            f"{entry(kind).title}: take out",
            tuple(paths),
        )
        for kind, paths in kinds.items()
        if kind != format
    ]


def content_findings(content: Content, used: set[str]) -> list[Finding]:
    """Images that can't be decoded: a run stops at those that it uses.

    Args:
        content: of all images.
        used: those that a run reads; empty where nobody knows.
    """
    needed = tuple(f"{path}: {reason}" for path, reason in content.bad if path in used or not used)
    spare = tuple(f"{path}: {reason}" for path, reason in content.bad if used and path not in used)
    found = []
    if needed:
        remedy = "replace or remove, or set data.skip_bad_images = true"
        found.append(Finding(PROBLEM, f"{counted(len(needed), 'image')} that can't be decoded: {remedy}", needed))
    if spare:
        found.append(Finding(NOTE, f"{counted(len(spare), 'image')} that can't be decoded, but no run uses", spare))
    return found


def kind_finding(kind: Kind) -> Finding:
    """Files that are passed over; what a protocol leaves out is no mistake."""
    is_rule = kind.text == LEFT_OUT
    colon = ": " if kind.text.startswith("not ") else " "
    text = f"{counted(len(kind.paths), kind.what)}{colon}{kind.text}"
    return Finding(NOTE if is_rule else WARNING, text, () if is_rule else kind.paths)
