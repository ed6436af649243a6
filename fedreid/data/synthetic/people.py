"""Who walks past the cameras of a synthetic site: clothes, build, hair and bags, drawn from a site's habits.

People resemble each other on purpose. Few colours dominate, as they do in streets, and most people dress like one of a
few families that differ in details only (a bag, shoes, hair, a print), so that colour alone doesn't tell them apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import TypeVar

import numpy as np

Colour = tuple[int, int, int]  # red, green, blue, 0 to 255
Choice = TypeVar("Choice")

# name: colour, and how often it is seen in (cold, warm) weather as (upper, lower) garment
COLOURS: dict[str, tuple[Colour, tuple[float, float], tuple[float, float]]] = {
    "black": ((30, 30, 33), (30, 30), (12, 20)),
    "charcoal": ((62, 63, 67), (10, 10), (6, 8)),
    "grey": ((124, 126, 129), (8, 6), (10, 8)),
    "silver": ((182, 184, 187), (3, 1), (7, 4)),
    "white": ((230, 230, 226), (3, 1), (20, 6)),
    "navy": ((34, 42, 74), (12, 10), (7, 8)),
    "blue": ((50, 86, 152), (4, 4), (8, 4)),
    "denim": ((76, 100, 138), (3, 26), (3, 22)),
    "pale denim": ((138, 164, 194), (1, 5), (5, 12)),
    "red": ((170, 38, 42), (5, 0.5), (6, 1)),
    "maroon": ((98, 32, 42), (4, 1), (1, 1)),
    "pink": ((224, 150, 168), (2, 0.5), (6, 2)),
    "orange": ((216, 114, 46), (1, 0.2), (2, 0.5)),
    "yellow": ((224, 192, 74), (1, 0.2), (4, 0.5)),
    "green": ((56, 114, 68), (2, 0.5), (4, 1)),
    "olive": ((94, 96, 60), (6, 3), (2, 4)),
    "khaki": ((170, 152, 114), (4, 4), (2, 8)),
    "beige": ((210, 196, 168), (3, 2), (4, 5)),
    "brown": ((100, 70, 50), (5, 3), (1, 2)),
    "purple": ((100, 64, 126), (2, 0.5), (3, 1)),
    "teal": ((44, 118, 124), (2, 0.5), (3, 1)),
}
SKINS: tuple[Colour, ...] = ((236, 196, 170), (222, 176, 146), (196, 146, 112), (148, 100, 72), (100, 68, 50))
HAIRS: tuple[Colour, ...] = ((26, 22, 22), (44, 32, 28), (84, 56, 38), (150, 112, 66), (206, 176, 118), (160, 158, 156))
PATTERNS = ("plain", "logo", "stripes", "bars", "checks", "two-tone", "open", "print")
BAGS = ("none", "backpack", "shoulder", "handbag")
HAIRCUTS = ("short", "long", "tail", "bald", "cap", "hat")
LOWERS = ("trousers", "shorts", "skirt", "dress")
FAMILIES = 24  # ways to dress that most people of a site follow
FOLLOWS_FAMILY = 0.5


@dataclass(frozen=True)
class Person:
    """Everything about a person that stays the same on all cameras. Lengths are in body heights."""

    height: float  # relative to the average
    girth: float  # 1: average
    shoulders: float  # half width
    hips: float  # half width
    stride: float  # radians that a leg swings
    skin: Colour
    hair: Colour
    haircut: str
    hat: Colour
    upper: Colour
    second: Colour  # of the pattern
    pattern: str
    sleeves: str  # long, short, none
    sleeve_colour: Colour
    hem: float  # where the upper garment ends, from the head's top
    lower: str
    lower_colour: Colour
    lower_end: float  # where shorts and skirts end
    width: float  # of trouser legs, 1: average
    shoes: Colour
    socks: Colour
    bag: str
    bag_colour: Colour
    bag_side: int  # 1: the person's left
    bag_size: float
    scarf: Colour | None


@dataclass(frozen=True)
class Habits:
    """How people of a site dress.

    Attributes:
        warmth: 0 winter to 1 summer: sleeves, legs, hats, colours.
        uppers, lowers: share of each of `COLOURS`.
        bags: share of each of `BAGS`.
        patterns: share of each of `PATTERNS`.
        skins, hairs: share of each of `SKINS` and `HAIRS`.
    """

    warmth: float
    uppers: np.ndarray
    lowers: np.ndarray
    bags: np.ndarray
    patterns: np.ndarray
    skins: np.ndarray
    hairs: np.ndarray


@cache
def habits(domain: int) -> Habits:
    """The habits of a site. Neighbouring domains lie in other seasons; the rest is drawn."""
    rng = np.random.default_rng([7101, domain])
    warmth = (0.9 + 0.3 * domain) % 1.0
    cold, warm = (np.array([weights[place] for _, *weights in COLOURS.values()]) for place in (0, 1))
    mixed = (1 - warmth) * cold + warmth * warm
    taste = rng.gamma(2.0, 0.5, mixed.shape)  # some colours are in fashion here
    return Habits(
        warmth=warmth,
        uppers=_shares(mixed[:, 0] * taste[:, 0]),
        lowers=_shares(mixed[:, 1] * taste[:, 1]),
        bags=_shares(np.array([4, 3, 2, 1.5]) * rng.gamma(2.0, 0.5, len(BAGS))),
        patterns=_shares(
            np.array([5, 2, 1, 0.7, 0.8, 1, 1 + 2 * (1 - warmth), 1]) * rng.gamma(3.0, 0.33, len(PATTERNS))
        ),
        skins=_shares(rng.gamma(1.0, 1.0, len(SKINS)) + 0.1),
        hairs=_shares(np.array([4, 4, 3, 2, 1, 1]) * rng.gamma(1.0, 1.0, len(HAIRS)) + 0.1),
    )


def person(rng: np.random.Generator, seed: int, domain: int) -> Person:
    """Somebody of a site: most dress like one of its families, with details of their own."""
    site = habits(domain)
    own = _anybody(rng, site)
    family = int(rng.integers(FAMILIES))
    if rng.random() > FOLLOWS_FAMILY:
        return own
    template = _anybody(np.random.default_rng([7102, seed, domain, family]), site)
    own_pattern = rng.random() < 0.35
    return replace(
        own,
        upper=_near(rng, template.upper),
        second=own.second if own_pattern else _near(rng, template.second),
        pattern=own.pattern if own_pattern else template.pattern,
        sleeves=template.sleeves,
        sleeve_colour=_near(rng, template.sleeve_colour) if template.sleeve_colour != template.upper else own.upper,
        hem=template.hem,
        lower=template.lower,
        lower_colour=_near(rng, template.lower_colour) if rng.random() < 0.7 else own.lower_colour,
        lower_end=template.lower_end,
    )


def _anybody(rng: np.random.Generator, site: Habits) -> Person:
    feminine = rng.random() < 0.5
    cold = rng.random() > site.warmth
    upper = _garment(rng, site.uppers)
    contrast = _garment(rng, site.uppers if rng.random() < 0.5 else _shares(np.ones(len(COLOURS))))
    lower = _pick(rng, dict(zip(LOWERS, _lower_shares(feminine, site.warmth), strict=True)))
    lower_colour = _garment(rng, site.lowers)
    haircuts = (2, 6, 4, 0, 0.5, 0.5) if feminine else (8, 0.7, 0.3, 1.5, 1, 0.5)
    headgear = np.array([1, 1, 1, 1, 1.5, 1 + 4 * cold])
    light_shoes = rng.random() < 0.4
    return Person(
        height=float(rng.normal(0.97 if feminine else 1.03, 0.045)),
        girth=float(rng.uniform(0.82, 1.28)),
        shoulders=float(rng.normal(0.108 if feminine else 0.122, 0.006)),
        hips=float(rng.normal(0.098 if feminine else 0.09, 0.005)),
        stride=float(rng.uniform(0.3, 0.6)),
        skin=_near(rng, SKINS[rng.choice(len(SKINS), p=site.skins)], 6),
        hair=_near(rng, HAIRS[rng.choice(len(HAIRS), p=site.hairs)], 8),
        haircut=_pick(rng, dict(zip(HAIRCUTS, headgear * haircuts, strict=True))),
        hat=_garment(rng, _shares(np.ones(len(COLOURS)))),
        upper=upper,
        second=contrast,
        pattern=_pick(rng, dict(zip(PATTERNS, site.patterns, strict=True))),
        sleeves=_pick(rng, {"long": 4, "short": 0.3, "none": 0} if cold else {"long": 1, "short": 5, "none": 0.7}),
        sleeve_colour=contrast if rng.random() < 0.12 else upper,
        hem=float(rng.uniform(0.62, 0.72) if cold and rng.random() < 0.3 else rng.uniform(0.49, 0.56)),
        lower=lower,
        lower_colour=upper if lower == "dress" else lower_colour,
        lower_end=float(rng.uniform(0.6, 0.74)),
        width=float(rng.choice([0.8, 1.0, 1.0, 1.3])),
        shoes=_near(rng, (225, 225, 222) if light_shoes else COLOURS[rng.choice(["black", "brown", "red", "blue"])][0]),
        socks=_near(rng, (228, 228, 226) if rng.random() < 0.5 else (40, 40, 44)),
        bag=_pick(rng, dict(zip(BAGS, site.bags, strict=True))),
        bag_colour=_garment(rng, _shares(site.uppers + 0.02)),
        bag_side=int(rng.choice([-1, 1])),
        bag_size=float(rng.uniform(0.75, 1.25)),
        scarf=_garment(rng, _shares(np.ones(len(COLOURS)))) if cold and rng.random() < 0.25 else None,
    )


def _lower_shares(feminine: bool, warmth: float) -> tuple[float, float, float, float]:
    if feminine:
        return 6.0, 0.2 + 2.5 * warmth, 0.6 + 1.4 * warmth, 0.3 + 1.7 * warmth
    return 8.0, 0.1 + 4.0 * warmth, 0.0, 0.0


def _garment(rng: np.random.Generator, shares: np.ndarray) -> Colour:
    colours = [colour for colour, *_ in COLOURS.values()]
    return _near(rng, colours[rng.choice(len(colours), p=shares)], 10)


def _near(rng: np.random.Generator, colour: Colour, spread: float = 6) -> Colour:
    """A colour of the same family: another shade, hardly another hue."""
    shade = rng.normal(0, spread)
    red, green, blue = (int(np.clip(value + shade + rng.normal(0, spread / 3), 8, 246)) for value in colour)
    return red, green, blue


def _pick(rng: np.random.Generator, weights: Mapping[Choice, float]) -> Choice:
    names = list(weights)
    return names[int(rng.choice(len(names), p=_shares(np.array([float(weights[name]) for name in names]))))]


def _shares(weights: np.ndarray) -> np.ndarray:
    return weights / weights.sum()
