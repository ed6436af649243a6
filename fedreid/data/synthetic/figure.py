"""Drawing a walking person from any side, with a few dozen polygons.

What is seen depends on the side: a backpack is a box from behind, a hump from the side, and two straps from the front;
an open jacket shows the shirt under it, and a print on the back is seen from the back.
"""

from __future__ import annotations

import math

from PIL import Image

from fedreid.data.synthetic.body import Body, Joint
from fedreid.data.synthetic.people import Colour

SHOULDER, ELBOW, WRIST, HIP, KNEE, ANKLE = 0.185, 0.345, 0.485, 0.515, 0.735, 0.955  # levels, in body heights
HEAD_LEVEL, HEAD_RADIUS = 0.072, 0.056


class Figure(Body):
    """A person in a pose."""

    def draw(self) -> Image.Image:
        """The picture: parts far from the camera first."""
        sides = sorted((-1, 1), key=lambda side: -side * self.sin)  # the far side first
        if self.person.haircut == "long" and self.cos > 0:
            self._long_hair()
        if self.person.bag == "backpack" and self.cos > 0:
            self._backpack()
        for side in sides:
            self._leg(side)
        if self.person.lower in ("skirt", "dress"):
            self._skirt()
        self._arm(sides[0])
        self._torso()
        self._straps()
        self._head()
        if self.person.bag == "backpack" and self.cos <= 0:
            self._backpack()
        self._arm(sides[1])
        self._bag()
        return self.image

    # Legs

    def _leg(self, side: int) -> None:
        person = self.person
        hip, knee, ankle = self._leg_joints(side)
        trousers, colour = person.lower == "trousers", person.lower_colour
        far = side * self.sin > 0.3
        tone = 0.86 if far else 1.0
        thigh, calf = 0.046 * person.girth, 0.03 * (0.5 + 0.5 * person.girth)
        if trousers:
            self.limb(knee, ankle, 0.036 * person.width * person.girth, 0.027 * person.width, shade(colour, tone))
            self.limb(hip, knee, thigh, 0.036 * person.width * person.girth, shade(colour, tone))
        else:
            self.limb(knee, ankle, calf, 0.017, shade(person.skin, tone))
            self.limb(_between(knee, ankle, 0.65), ankle, 0.021, 0.019, shade(person.socks, tone))
            self.limb(hip, knee, 0.9 * thigh, calf, shade(person.skin, tone))
        if person.lower == "shorts":
            share = (person.lower_end - HIP) / (KNEE - HIP)
            self.limb(
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
        self.limb(heel, toe, 0.021, 0.017, shade(self.person.shoes, tone))

    def _skirt(self) -> None:
        person = self.person
        end = person.lower_end + (0.04 if person.lower == "dress" else 0.0)
        sway = 0.012 * math.sin(self.pose.phase) * self.pose.swing
        half = (
            math.hypot(person.hips * self.cos, 0.75 * person.hips * self.sin) * self.height * (0.8 + 0.2 * person.girth)
        )
        top_x, top_y = self.pixel(0, 0, 0.42)
        end_x, end_y = self.pixel(sway, 0, end)
        hip_y = self.pixel(0, 0, HIP)[1]
        points = [
            (top_x - 0.8 * half, top_y),
            (top_x + 0.8 * half, top_y),
            (top_x + half, hip_y),
            (end_x + 1.25 * half, end_y),
        ]
        self.polygon([*points, (end_x - 1.25 * half, end_y), (top_x - half, hip_y)], person.lower_colour)

    # Torso and arms

    def _torso(self) -> None:
        person = self.person
        self.disc(self.pixel(0, 0.01, 0.15), 0.03, 0.035, shade(person.skin, 0.85))
        self.round(0.152, person.hem, person.upper)
        _PATTERNS[person.pattern](self)
        if person.hem < 0.6 and person.lower != "dress":
            self.round(person.hem - 0.008, person.hem + 0.004, shade(person.upper, 0.7))
        if person.scarf:
            self.round(0.135, 0.185, person.scarf, grow=0.8)

    def _logo(self) -> None:
        self.surface(-0.45, 0.45, 0.25, 0.31, self.person.second)

    def _print(self) -> None:
        self.surface(math.pi - 0.8, math.pi + 0.8, 0.24, 0.36, self.person.second)
        self.surface(-0.25, 0.25, 0.23, 0.26, self.person.second)

    def _stripes(self) -> None:
        level = 0.21
        while level + 0.02 < self.person.hem:
            self.round(level, level + 0.02, self.person.second)
            level += 0.052

    def _bars(self) -> None:
        for place in range(8):
            angle = place * math.pi / 4
            self.surface(angle - 0.13, angle + 0.13, 0.18, self.person.hem, self.person.second)

    def _checks(self) -> None:
        self._bars()
        mixed = _mix(self.person.upper, self.person.second, 0.6)
        for place in range(5):
            level = 0.22 + 0.065 * place
            if level + 0.018 < self.person.hem:
                self.round(level, level + 0.018, mixed)

    def _two_tone(self) -> None:
        self.round(0.152, 0.29, self.person.second)

    def _open_jacket(self) -> None:
        self.surface(-0.5, 0.5, 0.16, self.person.hem, self.person.second)
        self.surface(-0.62, -0.48, 0.16, self.person.hem, shade(self.person.upper, 0.75))
        self.surface(0.48, 0.62, 0.16, self.person.hem, shade(self.person.upper, 0.75))

    def _arm(self, side: int) -> None:
        person = self.person
        shoulder, elbow, wrist = self._arm_joints(side)
        tone = 0.84 if side * self.sin > 0.3 else 0.93
        sleeve, skin = shade(person.sleeve_colour, tone), shade(person.skin, tone)
        thick = 0.03 * (0.5 + 0.5 * person.girth)
        covered = person.sleeves == "long"
        self.limb(
            elbow,
            wrist,
            0.9 * thick if covered else 0.021,
            0.7 * thick if covered else 0.016,
            sleeve if covered else skin,
        )
        self.limb(shoulder, elbow, 0.8 * thick, 0.8 * thick, skin if person.sleeves == "none" else sleeve)
        if person.sleeves == "short":
            self.limb(_between(shoulder, elbow, 0.75), elbow, 0.024, 0.021, skin)
            self.limb(shoulder, _between(shoulder, elbow, 0.7), 1.1 * thick, 1.15 * thick, sleeve)
        elif covered:
            self.limb(shoulder, elbow, 1.1 * thick, 0.95 * thick, sleeve)
        self.disc(self.pixel(*wrist), 0.019, 0.022, skin)

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
        if person.haircut == "long" and self.cos <= 0:
            self._long_hair()
        hair = person.skin if person.haircut == "bald" else person.hair
        self.disc(self.pixel(0, -0.006, HEAD_LEVEL), 0.82 * radius, radius * 1.18, hair)
        if self.cos > -0.35:  # the face turns away
            visible = (self.cos + 0.35) / 1.35
            across = radius * (0.34 + 0.34 * visible)
            self.disc(self.pixel(0, 0.022, HEAD_LEVEL + 0.012), across, radius * 0.92, person.skin)
            fringe = self.pixel(0, 0.012, HEAD_LEVEL - 0.042)
            self.disc(fringe, across * 1.1, 0.022, hair)
        if person.haircut == "tail":
            self.limb((0, -0.05, HEAD_LEVEL), (0, -0.075, HEAD_LEVEL + 0.09), 0.02, 0.012, person.hair)
        if person.haircut in ("cap", "hat"):
            self._hat(brim=person.haircut == "cap")

    def _long_hair(self) -> None:
        self.limb((0, -0.02, HEAD_LEVEL), (0, -0.03, 0.2), 0.05, 0.055, self.person.hair)

    def _hat(self, *, brim: bool) -> None:
        x, y = self.pixel(0, 0, HEAD_LEVEL - 0.028)
        a, b = 0.88 * HEAD_RADIUS * self.height, 0.05 * self.height
        self.brush.pieslice((x - a, y - b, x + a, y + b), 180, 360, fill=self.person.hat)
        if brim:
            self.limb(
                (0, 0.02, HEAD_LEVEL - 0.03), (0, 0.075, HEAD_LEVEL - 0.022), 0.011, 0.007, shade(self.person.hat, 0.8)
            )
        else:
            self.disc((x, y), 0.95 * HEAD_RADIUS, 0.012, shade(self.person.hat, 0.85))

    # Bags

    def _backpack(self) -> None:
        size, colour = self.person.bag_size, self.person.bag_colour
        half, depth = 0.085 * size, 0.055 * size
        extent = math.hypot(half * self.cos, depth * self.sin) * self.height
        x, top = self.pixel(0, -0.075, 0.185)
        bottom = self.pixel(0, -0.075, 0.2 + 0.23 * size)[1]
        corner = min(extent, 0.03 * self.height)
        self.brush.rounded_rectangle((x - extent, top, x + extent, bottom), corner, fill=colour)
        pocket = top + 0.55 * (bottom - top)
        if self.cos < 0:
            box = (x - 0.7 * extent, pocket, x + 0.7 * extent, bottom - 0.1 * (bottom - top))
            self.brush.rounded_rectangle(box, 0.5 * corner, fill=shade(colour, 0.75))

    def _straps(self) -> None:
        person, colour = self.person, shade(self.person.bag_colour, 0.8)
        if person.bag == "backpack":
            for side in (-1, 1):
                self.surface(side * 0.65 - 0.12, side * 0.65 + 0.12, 0.17, 0.34, colour)
        if person.bag == "shoulder":  # from one shoulder to the other hip, before and behind the body
            for middle in (0.0, math.pi):
                steps = [(-0.75 + 0.107 * step, 0.17 + 0.0215 * step) for step in range(15)]
                for angle, level in steps:
                    across = middle + angle * person.bag_side * (1 if middle == 0 else -1)
                    self.surface(across - 0.13, across + 0.13, level, level + 0.024, colour)

    def _bag(self) -> None:
        person = self.person
        size, side = person.bag_size, person.bag_side
        if person.bag == "shoulder" and side * self.sin < 0.85:
            x, y = self.pixel(side * 1.1 * person.hips, 0.0, 0.47)
            self._box(x, y, 0.055 * size, 0.09 * size)
        if person.bag == "handbag" and side * self.sin < 0.85:
            wrist = self._arm_joints(side)[2]
            x, y = self.pixel(*wrist)
            self.brush.line((x, y, x, y + 0.05 * self.height), fill=shade(person.bag_colour, 0.7), width=2)
            self._box(x, y + 0.04 * self.height, 0.05 * size, 0.1 * size)

    def _box(self, x: float, y: float, half: float, tall: float) -> None:
        """A bag's body: narrow when it is seen from its edge."""
        extent = half * (0.45 + 0.55 * abs(self.sin)) * self.height
        box = (x - extent, y, x + extent, y + tall * self.height)
        self.brush.rounded_rectangle(box, 0.2 * extent, fill=self.person.bag_colour)


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
