"""The images of a federation, ready to use: sources read, decoded once, distributed, and open in every process."""

from __future__ import annotations

import glob
import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import numpy as np

from fedreid.atomic import write_atomically
from fedreid.data.cache import ImageCache, build_cache, open_cache
from fedreid.data.faces.face_images import face_test
from fedreid.data.faces.face_tests import FaceLists, open_lists, save_lists, sizes_of
from fedreid.data.generic_test import FaceTest, GenericTest
from fedreid.data.image_set import ImageSet
from fedreid.data.locations import cache_folder, dataset_folder
from fedreid.data.overlap import perhaps_the_same, refuse_same_folders, refuse_shared_images, repeated
from fedreid.data.partition import partition
from fedreid.data.partition_lists import refuse_too_few
from fedreid.data.sources import read_source
from fedreid.data.splits import PUBLIC, Split, client_part, generic_part, read_columns, refuse_changes, write_split
from fedreid.data.summary import datasets, summarise
from fedreid.data.tables import ImageTable
from fedreid.errors import RunError, UserError
from fedreid.scenario.schema import Scenario

__all__ = ["FederationData", "ImageSet", "cache_paths"]

Progress = Callable[[str, int, int], None]  # stage, done, total
SPLITS, INDEX = "splits", "data.json"


class FederationData:
    """Every image set of a federation. Parts are read when they are asked for, so opening costs the same for any size.

    Attributes:
        num_clients: number of clients.
        summary: counts for the report, see `fedreid.data.summary.summarise`.
        cache_folders: where the decoded images are, and tests' lists; a worker on another machine must see them too.
    """

    def __init__(self, run_dir: Path, index: dict[str, Any], caches: dict[str, np.ndarray]) -> None:
        """Use `prepare` or `open`."""
        self._folder, self._index, self._caches = run_dir / SPLITS, index, caches
        self._tables: dict[str, dict[str, np.ndarray]] = {}
        self.num_clients: int = index["clients"]
        self.summary: dict[str, Any] = index["summary"]
        self.cache_folders: list[str] = [*index["caches"].values(), *index.get("tests", {}).values()]

    @classmethod
    def prepare(cls, scenario: Scenario, run_dir: Path, on_progress: Progress | None = None) -> FederationData:
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
        _save(split, index, run_dir)
        return cls.open(run_dir)

    @classmethod
    def open(cls, run_dir: Path) -> FederationData:
        """The data of a prepared run, in any process that sees the run folder and the cache.

        Raises:
            UserError: the run folder, its split or a cache is missing here.
        """
        index = _read_index(run_dir)
        return cls(run_dir, index, {name: _opened(name, Path(path)) for name, path in index["caches"].items()})

    @cached_property
    def public(self) -> ImageSet | None:
        """The public images, or None where nothing is public."""
        return self._images(PUBLIC, "train") if (self._folder / f"{PUBLIC}.csv").exists() else None

    @cached_property
    def generic(self) -> dict[str, GenericTest | FaceTest]:
        """Query and gallery of every source that has them, or its test on faces, by the source's name."""
        parts = {name: self._generic_parts(name) for name in self._caches}
        faces = self._index.get("tests", {})
        return {
            name: self._face_test(found[0], Path(faces[name])) if name in faces else self._generic_test(found)
            for name, found in parts.items()
            if found
        }

    def _face_test(self, part: str, lists: Path) -> FaceTest:
        """Images are in the order of the cache, which the lists count by."""
        images = self._images(part, "gallery")
        return FaceTest(images.subset(np.argsort(self._table(part)["rows"], kind="stable")), open_lists(lists))

    def _generic_parts(self, name: str) -> list[str]:
        if (self._folder / f"{generic_part(name)}.csv").exists():
            return [generic_part(name)]
        return sorted(file.stem for file in self._folder.glob(f"{glob.escape(generic_part(name))}@*.csv"))

    def _generic_test(self, parts: Sequence[str]) -> GenericTest:
        """The images of all parts once, in the order of their rows, queries first where there is one part."""
        tables = [self._table(part) for part in parts]
        joined = {key: np.concatenate([table[key] for table in tables]) for key in tables[0]}
        order = np.lexsort((joined["rows"], joined["use"] == "gallery" if len(parts) == 1 else joined["rows"]))
        _, first = np.unique(joined["rows"][order], return_index=True)
        order = order[np.sort(first)]
        columns = {name: joined[name][order] for name in ("sources", "rows", "identities", "cameras")}
        place = np.full(int(columns["rows"].max()) + 1, -1, dtype=np.int64)
        place[columns["rows"]] = np.arange(len(order))
        draws = [tuple(place[table["rows"][table["use"] == use]] for use in ("query", "gallery")) for table in tables]
        return GenericTest(ImageSet(list(self._caches.values()), **columns), cast(list[Any], draws))

    def train(self, client: int) -> ImageSet:
        """A client's training images."""
        return self._images(client_part(client), "train")

    def held_out(self, client: int) -> ImageSet:
        """A client's images for personalized evaluation: of the identities it trains on, never trained on.

        A client that sees through one camera (partition.by = "camera") can only be asked about that camera: its
        images count as if each had a camera of its own, since otherwise no image would have a match.
        """
        return self._images(client_part(client), "held_out", within_camera=True)

    def test_set(self, client: int) -> GenericTest:
        """Query and gallery of a client's dataset."""
        return cast(GenericTest, self.generic[self.dataset(client)])  # nobody trains on a dataset of faces' pairs

    def dataset(self, client: int) -> str:
        """The name of a client's source; several are joined by "+"."""
        return self._index["datasets"][client]

    def _images(self, part: str, use: str, *, within_camera: bool = False) -> ImageSet:
        table = self._table(part)
        chosen = table["use"] == use
        columns = {name: table[name][chosen] for name in ("sources", "rows", "identities", "cameras")}
        if within_camera and len(np.unique(table["cameras"])) == 1:
            columns["cameras"] = np.full_like(columns["cameras"], -1)
        return ImageSet(list(self._caches.values()), **columns)

    def _table(self, part: str) -> dict[str, np.ndarray]:
        """A part's columns as arrays, kept: a few bytes for each image, and a client returns every few rounds."""
        if part not in self._tables:
            columns = read_columns(self._folder / f"{part}.csv")
            position = {name: number for number, name in enumerate(self._caches)}
            self._tables[part] = {
                "sources": np.array([position[name] for name in columns["source"]], dtype=np.int64),
                "rows": columns["row"],
                "identities": columns["identity"],
                "cameras": columns["camera"],
                "use": np.array(columns["use"], dtype=str),
            }
        return self._tables[part]


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


