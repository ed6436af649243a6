"""Plans of the tests of face recognition. Nobody here has a face: images are the upper half of pedestrians, square.

They prove that a test runs, and that who is told apart by other images is told apart by these; no figure on them says
anything about faces.
"""

from __future__ import annotations

import itertools
from pathlib import Path

from fedreid.data.formats.ijb import RELEASES, Release
from fedreid.data.synthetic.layouts import Put, Shot
from fedreid.data.synthetic.layouts.ijb import write_ijb
from fedreid.data.synthetic.layouts.lfw import Fold, list_text, write_people
from fedreid.data.synthetic.layouts.plan import Box, Plan, View
from fedreid.data.synthetic.layouts.sizes import LayoutSize

UPPER_HALF: Box = (0, 0, 64, 64)
CAMERAS = 4  # that took the images; neither format says so
FOLDS = 10
OTHERS = 20  # impostors that each person is compared with
# Where an aligned face has eyes, nose and corners of the mouth, in shares of the side: aligning changes little.
LANDMARKS = ((0.34, 0.46), (0.66, 0.46), (0.50, 0.64), (0.37, 0.82), (0.63, 0.82))


def lfw(root: Path, size: LayoutSize, put: Put) -> None:
    """Folds don't share people. In each, everybody's images are paired with their next, and with the next person's."""
    names = [f"Person_{number:04d}" for number in range(1, size.people + 1)]
    images = size.images_per_camera
    write_people(root / "lfw", dict.fromkeys(names, images), put)
    folds = min(FOLDS, len(names) // 2)
    each = len(names) // folds  # whoever is left over is in no pair, as many are in LFW
    parts = [names[fold * each : (fold + 1) * each] for fold in range(folds)]
    text = list_text([_fold(people, images) for people in parts])
    root.mkdir(parents=True, exist_ok=True)
    (root / "pairs.txt").write_text(text, encoding="utf-8")


def _fold(people: list[str], images: int) -> Fold:
    ring = [*people[1:], people[0]]
    numbers = list(itertools.pairwise(range(1, images + 1)))
    genuine = [(who, one, other) for who in people for one, other in numbers]
    impostors = [(who, one, other, two) for who, other in zip(people, ring, strict=True) for one, two in numbers]
    return genuine, impostors


def ijb(release: Release) -> Plan:
    """Of IJB-C or IJB-B: a template of everybody in a gallery and one among the probes, two images of a video each."""

    def write(root: Path, size: LayoutSize, put: Put) -> None:
        people, images = range(size.people), size.images_per_camera
        pictures = [
            (template, 1 + place // 2)  # 1 and 2 are the first person's templates, 3 and 4 the second's, ...
            for place, template in enumerate(1 + number // images for number in range(2 * size.people * images))
        ]
        pairs = [(2 * who + 1, 2 * who + 2, 1) for who in people]
        pairs += [
            (2 * who + 1, 2 * ((who + step) % size.people) + 2, 0)
            for who in people
            for step in range(1, min(OTHERS, size.people - 1) + 1)
        ]
        first, second = ({2 * who + 1: 1 + who for who in people if who % 2 == part} for part in (0, 1))
        galleries = dict(zip(release.galleries, (first, second), strict=True))
        probes = {2 * who + 2: 1 + who for who in people}
        put_in = root / release.prefix.upper()
        write_ijb(put_in, release.prefix, pictures, pairs, galleries, probes, put, points=_points)

    return Plan(write, view=_of_ijb)


def _points(number: int) -> str:
    """Line of an image's landmarks and of the detector's score."""
    side = UPPER_HALF[2]
    return " ".join([f"{number}.jpg", *(f"{share * side:.2f}" for point in LANDMARKS for share in point), "0.9"])


def _of_lfw(shot: Shot) -> View:
    return View(shot.identity + 1, 1 + shot.number % CAMERAS, shot.number, UPPER_HALF)


def _of_ijb(shot: Shot) -> View:
    """A person has two templates; the images of a video are of one camera."""
    return View((shot.identity + 1) // 2, 1 + shot.camera % CAMERAS, shot.number, UPPER_HALF)


PLANS = {
    "lfw": {"": Plan(lfw, images=(2, 999), view=_of_lfw)},
    "ijb": {"IJB-C": ijb(RELEASES["IJB-C"]), "IJB-B": ijb(RELEASES["IJB-B"])},
}
