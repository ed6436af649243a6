"""Plans of the video datasets. The frames of a tracklet are single photographs by one camera, not one walk."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fedreid.data.formats.prid import ON_BOTH
from fedreid.data.formats.prid_video import SHORTEST
from fedreid.data.synthetic.layouts import Put, Shot
from fedreid.data.synthetic.layouts.ilids_vid import LIST, write_halves, write_ilids_vid
from fedreid.data.synthetic.layouts.mars import FRAMES, Track, write_mars
from fedreid.data.synthetic.layouts.plan import Plan, View, cameras_of, nobody
from fedreid.data.synthetic.layouts.plans_of_stills import HALF, HALVES, of_prid
from fedreid.data.synthetic.layouts.prid import write_prid_video
from fedreid.data.synthetic.layouts.sizes import LayoutSize


def ilids_vid(root: Path, size: LayoutSize, put: Put) -> None:
    """A tracklet of everybody on each camera; halves are drawn anew each time."""
    rng = np.random.default_rng([HALF, size.seed, size.domain])
    write_ilids_vid(root / "i-LIDS-VID", dict.fromkeys(range(1, size.people + 1), (size.images_per_camera,) * 2), put)
    write_halves(root / LIST, [(1 + rng.permutation(size.people)).tolist() for _ in range(HALVES)])


def prid_video(root: Path, size: LayoutSize, put: Put) -> None:
    """At least as many frames as the protocol asks for; on each camera somebody else above 200."""
    frames = size.images_per_camera
    write_prid_video(root, dict.fromkeys([*range(1, size.people + 1), ON_BOTH + 1], (frames, frames)), put)


def mars(root: Path, size: LayoutSize, put: Put) -> None:
    """A tracklet of training people on each camera that sees them, and two of test people: the first is a query.

    As many distractors in the gallery as there are test people, and half as many tracklets of junk.
    """
    frames, seen = size.images_per_camera, cameras_of(size)
    train = [Track(who, camera, frames) for who in range(1, size.identities + 1) for camera in seen[who]]
    junk = [Track(-1, 1 + number % size.cameras, frames) for number in range(1 + size.test_identities // 2)]
    others = [Track(0, 1 + number % size.cameras, frames) for number in range(size.test_identities)]
    people = range(size.identities + 1, size.people + 1)
    twice = [Track(who, camera, frames) for who in people for camera in seen[who] for _ in range(2)]
    first = len(junk) + len(others) + 1  # rows count from 1
    write_mars(root, train, [*junk, *others, *twice], list(range(first, first + len(twice), 2)), put)


def of_mars(shot: Shot) -> View:
    """Nobody in particular is somebody else in each tracklet, not in each frame."""
    looks = shot.identity if shot.identity > 0 else nobody(shot.identity, shot.number // FRAMES)
    return View(looks, shot.camera, shot.number)


PLANS = {
    "ilids_vid": {"": Plan(ilids_vid, 999, (2, 2), needs=("scipy",))},
    "prid_video": {"": Plan(prid_video, ON_BOTH, (2, 2), (SHORTEST, 999), of_prid)},
    "mars": {"": Plan(mars, 9_999, (2, 9), (1, 99), of_mars, needs=("scipy",))},
}
