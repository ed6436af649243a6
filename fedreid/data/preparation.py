"""Preparing a federation's images: sources read, decoded once into the cache, distributed, and written down."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from fedreid.data.cache import ImageCache, build_cache
from fedreid.data.faces.face_images import face_test
from fedreid.data.faces.face_tests import FaceLists, save_lists, sizes_of
from fedreid.data.locations import cache_folder, dataset_folder
from fedreid.data.overlap import perhaps_the_same, refuse_same_folders, refuse_shared_images, repeated
from fedreid.data.partition import partition
from fedreid.data.partition_lists import refuse_too_few
from fedreid.data.run_data import save
from fedreid.data.sources import read_source
from fedreid.data.splits import Split, generic_part
from fedreid.data.summary import datasets, summarise
from fedreid.data.tables import ImageTable
from fedreid.errors import UserError
from fedreid.scenario.schema import Scenario

Progress = Callable[[str, int, int], None]  # stage, done, total


def prepare(scenario: Scenario, run_dir: Path, on_progress: Progress | None = None) -> None:
    """Read the sources, decode their images into the cache, distribute them, and write RUN/splits/.

    Where RUN/splits/ exists (a resumed run) the split is computed again and must be the same.

    Raises:
        UserError: a dataset is missing or unsuitable, or is no longer what the run started with.
    """
    caches, split = _distributed(scenario, on_progress)
    tests, tables = _face_tests({name: cache.table for name, cache in caches.items()}, split)
    told = [repeated(split, caches), perhaps_the_same(tables, _origins(scenario))]
    for name, note in (pair for notes in told for pair in notes.items()):
        tables[name] = replace(tables[name], notes=(*tables[name].notes, note))
    if scenario.evaluation.personalized == "test_set":
        _refuse_untested(split)
    if scenario.partition.by == "lists":
        on_held_out = scenario.evaluation.personalized == "held_out"
        refuse_too_few(split, Path(scenario.partition.lists), held_out=on_held_out)
    index: dict[str, Any] = {
        "image_size": list(scenario.data.image_size),
        "clients": len(split.clients),
        "datasets": datasets(split),
        "caches": {name: str(cache.path.absolute()) for name, cache in caches.items()},
        "tests": {name: str(save_lists(lists, cache_folder(scenario.data))) for name, lists in tests.items()},
        "summary": summarise(
            split,
            tables,
            {name: cache.bad_images for name, cache in caches.items()},
            personalized=scenario.evaluation.personalized,
        ),
    }
    for name, lists in tests.items():
        index["summary"]["sources"][name]["faces"] = sizes_of(lists)
    save(split, index, run_dir)


def split_of(scenario: Scenario, on_progress: Progress | None = None) -> Split:
    """Who gets which image in a scenario, as a run would have it; images are decoded into the cache first.

    Raises:
        UserError: as `prepare`.
    """
    return _distributed(scenario, on_progress)[1]


def _distributed(scenario: Scenario, on_progress: Progress | None) -> tuple[dict[str, ImageCache], Split]:
    caches = {name: _decoded(name, scenario, on_progress) for name in scenario.data.sources}
    tables = {name: cache.table for name, cache in caches.items()}
    refuse_same_folders(tables, _origins(scenario))
    refuse_shared_images(caches)
    return caches, partition(tables, scenario.partition, scenario.seed)


def _decoded(name: str, scenario: Scenario, on_progress: Progress | None) -> ImageCache:
    report = on_progress or (lambda stage, done, total: None)
    settings = scenario.data
    report(f"reading {name}", 0, 0)
    table = read_source(name, settings.sources[name], settings)
    return build_cache(
        table,
        settings.image_size,
        cache_folder(settings),
        skip_bad_images=settings.skip_bad_images,
        on_progress=lambda done, total: report(f"decoding {name}", done, total),
    )


def _origins(scenario: Scenario) -> dict[str, tuple[str, Path]]:
    """Format and folder of each source that a scenario names by its folder."""
    if scenario.data.synthetic_twin:
        return {}
    named = {name: source for name, source in scenario.data.sources.items() if source.format != "synthetic"}
    return {name: (source.format, dataset_folder(source.path, scenario.data)) for name, source in named.items()}


def _face_tests(tables: Mapping[str, ImageTable], split: Split) -> tuple[dict[str, FaceLists], dict[str, ImageTable]]:
    """The tests on faces that the split has, by source, and all tables with what their notes have to say of it.

    Raises:
        UserError: partition lists leave out some images of such a test.
    """
    tests, noted = {}, dict(tables)
    for name, table in tables.items():
        rows = int((split.part(generic_part(name))["use"] == "gallery").sum())
        if table.faces is None or not rows:
            continue
        if rows < len(table.frame):
            raise UserError(
                f"{generic_part(name)}.csv lists {rows:,} of {len(table.frame):,} images, and a test on faces needs "
                "all of them, or none.\n  Write the lists again with `fedreid data split`."
            )
        tests[name], notes = face_test(table)
        noted[name] = replace(table, notes=(*table.notes, *notes))
    return tests, noted


def _refuse_untested(split: Split) -> None:
    tested = {part.removeprefix("generic-").partition("@")[0] for part in split.parts if part.startswith("generic-")}
    for client, dataset in enumerate(datasets(split)):
        if dataset not in tested:
            several = "comes from several sources" if "+" in dataset else "has no query and gallery"
            raise UserError(
                f"evaluation.personalized = 'test_set': client {client}'s dataset, {dataset}, {several}.\n"
                "  Use partition.by = 'dataset' or 'camera' with datasets that have a test set, or 'held_out'."
            )
