"""The cameras of a synthetic site, and what each makes of a person: place, light, colour, sharpness and framing."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from fedreid.data.synthetic.body import Pose
from fedreid.data.synthetic.figure import Figure
from fedreid.data.synthetic.people import Person, habits, person
from fedreid.data.synthetic.scenes import HEIGHT as SCENE_HEIGHT
from fedreid.data.synthetic.scenes import WIDTH as SCENE_WIDTH
from fedreid.data.synthetic.scenes import scene, surroundings

WIDTH, HEIGHT = 64, 128  # pixels of an image, as in Market-1501
FINER = 2  # people are drawn at twice the size, then reduced: soft edges


@dataclass(frozen=True, eq=False)
class Camera:
    """What is the same in all images of one camera."""

    scene: np.ndarray  # what it looks at, float32 (height, width, 3)
    turns: tuple[float, ...]  # directions that people come from, radians
    gains: np.ndarray  # (3,) white balance times exposure
    gamma: float
    contrast: float
    saturation: float
    haze: float  # share of grey mist
    sun: float  # -1 light from the left to 1 from the right
    sharpness: float  # share of the resolution that is left, 0 to 1
    blur: float  # pixels
    noise: float  # standard deviation, of 255
    quality: int  # of JPEG
    tilt: float  # how high it hangs, see Figure
    looseness: float  # how far its person detector misses the box


@lru_cache(maxsize=128)
def camera(seed: int, domain: int, number: int) -> Camera:
    """Camera `number` of a site. Its site decides the weather and the quality of the equipment."""
    site = np.random.default_rng([7103, domain])
    warmth = habits(domain).warmth
    quality, daylight, mist = site.uniform(0, 1), site.uniform(0.85, 1.1), site.uniform(0, 0.1)
    tint = site.normal(0, 0.05) + (0.06 if domain % 2 == 0 else -0.08)  # evening sun, or lamps and snow
    place = surroundings(site)
    rng = np.random.default_rng([7104, seed, domain, number])
    red_blue, green = tint + rng.normal(0, 0.025), rng.normal(0, 0.012)
    exposure = daylight * rng.uniform(0.92, 1.1)
    main = rng.uniform(0, 2 * math.pi)
    return Camera(
        scene=scene(rng, seed, domain, place),
        turns=(main, main + math.pi, main + rng.uniform(-1.2, 1.2)),
        gains=(exposure * np.array([1 + red_blue, 1 + green, 1 - red_blue])).astype(np.float32),
        gamma=float(rng.uniform(0.92, 1.08)),
        contrast=float(rng.uniform(0.92, 1.1)),
        saturation=float(rng.uniform(0.85, 1.1) * (0.75 + 0.3 * warmth)),
        haze=float(mist + rng.uniform(0, 0.03)),
        sun=float(rng.uniform(-1, 1)),
        sharpness=float(np.clip(0.55 + 0.3 * quality + rng.uniform(-0.15, 0.25), 0.4, 1.0)),
        blur=float(max(0.0, rng.uniform(-0.3, 0.7) * (1.2 - 0.5 * quality))),
        noise=float(rng.uniform(1, 4) * (1.4 - 0.8 * quality)),
        quality=int(rng.integers(60, 92)),
        tilt=float(rng.uniform(0.0, 0.22)),
        looseness=float(rng.uniform(0.4, 1.0)),
    )


def photograph(someone: Person, eye: Camera, rng: np.random.Generator, others: tuple[int, int]) -> bytes:
    """One image of a person: a JPEG file of HEIGHT x WIDTH pixels.

    Args:
        someone: who.
        eye: the camera.
        rng: of this image: pose, framing, occlusion, noise.
        others: seed and domain of the site, for people who walk into the picture.
    """
    behind = _background(eye, rng)
    body = _lit(_person(someone, eye, rng), eye, rng)
    pixels = _over(body, behind)
    hidden = rng.random()
    if hidden < 0.08:
        pixels = _over(_lit(_person_in_front(rng, others, eye), eye, rng), pixels)
    elif hidden < 0.22:
        _obstacle(pixels, rng)
    return _jpeg(_seen(pixels, eye, rng), eye)


def _person(someone: Person, eye: Camera, rng: np.random.Generator) -> np.ndarray:
    """float32 (HEIGHT, WIDTH, 4): colours and opacity."""
    turn = eye.turns[rng.choice(len(eye.turns), p=(0.5, 0.35, 0.15))] + rng.normal(0, 0.35)
    standing = rng.random() < 0.15
    pose = Pose(turn, rng.uniform(0, 2 * math.pi), 0.1 if standing else rng.uniform(0.6, 1.1), rng.uniform(0, 0.7))
    share = np.clip(rng.normal(0.93, 0.04 * eye.looseness), 0.76, 1.05) * (0.5 + 0.5 * someone.height)
    top = rng.normal(0.035, 0.018 * eye.looseness)
    if rng.random() < 0.1 * eye.looseness:  # the box ends at the knees
        share *= rng.uniform(1.12, 1.4)
    return _figure(
        someone, pose, centre=0.5 + rng.normal(0, 0.055 * eye.looseness), top=top, height=share, tilt=eye.tilt
    )


def _person_in_front(rng: np.random.Generator, others: tuple[int, int], eye: Camera) -> np.ndarray:
    centre = 0.5 + rng.choice([-1, 1]) * rng.uniform(0.38, 0.55)
    pose = Pose(rng.uniform(0, 2 * math.pi), rng.uniform(0, 6), 1.0, 0.3)
    return _figure(person(rng, *others), pose, centre=centre, top=rng.uniform(0.0, 0.2), height=0.95, tilt=eye.tilt)


def _figure(someone: Person, pose: Pose, *, centre: float, top: float, height: float, tilt: float) -> np.ndarray:
    """Centre in shares of the width; top and height in shares of the height."""
    wide, tall = WIDTH * FINER, HEIGHT * FINER
    figure = Figure(someone, pose, (wide, tall), centre=centre * wide, top=top * tall, height=height * tall, tilt=tilt)
    return np.asarray(figure.draw().reduce(FINER), np.float32)


def _background(eye: Camera, rng: np.random.Generator) -> np.ndarray:
    """The part of the scene around a person who stands somewhere in it."""
    zoom = rng.uniform(0.85, 1.3)
    wide, tall = int(WIDTH * zoom), int(HEIGHT * zoom)
    left, top = rng.integers(0, SCENE_WIDTH - wide), rng.integers(0, SCENE_HEIGHT - tall)
    part = eye.scene[top : top + tall, left : left + wide]
    rows, columns = np.linspace(0, tall - 1, HEIGHT).astype(np.intp), np.linspace(0, wide - 1, WIDTH).astype(np.intp)
    return part[rows[:, None], columns]


def _lit(body: np.ndarray, eye: Camera, rng: np.random.Generator) -> np.ndarray:
    """Light from one side, and folds in the cloth."""
    across = np.linspace(-1, 1, WIDTH, dtype=np.float32)[None, :, None]
    down = np.linspace(0.06, -0.08, HEIGHT, dtype=np.float32)[:, None, None]
    folds = Image.fromarray(rng.integers(0, 255, (22, 9), dtype=np.uint8)).resize(
        (WIDTH, HEIGHT), Image.Resampling.BILINEAR
    )
    cloth = (np.asarray(folds, np.float32)[..., None] / 255 - 0.5) * 0.2
    body[..., :3] *= 1 + 0.2 * eye.sun * across + down + cloth
    return body


def _over(front: np.ndarray, behind: np.ndarray) -> np.ndarray:
    opacity = front[..., 3:] / 255
    return front[..., :3] * opacity + behind * (1 - opacity)


def _obstacle(pixels: np.ndarray, rng: np.random.Generator) -> None:
    """A pole, a counter or a bicycle in front of the person; changes `pixels`."""
    kind, grey = rng.integers(3), rng.uniform(30, 190) + rng.normal(0, 12, 3)
    if kind == 0:
        left = int(rng.uniform(0.1, 0.85) * WIDTH)
        pixels[:, left : left + int(rng.integers(3, 8))] = grey
    elif kind == 1:
        pixels[int(rng.uniform(0.66, 0.88) * HEIGHT) :] = grey
    else:
        layer = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
        draw = ImageDraw.Draw(layer)
        x, radius = rng.uniform(-0.2, 0.8) * WIDTH, rng.uniform(14, 19)
        for wheel in (0.0, 2.4 * radius):
            box = (x + wheel - radius, HEIGHT - 2 * radius, x + wheel + radius, HEIGHT)
            draw.ellipse(box, outline=(34, 34, 36), width=3)
        draw.line(
            (x, HEIGHT - radius, x + radius, HEIGHT - 2.3 * radius, x + 2.4 * radius, HEIGHT - radius),
            fill=(120, 40, 40),
            width=3,
        )
        pixels[:] = np.asarray(layer)


def _seen(pixels: np.ndarray, eye: Camera, rng: np.random.Generator) -> np.ndarray:
    """uint8 (HEIGHT, WIDTH, 3): what lens, sensor and electronics make of the light."""
    flicker = rng.normal(1, 0.04)
    light = np.clip(pixels * (eye.gains * flicker), 0, 255) / 255
    light = light**eye.gamma
    grey = light.mean(axis=2, keepdims=True)
    light = grey + eye.saturation * (light - grey)
    light = 0.5 + eye.contrast * (light - 0.5)
    light = light * (1 - eye.haze) + 0.72 * eye.haze
    values = np.clip(light * 255, 0, 255).astype(np.uint8)
    image = _softened(Image.fromarray(values), eye, rng)
    noise = rng.standard_normal((HEIGHT, WIDTH, 1), dtype=np.float32) * eye.noise
    return np.clip(np.asarray(image, np.float32) + noise, 0, 255).astype(np.uint8)


def _softened(image: Image.Image, eye: Camera, rng: np.random.Generator) -> Image.Image:
    distance = eye.sharpness * rng.uniform(0.75, 1.1)
    if distance < 0.95:
        small = image.resize(
            (max(16, int(WIDTH * distance)), max(32, int(HEIGHT * distance))), Image.Resampling.BILINEAR
        )
        image = small.resize((WIDTH, HEIGHT), Image.Resampling.BILINEAR)
    return image.filter(ImageFilter.GaussianBlur(eye.blur)) if eye.blur > 0.2 else image


def _jpeg(pixels: np.ndarray, eye: Camera) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=eye.quality)
    return file.getvalue()
