"""What to say of a folder in which no layout is recognised: it is too deep, too high, incomplete, or something else."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

from fedreid.data.checking.catalogue import entry
from fedreid.data.checking.layout import FOLDER, Layout, folders_in, is_folder_of_people
from fedreid.data.checking.layouts import layouts_in
from fedreid.data.checking.texts import shown
from fedreid.data.tables import is_image_name

DEEPEST, MOST = 3, 300  # how far below, and in how many folders, a layout is looked for
DISTINCT = {
    "bounding_box_train": "market1501", "bounding_box_test": "market1501", "cam_a": "viper", "cam_b": "viper",
    "bbox_train": "mars", "bbox_test": "mars", "mask_train_v2": "msmt17", "mask_test_v2": "msmt17", "probe": "grid",
    "loose_crop": "ijb", "sequences": "ilids_vid", "multi_shot": "prid_video", "P1": "cuhk02", "P5": "cuhk02",
}  # fmt: skip


def what_is_around(path: Path) -> str:
    """What to say of a folder inside a dataset; nothing, if it isn't inside one."""
    here = path.absolute()
    for parent in itertools.islice(here.parents, 2):
        inside = here.relative_to(parent).as_posix()
        for layout in layouts_in(parent):
            if not layout.inside.startswith(inside) and _belongs(inside, layout):
                return (
                    f"{shown(path)}: is inside {entry(layout.format).title}, one folder too deep or more.\n"
                    f"  It fits as {layout.format} from here: {shown(parent)}\n"
                    f"  To read it as a folder per identity all the same: --format {FOLDER}."
                )
    return ""


def _belongs(inside: str, layout: Layout) -> bool:
    """Whether a folder is one of a layout's parts, not merely beside them."""
    parts = [part.rstrip("/") for need, _ in entry(layout.format).needs for part in need.split(", ")]
    return any(f"{part}/".startswith(f"{inside}/") or inside.startswith(f"{part}/") for part in parts)


def is_vendors_part(path: Path, name: str) -> bool:
    """Whether a folder's name is a vendor's own, so that an incomplete copy isn't taken for a folder of people."""
    return name in DISTINCT and (path / name).is_dir()


def what_is_there(path: Path) -> str:
    """What to say of a folder in which no layout was recognised."""
    part = next((part for part in sorted(DISTINCT) if is_vendors_part(path, part)), None)
    if part is not None:
        needs = "\n".join(f"    {need}: {what}" for need, what in entry(DISTINCT[part]).needs)
        return (
            f"{shown(path)}: has {part}, as {entry(DISTINCT[part]).title} has, but not the rest of a known layout.\n"
            f"  It needs:\n{needs}"
        )
    inner = [folder for folder in folders_in(path) if is_folder_of_people(folder)]
    if len(inner) > 1 and not any(layouts_in(folder) for folder in inner[:5]):
        example = next(itertools.islice(folders_in(inner[0]), 1))
        return (
            f"{shown(path)}: images lie two folders deep ({shown(inner[0].name)}/{shown(example.name)}/...), where one "
            f"is expected.\n  If {shown(inner[0].name)} is a person, move the images up, with the camera in their "
            f"names: {shown(inner[0].name)}/{shown(example.name)}_0001.jpg.\n"
            f"  If it is a set of people, check it by itself: {shown(inner[0])}"
        )
    if below := _below(path):
        lines = [f"  {name:<10} {shown(folder)}" for name, folder in below]
        return "\n".join([f"{shown(path)}: no layout is recognised in this folder, but it fits further down:", *lines])
    return f"{shown(path)}: no layout is recognised. {_content(path)}\n  `fedreid data list` says what is known."


def _below(path: Path) -> list[tuple[str, Path]]:
    """Layouts in the folders below, nearest first."""
    level, looked = folders_in(path), 0
    for _ in range(DEEPEST):
        found = []
        for folder in itertools.islice(level, max(0, MOST - looked)):
            layouts = layouts_in(folder)
            found += [(layout.format, folder / layout.inside) for layout in layouts]
            if not layouts and is_folder_of_people(folder):
                found.append((FOLDER, folder))
        if found:
            return found
        looked += len(level)
        level = [inner for folder in level[:MOST] for inner in folders_in(folder)]
    return []


def _content(path: Path) -> str:
    names = sorted(os.listdir(path))  # noqa: PTH208
    images = [name for name in names if is_image_name(name)]
    if images:
        return (
            f"It holds {len(images):,} images such as {shown(images[0])}; one's own photographs need one folder per "
            "identity."
        )
    if not names:
        return "It is empty."
    return f"It holds {', '.join(shown(name) for name in names[:5])}{', ...' if len(names) > 5 else ''}."
