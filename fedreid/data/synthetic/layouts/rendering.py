"""Images of synthetic pedestrians as files of any kind: what a plan's views show. Rendered by `synthetic_cameras`."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from fedreid.data.synthetic.cameras import camera, photograph
from fedreid.data.synthetic.layouts.plan import View
from fedreid.data.synthetic.layouts.sizes import LayoutSize
from fedreid.data.synthetic.people import person
from fedreid.data.workers import in_parallel, usable_cores

Progress = Callable[[int, int], None]  # done, total

FEW = 500  # up to so many images are rendered in this process: others take two seconds to start
BATCH = 64  # images that a worker renders before it reports: about a third of a second
JPEG = (".jpg", ".jpeg")
# A photograph comes as a JPEG already. In other files it stays as it is; only what is cut out of it is coded again.
OPTIONS: dict[str, dict[str, int]] = {"JPEG": {"quality": 92}, "PNG": {"compress_level": 1}, "BMP": {}}


@dataclass(frozen=True)
class _Task:
    seed: int
    domain: int
    images: tuple[tuple[Path, View], ...]


def render(
    images: Sequence[tuple[Path, View]], size: LayoutSize, workers: int = 0, on_progress: Progress | None = None
) -> None:
    """Write image files, whose folders are there.

    Args:
        images: path, whose suffix says the kind of file (.jpg, .jpeg, .png or .bmp), and what it shows.
        size: for its seed and site.
        workers: processes; 0: one per core. A few images are rendered in this process.
        on_progress: told (done, total) images.
    """
    parts = [tuple(images[first : first + BATCH]) for first in range(0, len(images), BATCH)]
    tasks = [_Task(size.seed, size.domain, part) for part in parts]
    done = 0
    for rendered in in_parallel(_render_some, tasks, 1 if len(images) <= FEW else workers or usable_cores()):
        done += rendered
        if on_progress:
            on_progress(done, len(images))


def image_file(seed: int, domain: int, view: View, suffix: str) -> bytes:
    """What a file of a site's image holds: the same as the source `synthetic` would, where that is a JPEG, uncut."""
    someone = person(np.random.default_rng([7107, seed, domain, view.looks]), seed, domain)
    rng = np.random.default_rng([7108, seed, domain, view.looks, view.camera, view.frame])
    taken = photograph(someone, camera(seed, domain, view.camera), rng, (seed, domain))
    if suffix in JPEG and view.box is None:
        return taken
    kind = "JPEG" if suffix in JPEG else suffix[1:].upper()
    file = io.BytesIO()
    with Image.open(io.BytesIO(taken)) as image:
        (image.crop(view.box) if view.box else image).save(file, kind, **OPTIONS[kind])
    return file.getvalue()


def _render_some(task: _Task) -> int:
    """Runs in a worker; returns the number of images."""
    for path, view in task.images:
        path.write_bytes(image_file(task.seed, task.domain, view, path.suffix.lower()))
    return len(task.images)
