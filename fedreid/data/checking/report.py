"""What checking a dataset found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from fedreid.data.checking.catalogue_entry import Counted, Entry

PROBLEM, WARNING, NOTE = "problem", "warning", "note"


@dataclass(frozen=True)
class Finding:
    """One thing to know.

    Attributes:
        level: "problem" (a run would stop, or mean nothing), "warning" or "note".
        text: what was found and, where something can be done, what.
        paths: what it is about; the first ones are shown.
    """

    level: str
    text: str
    paths: tuple[str, ...] = ()


@dataclass(frozen=True)
class Compared:
    """What one version has, beside what was published.

    Attributes:
        options: settings that choose the version.
        found: by part, as in the catalogue; empty where it could not be read.
        published: the same, as published; empty where nothing was.
    """

    options: Mapping[str, str]
    found: Mapping[str, Counted]
    published: Mapping[str, Counted]

    @property
    def is_whole(self) -> bool:
        """Whether all published counts are met."""
        return bool(self.published) and all(self.found.get(part) == what for part, what in self.published.items())

    @property
    def is_subset(self) -> bool:
        """Whether nothing is more than published."""
        pairs = [(self.found.get(part, (0, 0)), what) for part, what in self.published.items()]
        return all((here[0] or 0) <= (all_[0] or 0) and here[1] <= all_[1] for here, all_ in pairs)


@dataclass(frozen=True)
class Understood:
    """How one file of one's own photographs was understood.

    Attributes:
        path: relative to the folder.
        identity: its number.
        camera: what the pattern found, as text; None: nothing.
    """

    path: str
    identity: int
    camera: str | None


@dataclass(frozen=True)
class Report:
    """What checking a dataset found.

    Attributes:
        path: the folder, as the user gave it.
        about: its format.
        root: the folder that its paths start at; of photographs that lie in CUHK03's .mat file only, one that is gone.
        versions: what was counted, for each version that is there.
        findings: problems, then warnings, then notes.
        understood: of one's own photographs, every file.
        settings: the source's settings for a scenario.
    """

    path: Path
    about: Entry
    root: Path
    versions: tuple[Compared, ...]
    findings: tuple[Finding, ...]
    settings: Mapping[str, object]
    understood: tuple[Understood, ...] = field(default=())

    @property
    def is_usable(self) -> bool:
        """Whether a run can use it as it is, with the settings of the report."""
        return not any(finding.level == PROBLEM for finding in self.findings)

    def of(self, level: str) -> list[Finding]:
        """The findings of one level."""
        return [finding for finding in self.findings if finding.level == level]
