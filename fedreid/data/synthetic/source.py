"""Synthetic pedestrians: a dataset that needs no download, rendered from a seed into Market-1501's layout.

    CACHE/synthetic/KEY/bounding_box_train/0002_c1s1_000451_03.jpg     KEY: hash of the settings and of the renderer

Nothing depends on the number of processes, or on which images were rendered before. People come from
`synthetic_people`, are drawn by `synthetic_figure` in front of `synthetic_scenes`, and seen by `synthetic_cameras`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from fedreid.data.disk import draft_of, writing
from fedreid.data.formats.market1501 import FOLDERS, read_market1501
from fedreid.data.synthetic.cameras import camera, photograph
from fedreid.data.synthetic.people import person
from fedreid.data.tables import ImageTable
from fedreid.data.workers import in_parallel, usable_cores
from fedreid.scenario.source_schema import SyntheticSource

VERSION = 1  # raise it when the same settings give other images than before
FOLDER = "synthetic"
BATCH = 8  # people that a worker renders before it reports: about half a second
SMALL = 200  # up to so many images are rendered in this process
DISTRACTOR, FIRST_DISTRACTOR = 0, 1_000_000  # their identity in file names; what their looks are drawn from


@dataclass(frozen=True)
class Shot:
    """One image to render."""

    folder: str
    identity: int
    looks: int  # who: the identity, or a number of its own for each distractor
    camera: int  # from 1
    frame: int


def read_synthetic(name: str, source: SyntheticSource, cache: Path, *, workers: int = 0) -> ImageTable:
    """The table of a synthetic dataset, rendered first where that was never done. Safe to call in two runs at once.

    Args:
        name: the source's name in the scenario.
        source: how many people, cameras and images; site and seed.
        cache: folder of all caches.
        workers: processes that render; 0: one per core.

    Raises:
        UserError: the cache folder can't be written.
    """
    folder = cache / FOLDER / _key(source)
    if not folder.is_dir():
        with writing(cache, f"the synthetic pedestrians of {name}"), draft_of(folder) as draft:
            _render(source, draft, workers)
    table = read_market1501(name, folder, verify_counts=False)
    return replace(table, notes=(f"synthetic pedestrians of site {source.domain}: nobody real",))


def shots(source: SyntheticSource) -> list[Shot]:
    """Every image of a dataset: training people, test people (one query on each camera), distractors."""
    people = range(1, source.identities + source.test_identities + 1)
    plan = [shot for identity in people for shot in _shots_of(source, identity)]
    rng = np.random.default_rng([7105, source.seed, source.domain])
    for number in range(source.test_identities):
        eye = int(rng.integers(source.cameras)) + 1
        plan.append(Shot(FOLDERS["gallery"], DISTRACTOR, FIRST_DISTRACTOR + number, eye, number))
    return plan


def _shots_of(source: SyntheticSource, identity: int) -> Iterator[Shot]:
    is_test = identity > source.identities
    for eye in _seen_by(source, identity):
        images = max(2, source.images_per_camera) if is_test else source.images_per_camera  # a query and a match
        for number in range(images):
            split = "train" if not is_test else "query" if number == 0 else "gallery"
            yield Shot(FOLDERS[split], identity, identity, eye, number)


def _seen_by(source: SyntheticSource, identity: int) -> list[int]:
    """Cameras that somebody passes: at least two, where there are two, and at least half of them."""
    rng = np.random.default_rng([7106, source.seed, source.domain, identity])
    least = min(source.cameras, max(2, (source.cameras + 1) // 2))
    count = int(rng.integers(least, source.cameras + 1))
    return sorted(int(number) + 1 for number in rng.permutation(source.cameras)[:count])


@dataclass(frozen=True)
class _Task:
    seed: int
    domain: int
    folder: str
    shots: tuple[Shot, ...]


def _render(source: SyntheticSource, draft: Path, workers: int) -> None:
    for folder in FOLDERS.values():
        (draft / folder).mkdir()
    plan = shots(source)
    step = BATCH * source.cameras * source.images_per_camera
    tasks = [
        _Task(source.seed, source.domain, str(draft), tuple(plan[first : first + step]))
        for first in range(0, len(plan), step)
    ]
    for _ in in_parallel(_render_some, tasks, 1 if len(plan) <= SMALL else workers or usable_cores()):
        pass
    (draft / "settings.json").write_text(json.dumps(_settings(source), indent=1) + "\n", encoding="utf-8")


def _render_some(task: _Task) -> int:
    """Runs in a worker; returns the number of images."""
    for shot in task.shots:
        someone = person(np.random.default_rng([7107, task.seed, task.domain, shot.looks]), task.seed, task.domain)
        eye = camera(task.seed, task.domain, shot.camera)
        rng = np.random.default_rng([7108, task.seed, task.domain, shot.looks, shot.camera, shot.frame])
        image = photograph(someone, eye, rng, (task.seed, task.domain))
        file = f"{shot.identity:04d}_c{shot.camera}s1_{shot.frame * 25 + 1:06d}_00.jpg"
        (Path(task.folder) / shot.folder / file).write_bytes(image)
    return len(task.shots)


def _settings(source: SyntheticSource) -> dict[str, object]:
    return {"renderer": VERSION, **source.model_dump()}


def _key(source: SyntheticSource) -> str:
    return hashlib.sha256(json.dumps(_settings(source), sort_keys=True).encode()).hexdigest()[:16]