def split_of(scenario: Scenario, on_progress: Progress | None = None) -> Split:
    """Who gets which image in a scenario, as a run would have it; images are decoded into the cache first.

    Raises:
        UserError: as `FederationData.prepare`.
    """
    return _distributed(scenario, on_progress)[1]


def _distributed(scenario: Scenario, on_progress: Progress | None) -> tuple[dict[str, ImageCache], Split]:
    caches = {name: _decoded(name, scenario, on_progress) for name in scenario.data.sources}
    tables = {name: cache.table for name, cache in caches.items()}
    refuse_same_folders(tables, _origins(scenario))
    refuse_shared_images(caches)
    return caches, partition(tables, scenario.partition, scenario.seed)


def _origins(scenario: Scenario) -> dict[str, tuple[str, Path]]:
    """Format and folder of each source that a scenario names by its folder."""
    if scenario.data.synthetic_twin:
        return {}
    named = {name: source for name, source in scenario.data.sources.items() if source.format != "synthetic"}
    return {name: (source.format, dataset_folder(source.path, scenario.data)) for name, source in named.items()}


def cache_paths(run_dir: Path) -> list[Path]:
    """Folders of decoded images and of tests' lists that a prepared run reads, for checking that a node sees them."""
    return [Path(path) for path in _noted_folders(_read_index(run_dir)).values()]


def _noted_folders(index: dict[str, Any]) -> dict[str, str]:
    """What is kept in the cache, by what it is."""
    caches = {f"the images of {name}": path for name, path in index["caches"].items()}
    return caches | {f"the lists of {name}": path for name, path in index.get("tests", {}).items()}


def _read_index(run_dir: Path) -> dict[str, Any]:
    file = run_dir / SPLITS / INDEX
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        missing = file.parent if run_dir.is_dir() else run_dir
        raise UserError(f"{missing}: no such folder; the data of a run is described there") from None
    except ValueError as error:
        raise UserError(f"{file}: not the description of a run's data: {error}") from None


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


def _opened(name: str, path: Path) -> np.ndarray:
    if not path.is_dir():
        raise UserError(f"{path}: no such folder; the decoded images of {name} are expected there")
    return open_cache(path)


def _refuse_other_content(before: dict[str, str], now: dict[str, str]) -> None:
    """A folder of the cache is named after the content in it, and keeps its name when it moves."""
    for what, path in now.items():
        if what in before and Path(before[what]).name != Path(path).name:
            name = what.rpartition(" ")[2]
            raise UserError(
                f"{name}: {what} have other content than when this run started, under the same names.\n"
                "  Put the dataset back as it was, or start a new run."
            )


def _save(split: Split, index: dict[str, Any], run_dir: Path) -> None:
    """Write RUN/splits/ at once, so that it is complete or not there. Where it is there, it must be the same."""
    folder = run_dir / SPLITS
    text = json.dumps(index, indent=1) + "\n"
    try:
        if (folder / INDEX).exists():
            refuse_changes(split, folder)
            _refuse_other_content(_noted_folders(_read_index(run_dir)), _noted_folders(index))
            write_atomically(
                folder / INDEX, lambda file: file.write_text(text, encoding="utf-8")
            )  # caches may have moved
            return
        shutil.rmtree(folder, ignore_errors=True)
        draft = run_dir / f".{SPLITS}.{os.getpid()}.tmp"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True)
        write_split(split, draft)
        (draft / INDEX).write_text(text, encoding="utf-8")
        draft.rename(folder)
    except OSError as error:
        raise RunError(f"{folder}: the split can't be written: {error.strerror}") from error
