"""Plans of the datasets of single images, but CUHK03's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from fedreid.data.formats.prid import ON_BOTH
from fedreid.data.synthetic.layouts import Put, Shot
from fedreid.data.synthetic.layouts.cuhk01 import write_cuhk01
from fedreid.data.synthetic.layouts.cuhk02 import write_cuhk02
from fedreid.data.synthetic.layouts.folder import write_folder
from fedreid.data.synthetic.layouts.grid import write_grid
from fedreid.data.synthetic.layouts.ilids import write_ilids
from fedreid.data.synthetic.layouts.msmt17 import TEST, write_msmt17
from fedreid.data.synthetic.layouts.pes3d import write_3dpes
from fedreid.data.synthetic.layouts.plan import Plan, View, as_numbered, cameras_of, from_zero, shots_of
from fedreid.data.synthetic.layouts.prid import write_prid
from fedreid.data.synthetic.layouts.sizes import LayoutSize
from fedreid.data.synthetic.layouts.three_folders import duke_name, market_name, write_three_folders
from fedreid.data.synthetic.layouts.viper import write_viper

HALVES = 10  # that a vendor ships
HALF = 7110  # first word of the seed of those halves
FURTHER = 10_000  # number of the first of Market-1501's further distractors


def market1501(root: Path, size: LayoutSize, put: Put) -> None:
    """People, a distractor for each test person, and half as many junk images."""
    junk = [Shot(-1, 1 + number % size.cameras, number, "gallery") for number in range(1 + size.test_identities // 2)]
    write_three_folders(root, [*shots_of(size, distractors=True), *junk], market_name, put)


def with_distractors(root: Path, size: LayoutSize, put: Put) -> None:
    """The same with a folder of further distractors, two for each test person."""
    market1501(root, size, put)
    for number in range(FURTHER, FURTHER + 2 * size.test_identities):
        shot = Shot(0, 1 + number % size.cameras, number, "gallery")
        put(root / "images" / market_name(shot), shot)


def dukemtmc(root: Path, size: LayoutSize, put: Put) -> None:
    """As many people in the gallery who pass one camera only as there are test people: they have numbers, too."""
    shots = [
        shot if shot.identity else replace(shot, identity=size.people + 1 + shot.number)
        for shot in shots_of(size, distractors=True)
    ]
    write_three_folders(root, shots, duke_name, put)


def msmt17(version: str) -> Plan:
    """Of V1 or V2. With two images on a camera or more, the last one on a person's last camera is for validation."""

    def write(root: Path, size: LayoutSize, put: Put) -> None:
        last = {person: (seen[-1], size.images_per_camera - 1) for person, seen in cameras_of(size).items()}
        shots = []
        for shot in shots_of(size):
            is_test = shot.use in TEST
            is_last = size.images_per_camera > 1 and (shot.camera, shot.number) == last[shot.identity]
            use = "val" if is_last and not is_test else shot.use
            first = 1 + size.identities * is_test
            shots.append(replace(shot, identity=shot.identity - first, use=use))
        write_msmt17(root, shots, version, put)

    return Plan(write, view=_of_msmt17)


def _of_msmt17(shot: Shot) -> View:
    """Training and test people both count from 0."""
    return View(shot.identity + (10_001 if shot.use in TEST else 1), shot.camera, shot.number)


def grid(root: Path, size: LayoutSize, put: Put) -> None:
    """Halves are drawn anew each time; as many others in the gallery as there are test people."""
    rng = np.random.default_rng([HALF, size.seed, size.domain])
    halves = [sorted(1 + rng.permutation(size.people)[: size.people // 2]) for _ in range(HALVES)]
    write_grid(root, range(1, size.people + 1), size.test_identities, halves, put)


def ilids(root: Path, size: LayoutSize, put: Put) -> None:
    """An image on each camera that sees somebody."""
    write_ilids(root, {person: len(seen) for person, seen in cameras_of(size).items()}, put)


def prid(root: Path, size: LayoutSize, put: Put) -> None:
    """On each camera, as many others as there are test people."""
    everybody = [*range(1, size.people + 1), *range(ON_BOTH + 1, ON_BOTH + 1 + size.test_identities)]
    write_prid(root, everybody, everybody, put)


def of_prid(shot: Shot) -> View:
    """Above 200, a number means somebody else on each camera."""
    seen = as_numbered(shot)
    return seen if shot.identity <= ON_BOTH else seen._replace(looks=1_000 * shot.camera + shot.identity)


def cuhk02(root: Path, size: LayoutSize, put: Put) -> None:
    """Training people are spread over the first four pairs of cameras; the test people are the fifth's."""
    each, more = divmod(size.identities, 4)
    write_cuhk02(root, [each + (pair < more) for pair in range(4)] + [size.test_identities], put)


def pes3d(root: Path, size: LayoutSize, put: Put) -> None:
    """All images of a view are of one camera."""
    seen = cameras_of(size)
    write_3dpes(root, {(who, view): size.images_per_camera for who in seen for view in seen[who]}, put)


def folder(root: Path, size: LayoutSize, put: Put) -> None:
    """Nobody is set aside for the test: the reader does that."""
    everybody = replace(size, identities=size.people, test_identities=1)
    write_folder(root, [shot for shot in shots_of(everybody) if shot.use == "train"], put)


def viper(root: Path, size: LayoutSize, put: Put) -> None:
    """Numbers without gaps."""
    write_viper(root, range(size.people), put)


def cuhk01(root: Path, size: LayoutSize, put: Put) -> None:
    """Four images of everybody."""
    write_cuhk01(root, range(1, size.people + 1), put)


PLANS = {
    "market1501": {"": Plan(market1501), "distractors": Plan(with_distractors)},
    "dukemtmc": {"": Plan(dukemtmc)},
    "msmt17": {"V1": msmt17("V1"), "V2": msmt17("V2")},
    "viper": {"": Plan(viper, 1_000, (2, 2), (1, 1), from_zero)},
    "grid": {"": Plan(grid, cameras=(8, 8), images=(1, 1), needs=("scipy",))},
    "ilids": {"": Plan(ilids, 999, (2, 8), (1, 1))},
    "prid": {"": Plan(prid, ON_BOTH, (2, 2), (1, 1), of_prid)},
    "cuhk01": {"": Plan(cuhk01, 971, (2, 2), (2, 2))},
    "cuhk02": {"": Plan(cuhk02, cameras=(10, 10), images=(2, 2))},
    "3dpes": {"": Plan(pes3d, 999, (2, 8))},
    "folder": {"": Plan(folder)},
}
