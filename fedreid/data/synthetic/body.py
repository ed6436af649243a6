"""A body that can be turned, as a stack of ellipses and limbs projected onto a picture.

The body's own frame: `lateral` to the person's left, `forward` where the face looks, `level` from the head's top (0) to
the soles (1), all in body heights. Turning the body projects that frame, so whatever is drawn onto it (a print, an open
jacket) appears where it is on a real body, or is hidden behind it.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw

from fedreid.data.synthetic.people import Colour, Person

HALF_TURN = math.pi / 2
LEVELS = (0.178, 0.215, 0.39, 0.52)  # where the torso's outline bends
Point = tuple[float, float]
Joint = tuple[float, float, float]  # lateral, forward, level


@dataclass(frozen=True)
class Pose:
    """How a person stands in one picture.

    Attributes:
        turn: radians; 0 looks at the camera, pi / 2 walks to the right, pi shows the back.
        phase: radians of the walking cycle.
        swing: 0 stands still, 1 walks.
        elbow: radians by which the elbows are bent.
    """

    turn: float
    phase: float
    swing: float
    elbow: float


class Body:
    """A turned body on a transparent picture, with what it takes to draw on it."""

    def __init__(
        self,
        person: Person,
        pose: Pose,
        size: tuple[int, int],
        *,
        centre: float,
        top: float,
        height: float,
        tilt: float,
    ) -> None:
        """
        Args:
            person, pose: what to draw.
            size: width and height of the picture in pixels.
            centre, top, height: where the body is in it, in pixels.
            tilt: 0 camera at eye level; 0.2 camera high up, which shortens the legs.
        """
        self.image = Image.new("RGBA", size, (0, 0, 0, 0))
        self.person, self.pose = person, pose
        self.brush = ImageDraw.Draw(self.image)
        self.centre, self.top, self.height, self.tilt = centre, top, height, tilt
        self.cos, self.sin = math.cos(pose.turn), math.sin(pose.turn)

    def pixel(self, lateral: float, forward: float, level: float) -> Point:
        across = lateral * self.cos + forward * self.sin
        down = level + self.tilt * level * (1 - level)
        return self.centre + across * self.height, self.top + down * self.height

    def polygon(self, points: Sequence[Point], colour: Colour) -> None:
        self.brush.polygon(points, fill=colour)

    def disc(self, centre: Point, across: float, down: float, colour: Colour) -> None:
        """An ellipse; half axes in body heights."""
        x, y, a, b = *centre, across * self.height, down * self.height
        self.brush.ellipse((x - a, y - b, x + a, y + b), fill=colour)

    def limb(self, start: Joint, end: Joint, start_width: float, end_width: float, colour: Colour) -> None:
        """A tapered stick with round ends; half widths in body heights."""
        (x0, y0), (x1, y1) = self.pixel(*start), self.pixel(*end)
        length = math.hypot(x1 - x0, y1 - y0) or 1.0
        nx, ny = -(y1 - y0) / length * self.height, (x1 - x0) / length * self.height
        a, b = start_width, end_width
        corners = [
            (x0 + nx * a, y0 + ny * a),
            (x1 + nx * b, y1 + ny * b),
            (x1 - nx * b, y1 - ny * b),
            (x0 - nx * a, y0 - ny * a),
        ]
        self.polygon(corners, colour)
        self.disc((x0, y0), a, a, colour)
        self.disc((x1, y1), b, b, colour)

    def profile(self, level: float) -> tuple[float, float]:
        """Half width and half depth of the clothed torso."""
        person = self.person
        waist = 0.82 * (person.shoulders + person.hips) / 2
        stations = (
            (0.150, 0.36 * person.shoulders),
            (0.178, 0.88 * person.shoulders),
            (0.215, person.shoulders),
            (0.390, waist * (0.55 + 0.45 * person.girth)),
            (0.520, person.hips),
            (0.740, person.hips * 1.05),
        )
        for (low, narrow), (high, wide) in itertools.pairwise(stations):
            if level <= high:
                share = max(0.0, (level - low) / (high - low))
                half = (narrow + share * (wide - narrow)) * (0.7 + 0.3 * person.girth)
                return half, half * (0.45 + 0.22 * person.girth)
        return person.hips, 0.7 * person.hips

    def surface(self, left: float, right: float, start: float, end: float, colour: Colour, grow: float = 1.0) -> None:
        """A patch on the torso: between two angles (0 the chest's middle, pi / 2 the left side) and two levels."""
        shift = 2 * math.pi * round((0.5 * (left + right) + self.pose.turn) / (2 * math.pi))
        low = max(left + self.pose.turn - shift, -HALF_TURN)
        high = min(right + self.pose.turn - shift, HALF_TURN)
        if high - low < 0.05:  # behind the body
            return
        angles = [low - self.pose.turn, high - self.pose.turn]
        levels = [start, *(station for station in LEVELS if start < station < end), end]
        edge_left = [self.on_torso(angles[0], level, grow) for level in levels]
        edge_right = [self.on_torso(angles[1], level, grow) for level in reversed(levels)]
        self.polygon(edge_left + edge_right, colour)

    def on_torso(self, angle: float, level: float, grow: float = 1.0) -> Point:
        half, depth = self.profile(level)
        return self.pixel(grow * half * math.sin(angle), grow * depth * math.cos(angle), level)

    def round(self, start: float, end: float, colour: Colour, grow: float = 1.0) -> None:
        """A band all the way round the torso."""
        levels = [start, *(station for station in LEVELS if start < station < end), end]
        left, right = [], []
        for level in levels:
            half, depth = self.profile(level)
            extent = grow * math.hypot(half * self.cos, depth * self.sin) * self.height
            x, y = self.pixel(0, 0, level)
            left.append((x - extent, y))
            right.append((x + extent, y))
        self.polygon(left + right[::-1], colour)
