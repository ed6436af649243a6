"""What is behind people: one wide, still picture for each camera, of which every image shows a part."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from fedreid.data.synthetic.body import Pose
from fedreid.data.synthetic.figure import Figure, shade
from fedreid.data.synthetic.people import Colour, person

WIDTH, HEIGHT = 512, 224  # pixels; a person is about 110 tall in it
GROUNDS: tuple[Colour, ...] = (
    (148, 146, 142),
    (112, 112, 114),
    (172, 160, 142),
    (96, 118, 72),
    (132, 102, 84),
    (190, 188, 184),
)
WALLS: tuple[Colour, ...] = (
    (168, 158, 144),
    (120, 86, 72),
    (150, 160, 166),
    (202, 196, 182),
    (86, 92, 98),
    (128, 138, 118),
)
PAINTS: tuple[Colour, ...] = ((180, 40, 40), (40, 70, 140), (230, 230, 228), (34, 34, 38), (90, 92, 96), (196, 170, 60))
FOLIAGE: tuple[Colour, ...] = ((58, 88, 46), (84, 104, 56), (44, 70, 44), (110, 96, 52))


@dataclass(frozen=True)
class Surroundings:
    """What a site is built of: its cameras see different corners of one neighbourhood."""

    greenery: float  # 0 a city centre to 1 a park
    grounds: tuple[Colour, ...]
    walls: tuple[Colour, ...]


def surroundings(rng: np.random.Generator) -> Surroundings:
    """Those of a site."""
    greenery = rng.uniform(0.1, 0.9)
    ground = _pick(rng, GROUNDS)
    walls = tuple(_pick(rng, WALLS) for _ in range(2))
    return Surroundings(greenery, (ground, ground, shade(ground, rng.uniform(0.8, 1.15))), walls)


def scene(rng: np.random.Generator, seed: int, domain: int, place: Surroundings) -> np.ndarray:
    """A corner of a site, seen by a camera that doesn't move.

    Args:
        rng: of this camera.
        seed, domain: of the site, for the people in the distance.
        place: of the site.

    Returns:
        float32 (HEIGHT, WIDTH, 3), 0 to 255.
    """
    image = Image.new("RGB", (WIDTH, HEIGHT), shade(_pick(rng, FOLIAGE), 0.6))  # between leaves
    draw = ImageDraw.Draw(image)
    horizon = int(HEIGHT * rng.uniform(0.12, 0.4))
    _ground(draw, rng, horizon, place.grounds)
    _wall(draw, rng, horizon, place)
    for _ in range(int(rng.integers(3, 7))):
        things = (_car, _bicycle, _pole, _bench, _sign) if rng.random() > place.greenery else (_bush, _tree, _pole)
        things[rng.integers(len(things))](draw, rng, horizon)
    for _ in range(int(rng.integers(0, 4))):
        _passer_by(image, rng, seed, domain, horizon)
    return _weathered(image, rng)


def _ground(draw: ImageDraw.ImageDraw, rng: np.random.Generator, horizon: int, grounds: tuple[Colour, ...]) -> None:
    colour = _pick(rng, grounds)
    draw.rectangle((0, horizon, WIDTH, HEIGHT), fill=colour)
    kind = rng.integers(3)
    line = shade(colour, rng.uniform(0.82, 0.94))
    if kind == 0:  # slabs, smaller in the distance
        rows = [horizon + (HEIGHT - horizon) * (step / 9) ** 1.7 for step in range(1, 9)]
        for row in rows:
            draw.line((0, row, WIDTH, row), fill=line, width=1)
        for column in np.linspace(-WIDTH, 2 * WIDTH, 40):
            draw.line((WIDTH / 2 + (column - WIDTH / 2) * 0.4, horizon, column, HEIGHT), fill=line, width=1)
    elif kind == 1:  # a road with markings
        edge = horizon + (HEIGHT - horizon) * rng.uniform(0.2, 0.6)
        draw.rectangle((0, edge, WIDTH, edge + rng.uniform(30, 80)), fill=shade(colour, 0.72))
        for column in range(0, WIDTH, 60):
            draw.rectangle((column, edge + 18, column + 30, edge + 22), fill=(214, 212, 200))
    else:  # another paving, and a kerb
        edge = horizon + (HEIGHT - horizon) * rng.uniform(0.25, 0.75)
        draw.rectangle((0, edge, WIDTH, HEIGHT), fill=_pick(rng, grounds))
        draw.line((0, edge, WIDTH, edge), fill=shade(colour, 1.15), width=3)


def _wall(draw: ImageDraw.ImageDraw, rng: np.random.Generator, horizon: int, place: Surroundings) -> None:
    if rng.random() < place.greenery:
        for _ in range(60):
            _blob(draw, rng, rng.uniform(0, WIDTH), rng.uniform(-10, horizon), rng.uniform(10, 36), _pick(rng, FOLIAGE))
        return
    left = 0.0
    while left < WIDTH:
        right = left + rng.uniform(80, 220)
        colour = _pick(rng, place.walls)
        draw.rectangle((left, 0, right, horizon), fill=colour)
        pane = shade(colour, rng.uniform(0.35, 0.7)) if rng.random() < 0.7 else (168, 186, 198)
        step, wide = rng.uniform(22, 44), rng.uniform(8, 24)
        for column in np.arange(left + 8, right - wide, step):
            draw.rectangle((column, horizon * rng.uniform(0.1, 0.2), column + wide, horizon * 0.75), fill=pane)
        left = right


def _weathered(image: Image.Image, rng: np.random.Generator) -> np.ndarray:
    """Light and dark places, and grain, which paint has not."""
    low = Image.fromarray(rng.integers(108, 148, (7, 14), dtype=np.uint8)).resize(
        (WIDTH, HEIGHT), Image.Resampling.BICUBIC
    )
    grain = rng.normal(0, 5, (HEIGHT, WIDTH, 1)).astype(np.float32)
    return np.asarray(image, np.float32) * (np.asarray(low, np.float32)[..., None] / 128) + grain


def _place(rng: np.random.Generator, horizon: int) -> tuple[float, float, float]:
    """Left edge, ground level and size (1: near) of a thing."""
    near = rng.uniform(0.1, 1.0)
    return rng.uniform(-20, WIDTH - 20), horizon + near * (HEIGHT - horizon) * 0.8, 0.45 + 0.55 * near


def _car(draw: ImageDraw.ImageDraw, rng: np.random.Generator, horizon: int) -> None:
    x, y, size = _place(rng, horizon)
    colour, long, tall = _pick(rng, PAINTS), 130 * size, 32 * size
    draw.rounded_rectangle((x, y - tall, x + long, y), 6, fill=colour)
    draw.polygon([(x + 0.2 * long, y - tall), (x + 0.32 * long, y - 1.8 * tall), (x + 0.7 * long, y - 1.8 * tall),
                  (x + 0.84 * long, y - tall)], fill=shade(colour, 0.5))  # fmt: skip
    for share in (0.2, 0.8):
        _blob(draw, rng, x + share * long, y, 10 * size, (26, 26, 28))


def _bicycle(draw: ImageDraw.ImageDraw, rng: np.random.Generator, horizon: int) -> None:
    x, y, size = _place(rng, horizon)
    radius = 13 * size
    for wheel in (0, 30 * size):
        draw.ellipse((x + wheel, y - 2 * radius, x + wheel + 2 * radius, y), outline=(40, 40, 42), width=2)
    draw.line(
        (x + radius, y - radius, x + 2 * radius, y - 2.4 * radius, x + 3.3 * radius, y - radius),
        fill=_pick(rng, PAINTS),
        width=2,
    )


def _pole(draw: ImageDraw.ImageDraw, rng: np.random.Generator, horizon: int) -> None:
    x, y, size = _place(rng, horizon)
    draw.rectangle((x, 0, x + 7 * size, y), fill=shade((110, 110, 112), rng.uniform(0.4, 1.6)))


def _bench(draw: ImageDraw.ImageDraw, rng: np.random.Generator, horizon: int) -> None:
    x, y, size = _place(rng, horizon)
    for level in (10, 18, 30):
        draw.rectangle((x, y - level * size - 4, x + 80 * size, y - level * size), fill=(104, 76, 52))


def _sign(draw: ImageDraw.ImageDraw, rng: np.random.Generator, horizon: int) -> None:
    x, y, size = _place(rng, horizon)
    tall, colour = rng.uniform(40, 90) * size, _pick(rng, PAINTS)
    draw.rectangle((x, y - tall, x + 34 * size, y), fill=colour)
    draw.rectangle((x + 5 * size, y - 0.8 * tall, x + 29 * size, y - 0.5 * tall), fill=shade(colour, 1.5))


def _bush(draw: ImageDraw.ImageDraw, rng: np.random.Generator, horizon: int) -> None:
    x, y, size = _place(rng, horizon)
    for _ in range(8):
        _blob(
            draw,
            rng,
            x + rng.uniform(0, 50) * size,
            y - rng.uniform(4, 22) * size,
            rng.uniform(8, 16) * size,
            _pick(rng, FOLIAGE),
        )


def _tree(draw: ImageDraw.ImageDraw, rng: np.random.Generator, horizon: int) -> None:
    x, y, size = _place(rng, horizon)
    draw.rectangle((x, 0, x + 14 * size, y), fill=(82, 66, 52))
    for _ in range(6):
        _blob(
            draw,
            rng,
            x + rng.uniform(-40, 50) * size,
            rng.uniform(0, 60) * size,
            rng.uniform(14, 30) * size,
            _pick(rng, FOLIAGE),
        )


def _blob(
    draw: ImageDraw.ImageDraw, rng: np.random.Generator, x: float, y: float, radius: float, colour: Colour
) -> None:
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=shade(colour, rng.uniform(0.75, 1.2)))


def _passer_by(image: Image.Image, rng: np.random.Generator, seed: int, domain: int, horizon: int) -> None:
    x, y, size = _place(rng, horizon)
    pose = Pose(turn=rng.uniform(0, 2 * math.pi), phase=rng.uniform(0, 6), swing=1.0, elbow=0.3)
    height = 90 * size
    someone = person(rng, seed, domain)
    figure = Figure(someone, pose, image.size, centre=x + 20, top=y - height, height=height, tilt=0.1).draw()
    image.paste(figure, (0, 0), figure)


def _pick(rng: np.random.Generator, colours: tuple[Colour, ...]) -> Colour:
    return shade(colours[rng.integers(len(colours))], rng.uniform(0.9, 1.08))
