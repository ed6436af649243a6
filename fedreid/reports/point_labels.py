"""Names beside points so that none hides another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Annotation
from matplotlib.transforms import Bbox

from fedreid.reports.drawing import INK, MUTED

DISTANCES = (7.0, 13.0, 22.0, 34.0, 48.0, 64.0)  # points from the mark to the label
ANGLES = np.deg2rad([0, 180, 90, 270, 45, 135, 315, 225])  # right first, then left
FAR = 14.0  # points from which a line leads to the label
MARK, LINE = 4.5, 1.5  # points to each side of what shouldn't be hidden
OVER_LABEL, OVER_MARK, OVER_LINE, OUTSIDE = 40.0, 8.0, 3.0, 40.0  # prices, by the share of the label
FURTHER, TURNED = 0.2, 0.01  # prices of the next distance and angle


@dataclass(frozen=True)
class Point:
    """What gets a name, and where it is."""

    name: str
    x: float
    y: float


Segment = tuple[float, float, float, float]  # from (x, y) to (x, y); its whole box is kept free


@dataclass(frozen=True)
class Obstacle:
    """A box on the screen, in pixels, and the price of hiding it."""

    box: Bbox
    price: float
    owner: int = -1  # the point whose mark it is: its own label is never in its way


def label_points(
    axes: Axes, points: Sequence[Point], others: Sequence[tuple[float, float]] = (), lines: Sequence[Segment] = ()
) -> list[Annotation]:
    """Write each point's name where it hides least, greedily: crowded points first, near places first.

    Call when the limits of the axes are final and the figure is laid out (`settle`).

    Args:
        others: points without a name that shouldn't be hidden.
        lines: nor these.
    """
    figure = axes.get_figure()
    assert isinstance(figure, Figure)
    renderer, scale = FigureCanvasAgg(figure).get_renderer(), figure.dpi / 72
    places = _pixels(axes, [(point.x, point.y) for point in points])
    obstacles = _obstacles(axes, places, others, lines, scale)
    found: dict[int, Annotation] = {}
    for index in crowded_first(places):
        point, place = points[index], places[index]
        note = axes.annotate(
            point.name, (point.x, point.y), xytext=(0, 0), textcoords="offset points", fontsize=9, ha="center",
            va="center", color=INK, zorder=5,
        )  # fmt: skip
        note.set_in_layout(False)
        size = note.get_window_extent(renderer)
        box = _best(place, size.width, size.height, index, obstacles, axes.get_window_extent(renderer), scale)
        obstacles.append(Obstacle(box, OVER_LABEL))
        x, y = (np.array([box.x0 + box.x1, box.y0 + box.y1]) / 2 - place) / scale
        note.set_position((float(x), float(y)))
        _lead(axes, place, box, scale)
        found[index] = note
    return [found[index] for index in range(len(points))]


def crowded_first(places: np.ndarray) -> list[int]:
    """Points with the nearest neighbours first: they have the least choice."""
    if len(places) < 2:
        return [*range(len(places))]
    gaps = np.hypot(*(places[:, None] - places[None]).transpose(2, 0, 1)) + np.diag(np.full(len(places), np.inf))
    return [int(index) for index in np.argsort(gaps.min(axis=1), kind="stable")]


def _obstacles(
    axes: Axes, places: np.ndarray, others: Sequence[tuple[float, float]], lines: Sequence[Segment], scale: float
) -> list[Obstacle]:
    found = [Obstacle(_padded(place, place, MARK * scale), OVER_MARK, index) for index, place in enumerate(places)]
    found += [Obstacle(_padded(place, place, MARK * scale), OVER_MARK) for place in _pixels(axes, others)]
    starts, ends = (_pixels(axes, [line[part : part + 2] for line in lines]) for part in (0, 2))
    found += [Obstacle(_padded(start, end, LINE * scale), OVER_LINE) for start, end in zip(starts, ends, strict=True)]
    return found


def _best(
    place: np.ndarray, width: float, height: float, own: int, obstacles: Sequence[Obstacle], room: Bbox, scale: float
) -> Bbox:
    """The label's box with the lowest price, in pixels."""
    steps, turns = (each.ravel() for each in np.mgrid[: len(DISTANCES), : len(ANGLES)])
    direction = np.stack([np.cos(ANGLES), np.sin(ANGLES)], axis=1)[turns]
    size = np.array([width, height])
    centres = place + direction * (np.array(DISTANCES)[steps, None] * scale + size / 2)
    boxes = np.hstack([centres - size / 2, centres + size / 2])
    others = [each for each in obstacles if each.owner != own]
    hidden = _overlaps(boxes, np.array([each.box.extents for each in others]).reshape(-1, 4))
    inside = _overlaps(boxes, np.asarray(room.extents)[None])[:, 0]
    price = OUTSIDE * (1 - inside / size.prod()) + FURTHER * steps + TURNED * turns
    price += hidden @ np.array([each.price for each in others]) / size.prod()
    return Bbox.from_extents(*boxes[int(price.argmin())])


def _overlaps(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """(boxes, others) areas that they share; each a row of left, bottom, right, top."""
    sides = np.minimum(boxes[:, None, 2:], others[:, 2:]) - np.maximum(boxes[:, None, :2], others[:, :2])
    return np.asarray(sides.clip(0).prod(axis=2))


def _lead(axes: Axes, place: np.ndarray, box: Bbox, scale: float) -> None:
    """A thin line from a point to a label that is far."""
    nearest = np.clip(place, [box.x0, box.y0], [box.x1, box.y1])
    if float(np.hypot(*(nearest - place))) > FAR * scale:
        (x0, y0), (x1, y1) = axes.transData.inverted().transform([place, nearest])
        (line,) = axes.plot([x0, x1], [y0, y1], color=MUTED, linewidth=0.7, zorder=1.5, label="_")
        line.set_in_layout(False)


def _pixels(axes: Axes, places: Sequence[tuple[float, ...]]) -> np.ndarray:
    """(places, 2)."""
    return np.asarray(axes.transData.transform(np.array([*places], dtype=float).reshape(-1, 2)))


def _padded(one: np.ndarray, other: np.ndarray, pad: float) -> Bbox:
    """The box between two points, and `pad` more to each side."""
    (x0, y0), (x1, y1) = one, other
    return Bbox.from_extents(min(x0, x1) - pad, min(y0, y1) - pad, max(x0, x1) + pad, max(y0, y1) + pad)
