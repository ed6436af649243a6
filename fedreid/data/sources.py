"""From a scenario's source to its table of images."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from fedreid.data.cache import FOLDER
from fedreid.data.faces.face_images import pair_images, template_images
from fedreid.data.formats import cuhk01, cuhk03, grid, ilids, ilids_vid, pes3d, prid, prid_video, viper
from fedreid.data.formats.cuhk02 import read_cuhk02
from fedreid.data.formats.duke import read_duke
from fedreid.data.formats.folder import read_folder
from fedreid.data.formats.ijb import read_templates
from fedreid.data.formats.lfw import LIST, read_pairs
from fedreid.data.formats.market1501 import read_market1501
from fedreid.data.formats.market1501_distractors import with_distractors
from fedreid.data.formats.mars import read_mars
from fedreid.data.formats.msmt17 import read_msmt17
from fedreid.data.formats.tracklets import TrackletTable, images_of
from fedreid.data.locations import cache_folder, dataset_folder
from fedreid.data.synthetic.source import read_synthetic
from fedreid.data.synthetic.writing import twin_folder
from fedreid.data.tables import ImageTable, drawn_table, test_table
from fedreid.errors import UserError
from fedreid.scenario.schema import DataSettings
from fedreid.scenario.source_schema import (
    Cuhk03Source,
    FolderSource,
    IjbSource,
    LfwSource,
    Market1501Source,
    Msmt17Source,
    Source,
    SyntheticSource,
    is_unseen,
)

Reader = Callable[..., ImageTable | TrackletTable]

READERS: dict[str, Reader] = {
    "dukemtmc": read_duke,
    "viper": viper.read_viper,
    "grid": grid.read_grid,
    "ilids": ilids.read_ilids,
    "prid": prid.read_prid,
    "cuhk01": cuhk01.read_cuhk01,
    "cuhk02": read_cuhk02,
    "3dpes": pes3d.read_3dpes,
    "ilids_vid": ilids_vid.read_ilids_vid,
    "prid_video": prid_video.read_prid_video,
    "mars": read_mars,
}
# Protocols that are means over so many halves.
SPLITS = {
    "viper": viper.SPLITS, "grid": grid.SPLITS, "ilids": ilids.SPLITS, "prid": prid.SPLITS, "cuhk01": cuhk01.SPLITS,
    "3dpes": pes3d.SPLITS, "ilids_vid": ilids_vid.SPLITS, "prid_video": prid_video.SPLITS, "cuhk03": cuhk03.SPLITS,
}  # fmt: skip
TWINS_CAMERA = "c([0-9]+)_"  # in names of a synthetic folder
NOT_THE_READERS = {"format", "path", "role", "split", "frames_per_tracklet", "verify_counts"}


def read_source(name: str, source: Source, settings: DataSettings) -> ImageTable:
    """The images of one of a scenario's datasets; synthetic ones are rendered first, where they aren't yet.

    Of a dataset that is unseen only query and gallery are left, of a protocol of random halves those of all of them.

    Args:
        name: the source's name in the scenario.
        source: one of `data.sources`.
        settings: where folders are.

    Raises:
        UserError: the dataset is missing, or isn't what the scenario says; the text says what to do.
    """
    if isinstance(source, SyntheticSource):
        return read_synthetic(name, source, cache_folder(settings))
    if isinstance(source, FolderSource):
        folder, is_twin = _place(name, source, settings)
        _refuse_cache_among_people(name, folder, cache_folder(settings))
        pattern = TWINS_CAMERA if is_twin and source.camera_pattern else source.camera_pattern
        return read_folder(name, folder, camera_pattern=pattern, test_identities=source.test_identities)
    if isinstance(source, LfwSource | IjbSource):
        return _faces(name, source, settings)
    return _published(name, source, settings)


def _place(name: str, source: Any, settings: DataSettings) -> tuple[Path, bool]:
    """A dataset's folder, and whether it is its synthetic twin's."""
    if not settings.synthetic_twin:
        return dataset_folder(source.path, settings), False
    position = list(settings.sources).index(name)
    variant = getattr(source, "version", getattr(source, "benchmark", ""))
    return twin_folder(name, source.format, position, cache_folder(settings), variant=variant), True


def _refuse_cache_among_people(name: str, folder: Path, cache: Path) -> None:
    """In a folder per identity, the cache's folders would be people without images in the next run.

    Raises:
        UserError: the cache would be one of the people. In a hidden folder it isn't.
    """
    place, inside = folder.resolve(), (cache / FOLDER).resolve()
    if inside.is_relative_to(place) and not inside.relative_to(place).parts[0].startswith("."):
        raise UserError(
            f"{name}: the cache {cache} is inside {folder}, where every folder is a person.\n"
            "  Set data.cache (or FEDREID_CACHE) to a folder elsewhere."
        )


def _faces(name: str, source: LfwSource | IjbSource, settings: DataSettings) -> ImageTable:
    """The images of a test on faces, with its lists beside them."""
    folder, is_twin = _place(name, source, settings)
    verify_counts = source.verify_counts and not is_twin
    if isinstance(source, LfwSource):
        list_file = LIST if is_twin else source.list
        return pair_images(read_pairs(name, folder, verify_counts=verify_counts, list_file=list_file))
    table = read_templates(name, folder, verify_counts=verify_counts, benchmark=source.benchmark)
    return template_images(table, align=source.align)


def _published(name: str, source: Any, settings: DataSettings) -> ImageTable:
    folder, is_twin = _place(name, source, settings)
    read = partial(_read, name, source, folder, source.verify_counts and not is_twin, cache_folder(settings))
    split = getattr(source, "split", -1)
    if is_unseen(source) and split < 0 and (number := _number_of_splits(source)):
        return drawn_table([read(draw) for draw in range(number)])
    table = read(max(split, 0))
    return test_table(table) if is_unseen(source) else table


def _number_of_splits(source: Any) -> int:
    """Of a protocol that is a mean over splits; 0: of any other."""
    if isinstance(source, Cuhk03Source) and source.protocol == "new":
        return 0
    return SPLITS.get(source.format, 0)


def _read(name: str, source: Any, folder: Path, verify_counts: bool, cache: Path, split: int) -> ImageTable:
    """One split of a published dataset."""
    options = source.model_dump(exclude=NOT_THE_READERS)
    if "split" in type(source).model_fields:
        options["split"] = split
    if isinstance(source, Market1501Source):
        table = read_market1501(name, folder, verify_counts=verify_counts)
        return with_distractors(table, verify_counts=verify_counts) if source.distractors_500k else table
    if isinstance(source, Cuhk03Source):
        return cuhk03.read_cuhk03(name, folder, cache, verify_counts=verify_counts, **options)
    if isinstance(source, Msmt17Source):
        options["version"] = source.version or None
        return read_msmt17(name, folder, verify_counts=verify_counts, **options)
    found = READERS[source.format](name, folder, verify_counts=verify_counts, **options)
    return images_of(found, source.frames_per_tracklet) if isinstance(found, TrackletTable) else found
