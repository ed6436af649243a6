"""What an entry of the catalogue says of a format."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Counted = tuple[int | None, int]  # identities (None: not published), and how many images, tracklets or pairs


@dataclass(frozen=True)
class Version:
    """One of the versions that a dataset was published in; most have one only.

    Attributes:
        parts: what each part holds: "train", "query", "gallery", or "all" where parts are drawn.
        options: settings of the source that choose this version.
    """

    parts: Mapping[str, Counted]
    options: Mapping[str, str] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """ "detected", "V2", or nothing where there is one version only."""
        return ", ".join(self.options.values())

    @property
    def people(self) -> int | None:
        """Everybody: those of training, and of query or gallery, whoever is more."""
        found = {part: people for part, (people, _) in self.parts.items() if people is not None}
        test = max((found[part] for part in ("query", "gallery") if part in found), default=0)
        return found.get("train", 0) + test + found.get("all", 0) if len(found) == len(self.parts) else None

    @property
    def number(self) -> int:
        """Images (or tracklets) of all parts."""
        return sum(number for _, number in self.parts.values())


@dataclass(frozen=True)
class Entry:
    """What is known of one format.

    Attributes:
        name: what a scenario calls it: data.sources.NAME.format.
        title: what the literature calls it.
        about: whom it shows, in a few words.
        citation: where it was published.
        needs: what has to be on disk, and what that is; folders end in "/".
        access: whom one has it from, or how, in a word or two.
        source: the same in full.
        licence: what its publisher allows.
        versions: what was published; none of one's own and of synthetic images.
        cameras: how many there are; 0: none, or unknown.
        unit: what is counted.
        people: everybody, where the published parts don't say; 0: they do.
        images: all images, where the published parts count something else.
        terms: the licence in a word or two.
        is_matched_across_cameras: whether a query's match has to be on another camera.
    """

    name: str
    title: str
    about: str
    citation: str
    needs: tuple[tuple[str, str], ...]
    access: str
    source: str
    licence: str
    versions: tuple[Version, ...] = ()
    cameras: int = 0
    unit: str = "images"
    people: int = 0
    images: int = 0
    terms: str = "research"
    is_matched_across_cameras: bool = True
