"""From a scenario's source to its table of images."""

from __future__ import annotations

from fedreid.data.folder import read_folder
from fedreid.data.locations import cache_folder, dataset_folder
from fedreid.data.market1501 import read_market1501
from fedreid.data.synthetic import read_synthetic
from fedreid.data.tables import ImageTable
from fedreid.scenario.schema import DataSettings, FolderSource, Market1501Source, Source


def read_source(name: str, source: Source, settings: DataSettings) -> ImageTable:
    """The images of one of a scenario's datasets; synthetic ones are rendered first, where they aren't yet.

    Args:
        name: the source's name in the scenario.
        source: one of `data.sources`.
        settings: where folders are.

    Raises:
        UserError: the dataset is missing, or isn't what the scenario says; the text says what to do.
    """
    if isinstance(source, Market1501Source):
        return read_market1501(name, dataset_folder(source.path, settings), verify_counts=source.verify_counts)
    if isinstance(source, FolderSource):
        folder = dataset_folder(source.path, settings)
        return read_folder(name, folder, camera_pattern=source.camera_pattern, test_identities=source.test_identities)
    return read_synthetic(name, source, cache_folder(settings))
