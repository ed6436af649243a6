"""Drawing a walking person from any side, with a few dozen polygons.

A body is a stack of ellipses (torso, skirt) and limbs between joints, in a frame of its own: `lateral` to the person's
left, `forward` where the face looks, `level` from the head's top (0) to the soles (1), all in body heights. Turning the
body projects that frame onto the picture, so prints, open jackets, faces and bags appear where they are on a real body:
a backpack is a box from behind, a hump from the side, and two straps from the front.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw

from fedreid.data.synthetic_people import Colour, Person

SHOULDER, ELBOW, WRIST, HIP, KNEE, ANKLE = 0.185, 0.345, 0.485, 0.515, 0.735, 0.955
HEAD_LEVEL, HEAD_RADIUS = 0.072, 0.056
HALF_TURN = math.pi / 2
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


class Figure:
    """A person in a pose, drawn onto a transparent picture."""

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
        self._draw = ImageDraw.Draw(self.image)
        self._centre, self._top, self._height, self._tilt = centre, top, height, tilt
        self._cos, self._sin = math.cos(pose.turn), math.sin(pose.turn)

    def draw(self) -> Image.Image:
        """The picture: parts far from the camera first."""
        sides = sorted((-1, 1), key=lambda side: -side * self._sin)  # the far side first
        if self.person.haircut == "long" and self._cos > 0:
            self._long_hair()
        if self.person.bag == "backpack" and self._cos > 0:
            self._backpack()
        for side in sides:
            self._leg(side)
        if self.person.lower in ("skirt", "dress"):
            self._skirt()
        self._arm(sides[0])
        self._torso()
        self._straps()
        self._head()
        if self.person.bag == "backpack" and self._cos <= 0:
            self._backpack()
        self._arm(sides[1])
        self._bag()
        return self.image

    # Geometry

    def _pixel(self, lateral: float, forward: float, level: float) -> Point:
        across = lateral * self._cos + forward * self._sin
        down = level + self._tilt * level * (1 - level)
        return self._centre + across * self._height, self._top + down * self._height

    def _polygon(self, points: Sequence[Point], colour: Colour) -> None:
        self._draw.polygon(points, fill=colour)

    def _disc(self, centre: Point, across: float, down: float, colour: Colour) -> None:
        """An ellipse; half axes in body heights."""
        x, y, a, b = *centre, across * self._height, down * self._height
        self._draw.ellipse((x - a, y - b, x + a, y + b), fill=colour)

    def _limb(self, start: Joint, end: Joint, start_width: float, end_width: float, colour: Colour) -> None:
        """A tapered stick with round ends; half widths in body heights."""
        (x0, y0), (x1, y1) = self._pixel(*start), self._pixel(*end)
        length = math.hypot(x1 - x0, y1 - y0) or 1.0
        nx, ny = -(y1 - y0) / length * self._height, (x1 - x0) / length * self._height
        a, b = start_width, end_width
        corners = [
            (x0 + nx * a, y0 + ny * a),
            (x1 + nx * b, y1 + ny * b),
            (x1 - nx * b, y1 - ny * b),
            (x0 - nx * a, y0 - ny * a),
        ]
        self._polygon(corners, colour)
        self._disc((x0, y0), a, a, colour)
        self._disc((x1, y1), b, b, colour)

    def _profile(self, level: float) -> tuple[float, float]:
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
        for (low, narrow), (high, wide) in zip(stations, stations[1:], strict=False):
            if level <= high:
                share = max(0.0, (level - low) / (high - low))
                half = (narrow + share * (wide - narrow)) * (0.7 + 0.3 * person.girth)
                return half, half * (0.45 + 0.22 * person.girth)
        return person.hips, 0.7 * person.hips

    def _surface(self, left: float, right: float, start: float, end: float, colour: Colour, grow: float = 1.0) -> None:
        """A patch on the torso: between two angles (0 the chest's middle, pi / 2 the left side) and two levels."""
        shift = 2 * math.pi * round((0.5 * (left + right) + self.pose.turn) / (2 * math.pi))
        low = max(left + self.pose.turn - shift, -HALF_TURN)
        high = min(right + self.pose.turn - shift, HALF_TURN)
        if high - low < 0.05:  # behind the body
            return
        angles = [low - self.pose.turn, high - self.pose.turn]
        levels = [start, *(station for station in (0.178, 0.215, 0.39) if start < station < end), end]
        edge_left = [self._on_torso(angles[0], level, grow) for level in levels]
        edge_right = [self._on_torso(angles[1], level, grow) for level in reversed(levels)]
        self._polygon(edge_left + edge_right, colour)

    def _on_torso(self, angle: float, level: float, grow: float = 1.0) -> Point:
        half, depth = self._profile(level)
        return self._pixel(grow * half * math.sin(angle), grow * depth * math.cos(angle), level)

    def _round(self, start: float, end: float, colour: Colour, grow: float = 1.0) -> None:
        """A band all the way round the torso."""
        levels = [start, *(station for station in (0.178, 0.215, 0.39, 0.52) if start < station < end), end]
        left, right = [], []
        for level in levels:
            half, depth = self._profile(level)
            extent = grow * math.hypot(half * self._cos, depth * self._sin) * self._height
            x, y = self._pixel(0, 0, level)
            left.append((x - extent, y))
            right.append((x + extent, y))
        self._polygon(left + right[::-1], colour)

    # Legs

    def _leg(self, side: int) -> None:
        person = self.person
        hip, knee, ankle = self._leg_joints(side)
        trousers, colour = person.lower == "trousers", person.lower_colour
        far = side * self._sin > 0.3
        tone = 0.86 if far else 1.0
        thigh, calf = 0.046 * person.girth, 0.03 * (0.5 + 0.5 * person.girth)
        if trousers:
            self._limb(knee, ankle, 0.036 * person.width * person.girth, 0.027 * person.width, shade(colour, tone))
            self._limb(hip, knee, thigh, 0.036 * person.width * person.girth, shade(colour, tone))
        else:
            self._limb(knee, ankle, calf, 0.017, shade(person.skin, tone))
            self._limb(_between(knee, ankle, 0.65), ankle, 0.021, 0.019, shade(person.socks, tone))
            self._limb(hip, knee, 0.9 * thigh, calf, shade(person.skin, tone))
        if person.lower == "shorts":
            share = (person.lower_end - HIP) / (KNEE - HIP)
            self._limb(
                hip,
                _between(hip, knee, min(share, 1.0)),
                thigh,
                0.045 * person.width * person.girth,
                shade(colour, tone),
            )
        self._shoe(ankle, tone)

    def _leg_joints(self, side: int) -> tuple[Joint, Joint, Joint]:
        person, pose = self.person, self.pose
        angle = person.stride * pose.swing * math.sin(pose.phase) * side
        bend = 0.7 * pose.swing * max(0.0, math.cos(pose.phase) * -side) + 0.05
        lateral = side * 0.5 * person.hips
        thigh, shank = KNEE - HIP, ANKLE - KNEE
        knee = (lateral, thigh * math.sin(angle), HIP + thigh * math.cos(angle))
        lower = angle - bend
        ankle = (0.85 * lateral, knee[1] + shank * math.sin(lower), knee[2] + shank * math.cos(lower))
        return (lateral, 0.0, HIP), knee, ankle

    def _shoe(self, ankle: Joint, tone: float) -> None:
        lateral, forward, level = ankle
        heel, toe = (lateral, forward - 0.015, level + 0.022), (lateral * 1.1, forward + 0.075, level + 0.027)
        self._limb(heel, toe, 0.021, 0.017, shade(self.person.shoes, tone))

    def _skirt(self) -> None:
        person = self.person
        end = person.lower_end + (0.04 if person.lower == "dress" else 0.0)
        sway = 0.012 * math.sin(self.pose.phase) * self.pose.swing
        half = (
            math.hypot(person.hips * self._cos, 0.75 * person.hips * self._sin)
            * self._height
            * (0.8 + 0.2 * person.girth)
        )
        top_x, top_y = self._pixel(0, 0, 0.42)
        end_x, end_y = self._pixel(sway, 0, end)
        hip_y = self._pixel(0, 0, HIP)[1]
        points = [
            (top_x - 0.8 * half, top_y),
            (top_x + 0.8 * half, top_y),
            (top_x + half, hip_y),
            (end_x + 1.25 * half, end_y),
        ]
        self._polygon([*points, (end_x - 1.25 * half, end_y), (top_x - half, hip_y)], person.lower_colour)

    # Torso and arms

    def _torso(self) -> None:
        person = self.person
        self._disc(self._pixel(0, 0.01, 0.15), 0.03, 0.035, shade(person.skin, 0.85))
        self._round(0.152, person.hem, person.upper)
        _PATTERNS[person.pattern](self)
        if person.hem < 0.6 and person.lower != "dress":
            self._round(person.hem - 0.008, person.hem + 0.004, shade(person.upper, 0.7))
        if person.scarf:
            self._round(0.135, 0.185, person.scarf, grow=0.8)

    def _logo(self) -> None:
        self._surface(-0.45, 0.45, 0.25, 0.31, self.person.second)

    def _print(self) -> None:
        self._surface(math.pi - 0.8, math.pi + 0.8, 0.24, 0.36, self.person.second)
        self._surface(-0.25, 0.25, 0.23, 0.26, self.person.second)

    def _stripes(self) -> None:
        level = 0.21
        while level + 0.02 < self.person.hem:
            self._round(level, level + 0.02, self.person.second)
            level += 0.052

    def _bars(self) -> None:
        for place in range(8):
            angle = place * math.pi / 4
            self._surface(angle - 0.13, angle + 0.13, 0.18, self.person.hem, self.person.second)

    def _checks(self) -> None:
        self._bars()
        mixed = _mix(self.person.upper, self.person.second, 0.6)
        for place in range(5):
            level = 0.22 + 0.065 * place
            if level + 0.018 < self.person.hem:
                self._round(level, level + 0.018, mixed)

    def _two_tone(self) -> None:
        self._round(0.152, 0.29, self.person.second)

    def _open_jacket(self) -> None:
        self._surface(-0.5, 0.5, 0.16, self.person.hem, self.person.second)
        self._surface(-0.62, -0.48, 0.16, self.person.hem, shade(self.person.upper, 0.75))
        self._surface(0.48, 0.62, 0.16, self.person.hem, shade(self.person.upper, 0.75))

    def _arm(self, side: int) -> None:
        person = self.person
        shoulder, elbow, wrist = self._arm_joints(side)
        tone = 0.84 if side * self._sin > 0.3 else 0.93
        sleeve, skin = shade(person.sleeve_colour, tone), shade(person.skin, tone)
        thick = 0.03 * (0.5 + 0.5 * person.girth)
        covered = person.sleeves == "long"
        self._limb(
            elbow,
            wrist,
            0.9 * thick if covered else 0.021,
            0.7 * thick if covered else 0.016,
            sleeve if covered else skin,
        )
        self._limb(shoulder, elbow, 0.8 * thick, 0.8 * thick, skin if person.sleeves == "none" else sleeve)
        if person.sleeves == "short":
            self._limb(_between(shoulder, elbow, 0.75), elbow, 0.024, 0.021, skin)
            self._limb(shoulder, _between(shoulder, elbow, 0.7), 1.1 * thick, 1.15 * thick, sleeve)
        elif covered:
            self._limb(shoulder, elbow, 1.1 * thick, 0.95 * thick, sleeve)
        self._disc(self._pixel(*wrist), 0.019, 0.022, skin)

    def _arm_joints(self, side: int) -> tuple[Joint, Joint, Joint]:
        person, pose = self.person, self.pose
        angle = -0.8 * person.stride * pose.swing * math.sin(pose.phase) * side
        lateral = side * person.shoulders * (0.7 + 0.3 * person.girth) * 0.95
        upper, lower = ELBOW - SHOULDER, WRIST - ELBOW
        elbow = (lateral * 1.12, upper * math.sin(angle), SHOULDER + 0.015 + upper * math.cos(angle))
        bent = angle + pose.elbow
        wrist = (lateral * 1.15, elbow[1] + lower * math.sin(bent), elbow[2] + lower * math.cos(bent))
        return (lateral, 0.0, SHOULDER + 0.015), elbow, wrist

    # Head

    def _head(self) -> None:
        person, radius = self.person, HEAD_RADIUS
        if person.haircut == "long" and self._cos <= 0:
            self._long_hair()
        hair = person.skin if person.haircut == "bald" else person.hair
        self._disc(self._pixel(0, -0.006, HEAD_LEVEL), 0.82 * radius, radius * 1.18, hair)
        if self._cos > -0.35:  # the face turns away
            visible = (self._cos + 0.35) / 1.35
            across = radius * (0.34 + 0.34 * visible)
            self._disc(self._pixel(0, 0.022, HEAD_LEVEL + 0.012), across, radius * 0.92, person.skin)
            fringe = self._pixel(0, 0.012, HEAD_LEVEL - 0.042)
            self._disc(fringe, across * 1.1, 0.022, hair)
        if person.haircut == "tail":
            self._limb((0, -0.05, HEAD_LEVEL), (0, -0.075, HEAD_LEVEL + 0.09), 0.02, 0.012, person.hair)
        if person.haircut in ("cap", "hat"):
            self._hat(brim=person.haircut == "cap")

    def _long_hair(self) -> None:
        self._limb((0, -0.02, HEAD_LEVEL), (0, -0.03, 0.2), 0.05, 0.055, self.person.hair)

    def _hat(self, *, brim: bool) -> None:
        x, y = self._pixel(0, 0, HEAD_LEVEL - 0.028)
        a, b = 0.88 * HEAD_RADIUS * self._height, 0.05 * self._height
        self._draw.pieslice((x - a, y - b, x + a, y + b), 180, 360, fill=self.person.hat)
        if brim:
            self._limb(
                (0, 0.02, HEAD_LEVEL - 0.03), (0, 0.075, HEAD_LEVEL - 0.022), 0.011, 0.007, shade(self.person.hat, 0.8)
            )
        else:
            self._disc((x, y), 0.95 * HEAD_RADIUS, 0.012, shade(self.person.hat, 0.85))

    # Bags

    def _backpack(self) -> None:
        size, colour = self.person.bag_size, self.person.bag_colour
        half, depth = 0.085 * size, 0.055 * size
        extent = math.hypot(half * self._cos, depth * self._sin) * self._height
        x, top = self._pixel(0, -0.075, 0.185)
        bottom = self._pixel(0, -0.075, 0.2 + 0.23 * size)[1]
        corner = min(extent, 0.03 * self._height)
        self._draw.rounded_rectangle((x - extent, top, x + extent, bottom), corner, fill=colour)
        pocket = top + 0.55 * (bottom - top)
        if self._cos < 0:
            box = (x - 0.7 * extent, pocket, x + 0.7 * extent, bottom - 0.1 * (bottom - top))
            self._draw.rounded_rectangle(box, 0.5 * corner, fill=shade(colour, 0.75))

    def _straps(self) -> None:
        person, colour = self.person, shade(self.person.bag_colour, 0.8)
        if person.bag == "backpack":
            for side in (-1, 1):
                self._surface(side * 0.65 - 0.12, side * 0.65 + 0.12, 0.17, 0.34, colour)
        if person.bag == "shoulder":  # from one shoulder to the other hip, before and behind the body
            for middle in (0.0, math.pi):
                steps = [(-0.75 + 0.25 * step, 0.17 + 0.05 * step) for step in range(7)]
                for angle, level in steps:
                    across = middle + angle * person.bag_side * (1 if middle == 0 else -1)
                    self._surface(across - 0.15, across + 0.15, level, level + 0.052, colour)

    def _bag(self) -> None:
        person = self.person
        size, side = person.bag_size, person.bag_side
        if person.bag == "shoulder" and side * self._sin < 0.85:
            x, y = self._pixel(side * 1.1 * person.hips, 0.0, 0.47)
            self._box(x, y, 0.055 * size, 0.09 * size)
        if person.bag == "handbag" and side * self._sin < 0.85:
            wrist = self._arm_joints(side)[2]
            x, y = self._pixel(*wrist)
            self._draw.line((x, y, x, y + 0.05 * self._height), fill=shade(person.bag_colour, 0.7), width=2)
            self._box(x, y + 0.04 * self._height, 0.05 * size, 0.1 * size)

    def _box(self, x: float, y: float, half: float, tall: float) -> None:
        """A bag's body: narrow when it is seen from its edge."""
        extent = half * (0.45 + 0.55 * abs(self._sin)) * self._height
        box = (x - extent, y, x + extent, y + tall * self._height)
        self._draw.rounded_rectangle(box, 0.2 * extent, fill=self.person.bag_colour)


_PATTERNS = {
    "plain": lambda figure: None,
    "logo": Figure._logo,
    "print": Figure._print,
    "stripes": Figure._stripes,
    "bars": Figure._bars,
    "checks": Figure._checks,
    "two-tone": Figure._two_tone,
    "open": Figure._open_jacket,
}


def shade(colour: Colour, factor: float) -> Colour:
    """A darker (below 1) or lighter colour."""
    red, green, blue = (min(255, int(value * factor)) for value in colour)
    return red, green, blue


def _mix(one: Colour, other: Colour, share: float) -> Colour:
    red, green, blue = (int(a + share * (b - a)) for a, b in zip(one, other, strict=True))
    return red, green, blue


def _between(start: Joint, end: Joint, share: float) -> Joint:
    lateral, forward, level = (a + share * (b - a) for a, b in zip(start, end, strict=True))
    return lateral, forward, level
