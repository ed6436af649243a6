"""One version of a dataset as its reader reads it, beside what was published; or why it can't be read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fedreid.data.checking.catalogue import entry
from fedreid.data.checking.files import files_under
from fedreid.data.checking.layout import FOLDER, Layout
from fedreid.data.checking.readers import READINGS, Read, folders_of, found_in, published, read
from fedreid.data.checking.report import NOTE, PROBLEM, Compared, Finding
from fedreid.data.formats.market1501_distractors import FOLDER as DISTRACTORS_500K
from fedreid.errors import UserError

SAID_BETTER = ("counts not verified", "cameras unknown: matches on", "have no match on another camera")


@dataclass(frozen=True)
class ReadVersion:
    """One version.

    Attributes:
        compared: what it has, and what was published.
        table: what the reader made of it; None: it refused.
        findings: why it refused, or what it has to say.
    """

    compared: Compared
    table: Read | None
    findings: tuple[Finding, ...]


def read_version(
    path: Path,
    layout: Layout,
    options: Mapping[str, str],
    camera_pattern: str,
    cache: Path,
    scratch: Path | None = None,
) -> ReadVersion:
    """Read a version, whatever its counts.

    Args:
        path: the dataset's folder.
        layout: what lies there.
        options: settings that choose the version.
        camera_pattern: of one's own photographs.
        cache: folder of all caches.
        scratch: where photographs go that have to be taken out of CUHK03's .mat file; None: into the cache.
    """
    wanted = published(entry(layout.format), options)
    given = {"camera_pattern": camera_pattern} if layout.format == FOLDER else options
    try:
        table = read(layout.format, layout.format, path, cache, given, scratch=scratch)
    except UserError as error:
        text = str(error).removeprefix(f"{layout.format}: ")
        return ReadVersion(Compared(options, {}, wanted), None, (Finding(PROBLEM, text),))
    except OSError as error:
        text = f"{error.filename or path}: can't be read: {error.strerror or error}"
        return ReadVersion(Compared(options, {}, wanted), None, (Finding(PROBLEM, text),))
    folders = folders_of(layout.format, table.root, [table])
    number = len(files_under(table.root, folders, READINGS[layout.format].suffixes).images) if "all" in wanted else 0
    notes = [note for note in table.notes if not any(part in note for part in SAID_BETTER)]
    if layout.format == "market1501" and (table.root / DISTRACTORS_500K).is_dir():
        notes.append(f"{DISTRACTORS_500K}/ is used with distractors_500k = true only, and was not looked at")
    compared = Compared(options, found_in(table, wanted, number), wanted)
    return ReadVersion(compared, table, tuple(Finding(NOTE, note) for note in notes))
