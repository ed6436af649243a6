"""How each variant looks, the same in all figures of a comparison: colour, marker and dash, or muted."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from fedreid.reports.drawing import INK, MUTED, SERIES

Bound = Literal["", "local", "centralised"]
MOST = 12  # variants beside the bounds that all get a colour: the ink, six colours, and five of them again, broken
MOST_CURVES = 8  # that all get one where curves cross each other
BEST = 3  # by each of the two scores: who keeps a colour where there are more, beside the reference
MOST_MARKERS = 25  # points of a curve
LONGEST = 24  # characters of a name in a figure
SHAPES = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p", "h", "8")
SOLID, BROKEN = "-", (0, (5, 2))
BOUNDS: dict[Bound, tuple[str, Any]] = {"local": ("d", (0, (1, 2))), "centralised": ("*", (0, (3, 2, 1, 2)))}


@dataclass(frozen=True)
class Look:
    """One variant in all figures.

    Attributes:
        name: short, as captions write it.
        colour, marker, dash: matplotlib's.
        is_muted: one of many, without a colour and a label of its own.
        is_muted_curve: the same among curves, of which fewer can be told apart.
        is_reference: what others are held against.
        bound: what it is if it's no federation.
    """

    name: str
    colour: str
    marker: str
    dash: Any = SOLID
    is_muted: bool = False
    is_muted_curve: bool = False
    is_reference: bool = False
    bound: Bound = ""

    @property
    def label(self) -> str:
        """The name as figures write it."""
        return literal(self.name)

    @property
    def size(self) -> float:
        """Of its marker, beside others: a star's is mostly empty."""
        return 1.5 if self.marker == "*" else 1.2 if self.marker == "d" else 1.0

    @property
    def curve(self) -> Look:
        """As a curve."""
        return replace(self, colour=MUTED, dash=SOLID, is_muted=True) if self.is_muted_curve else self

    def line(self, axes: Axes, along: Iterable[float], values: Iterable[float], **options: Any) -> Line2D:
        """A curve or a point in this look, with markers where there are few points."""
        along = list(along)
        has_markers = len(along) == 1 or (len(along) <= MOST_MARKERS and not self.is_muted)
        drawn: dict[str, Any] = {
            "color": self.colour, "marker": self.marker if has_markers else "", "linestyle": self.dash,
            "linewidth": 1.0 if self.is_muted else 1.4 if self.bound else 2.0, "alpha": 0.35 if self.is_muted else 1.0,
            "zorder": 2.0 if self.is_muted else 3.2 if self.is_reference else 3.0,
            "label": "_" if self.is_muted else self.label,
            "markersize": 5.0,
        }  # fmt: skip
        drawn |= options
        drawn["markersize"] *= self.size
        return axes.plot(along, list(values), **drawn)[0]


def looks(
    names: Sequence[str], reference: str, bounds: Mapping[str, Bound], rankings: Iterable[Sequence[str]] = ()
) -> dict[str, Look]:
    """A look for each variant, by name.

    Args:
        reference: gets the ink's colour.
        bounds: what is no federation, by name.
        rankings: names from best to worst, by each score: who keeps a colour where there are many.
    """
    rankings = [*rankings]
    named, in_curves = (kept(names, reference, bounds, rankings, most) for most in (MOST, MOST_CURVES))
    found, place = {}, 0
    for name, written in zip(names, short(names), strict=True):
        bound, is_quiet = bounds.get(name, ""), name not in in_curves
        if name == reference:
            marker, dash = BOUNDS[bound] if bound else (SHAPES[0], SOLID)
            found[name] = Look(written, INK, marker, dash, is_reference=True, bound=bound)
        elif bound:
            found[name] = Look(written, MUTED, *BOUNDS[bound], bound=bound)
        elif name not in named:
            found[name] = Look(written, MUTED, "o", is_muted=True, is_muted_curve=True)
        else:
            dash = SOLID if place < len(SERIES) else BROKEN
            shape = SHAPES[1 + place % (len(SHAPES) - 1)]
            found[name] = Look(written, SERIES[place % len(SERIES)], shape, dash, is_muted_curve=is_quiet)
            place += 1
    return found


def kept(
    names: Sequence[str], reference: str, bounds: Collection[str], rankings: Sequence[Sequence[str]], most: int
) -> set[str]:
    """Who has a colour and a label: everybody of a few, the reference and the best of many."""
    variants = [name for name in names if name not in bounds]
    if len(variants) <= most:
        return {*names}
    best = {name for ranking in rankings for name in [each for each in ranking if each in variants][:BEST]}
    return {reference, *bounds, *best}


def short(names: Sequence[str], longest: int = LONGEST) -> list[str]:
    """Names that fit a figure, still one for each.

    Long ones lose their middle, since a method comes first and what was varied last; those cut to the same say which of
    the variants they are.
    """
    found: list[str] = []
    for place, name in enumerate(names, start=1):
        plain, number = " ".join(name.split()) or "?", place
        cut = _cut(plain, longest)
        while cut in found:
            cut = _cut(plain, longest - len(f" ({number})")) + f" ({number})"
            number += 1
        found.append(cut)
    return found


def _cut(name: str, longest: int) -> str:
    if len(name) <= longest:
        return name
    head = (longest - 1) // 3
    return f"{name[:head].rstrip(' ,=')}…{name[head + 1 - longest :].lstrip(' ,=')}"


def literal(name: str) -> str:
    """Without what matplotlib reads as mathematics, or as a label to leave out."""
    return ("\u200b" if name.startswith("_") else "") + name.replace("$", r"\$")
