"""Synthetic pedestrians in the layout of any published dataset, and the synthetic twins of a scenario's datasets.

    CACHE/twins/viper-KEY/cam_a/000_0.bmp ...     KEY: hash of the size, of the layout and of the renderer

Everything around the images is the vendor's: folders, names, lists, MATLAB files (see `layouts`). The images are those
of `synthetic`. Nothing depends on the number of processes.
"""

from __future__ import annotations

import errno
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path

from fedreid.data.disk import draft_of, writing
from fedreid.data.synthetic import source as synthetic
from fedreid.data.synthetic.layouts import Shot, plan_of_cuhk03, plans_of_faces, plans_of_stills, plans_of_video
from fedreid.data.synthetic.layouts.matlab_files import library
from fedreid.data.synthetic.layouts.plan import Plan, View
from fedreid.data.synthetic.layouts.rendering import Progress, render
from fedreid.data.synthetic.layouts.sizes import LayoutSize
from fedreid.errors import RunError, UserError

__all__ = ["FORMATS", "LayoutSize", "twin_folder", "variants_of", "write_layout"]

VERSION = 1  # raise it when the same size gives other files than before
TWINS = "twins"
TWIN_VARIANTS = {"market1501": "distractors"}  # has all that the format's options may ask for
# The seed is nobody's choice for a source `synthetic`, whose people must not be a twin's.
TWIN = LayoutSize(identities=24, test_identities=12, cameras=4, images_per_camera=4, seed=7_112_000)

_PLANS: Mapping[str, Mapping[str, Plan]] = {
    **plans_of_stills.PLANS,
    **plan_of_cuhk03.PLANS,
    **plans_of_video.PLANS,
    **plans_of_faces.PLANS,
}
FORMATS = tuple(_PLANS)


def variants_of(format: str) -> tuple[str, ...]:
    """What a format can be written as, the usual one first: msmt17 as V1 or V2. ("",) where there is no choice.

    Raises:
        UserError: there is no such format.
    """
    if format not in _PLANS:
        raise UserError(f"{format}: synthetic people can't be written in such a format; expected {', '.join(FORMATS)}.")
    return tuple(_PLANS[format])


def write_layout(
    format: str,
    folder: Path,
    size: LayoutSize,
    *,
    variant: str = "",
    workers: int = 0,
    on_progress: Progress | None = None,
) -> int:
    """Write a synthetic dataset.

    Args:
        format: as in a scenario's source.
        folder: where to; made if it isn't there.
        size: how many people, cameras and images; site and seed.
        variant: one of `variants_of(format)`; empty: the usual one.
        workers: processes that render; 0: one per core.
        on_progress: told (done, total) images.

    Returns:
        how many images there are.

    Raises:
        UserError: there is no such format or variant, a library is missing that it needs, there are more people than
            it has numbers for, the folder isn't empty or can't be written.
        RunError: the disk is full.
    """
    plan = _plan(format, variant, folder)
    size = plan.fitted(format, size)
    try:
        _refuse_full(folder)
        folder.mkdir(parents=True, exist_ok=True)
        return _write(plan, folder, size, workers, on_progress)
    except OSError as error:
        kind = RunError if error.errno in (errno.ENOSPC, errno.EDQUOT) else UserError
        raise kind(
            f"{folder}: can't write a synthetic dataset: {error.strerror or error}.\n"
            "  Make room or give permission there, or take another folder."
        ) from error


def twin_folder(
    name: str, format: str, position: int, cache: Path, *, variant: str = "", on_progress: Progress | None = None
) -> Path:
    """The folder of the synthetic twin of a published dataset, written first where that was never done.

    Its people are not those of a twin at another position. Safe to call in two runs at once.

    Args:
        name: the source's name in the scenario.
        format: of the source.
        position: the source's place in the scenario, from 0.
        cache: folder of all caches.
        variant: as `write_layout`; empty: one that has what most options of the format ask for.
        on_progress: told (done, total) images while they are rendered.

    Raises:
        UserError: there is no such format or variant, a library is missing that it needs, or the cache folder can't be
            written.
        RunError: the disk is full.
    """
    variant = variant or TWIN_VARIANTS.get(format, "")
    plan = _plan(format, variant, cache / TWINS)
    size = plan.fitted(format, replace(TWIN, domain=position))
    settings = {"renderer": synthetic.VERSION, "layouts": VERSION, "format": format, "variant": variant}
    key = hashlib.sha256(json.dumps({**settings, **asdict(size)}, sort_keys=True).encode()).hexdigest()[:16]
    folder = cache / TWINS / f"{format}-{key}"
    if not folder.is_dir():
        with writing(cache, f"the synthetic twin of {name}"), draft_of(folder) as draft:
            _write(plan, draft, size, 0, on_progress)
    return folder


def _plan(format: str, variant: str, folder: Path) -> Plan:
    variants = variants_of(format)
    if (variant or variants[0]) not in variants:
        known = ", ".join(repr(known) for known in variants if known) or "none"
        raise UserError(f"{format}: has no variant {variant!r}; expected one of: {known}.")
    plan = _PLANS[format][variant or variants[0]]
    for package in plan.needs:
        library(package, package, folder)  # before an image is rendered
    return plan


def _refuse_full(folder: Path) -> None:
    if folder.is_dir() and any(folder.iterdir()):
        raise UserError(f"{folder}: is not empty.\n  Take a new folder, or empty this one.")


def _write(plan: Plan, folder: Path, size: LayoutSize, workers: int, on_progress: Progress | None) -> int:
    """Let the plan say which images there are, then render them all."""
    images: list[tuple[Path, View]] = []

    def put(path: Path, shot: Shot) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        images.append((path, plan.view(shot)))

    plan.write(folder, size, put)
    render(images, size, workers, on_progress)
    if plan.finish:
        plan.finish(folder, size)
    return len(images)
