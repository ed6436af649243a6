"""The images of a federation, ready to use: sources read, decoded once, distributed, and open in every process."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from fedreid.atomic import write_atomically
from fedreid.data.cache import ImageCache, build_cache, open_cache
from fedreid.data.image_set import ImageSet
from fedreid.data.locations import cache_folder
from fedreid.data.partition import partition
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
        cache_folders: where the decoded images are; a worker on another machine must see them too.
    """

    def __init__(self, run_dir: Path, index: dict[str, Any], caches: dict[str, np.ndarray]) -> None:
        """Use `prepare` or `open`."""
        self._folder, self._index, self._caches = run_dir / SPLITS, index, caches
        self._tables: dict[str, dict[str, np.ndarray]] = {}
        self.num_clients: int = index["clients"]
        self.summary: dict[str, Any] = index["summary"]
        self.cache_folders: list[str] = list(index["caches"].values())

    @classmethod
    def prepare(cls, scenario: Scenario, run_dir: Path, on_progress: Progress | None = None) -> FederationData:
        """Read the sources, decode their images into the cache, distribute them, and write RUN/splits/.

        Where RUN/splits/ exists (a resumed run) the split is computed again and must be the same.

        Raises:
            UserError: a dataset is missing or unsuitable, or is no longer what the run started with.
        """
        caches = {name: _decoded(name, scenario, on_progress) for name in scenario.data.sources}
        tables = {name: cache.table for name, cache in caches.items()}
        _refuse_twins(tables)
        _refuse_copies(caches)
        split = partition(tables, scenario.partition, scenario.seed)
        index = {
            "image_size": list(scenario.data.image_size),
            "clients": len(split.clients),
            "datasets": datasets(split),
            "caches": {name: str(cache.path.absolute()) for name, cache in caches.items()},
            "summary": summarise(split, tables, {name: cache.bad_images for name, cache in caches.items()}),
        }
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
    def generic(self) -> dict[str, tuple[ImageSet, ImageSet]]:
        """Query and gallery of every source that has them, by the source's name."""
        names = [name for name in self._caches if (self._folder / f"{generic_part(name)}.csv").exists()]
        parts = {name: generic_part(name) for name in names}
        return {name: (self._images(part, "query"), self._images(part, "gallery")) for name, part in parts.items()}

    def train(self, client: int) -> ImageSet:
        """A client's training images."""
        return self._images(client_part(client), "train")

    def held_out(self, client: int) -> ImageSet:
        """A client's images for personalized evaluation: of the identities it trains on, never trained on.

        A client that sees through one camera (partition.by = "camera") can only be asked about that camera: its
        images count as if each had a camera of its own, since otherwise no image would have a match.
        """
        return self._images(client_part(client), "held_out", within_camera=True)

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


def cache_paths(run_dir: Path) -> list[Path]:
    """The folders of decoded images that a prepared run reads, for checking that a node sees them."""
    return [Path(path) for path in _read_index(run_dir)["caches"].values()]


def _read_index(run_dir: Path) -> dict[str, Any]:
    file = run_dir / SPLITS / INDEX
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        missing = file.parent if run_dir.is_dir() else run_dir
        raise UserError(f"{missing}: no such folder; the data of a run is described there") from None
    except ValueError as error:
        raise UserError(f"{file}: not the description of a run's data: {error}") from None


def _refuse_twins(tables: dict[str, ImageTable]) -> None:
    """One folder under two names would put the same people into two clients, or into public and private parts."""
    folders: dict[Path, str] = {}
    for name, table in tables.items():
        folder = table.root.resolve()
        if folder in folders:
            raise UserError(
                f"data.sources.{name} and data.sources.{folders[folder]} are the same folder, {folder}: "
                "an identity would belong to two clients. Remove one."
            )
        folders[folder] = name


def _refuse_copies(caches: dict[str, ImageCache]) -> None:
    """An image that two sources share shows a person who would be in two clients, or in public and private parts."""
    seen: dict[bytes, tuple[str, str]] = {}
    for name, cache in caches.items() if len(caches) > 1 else ():
        own: dict[bytes, tuple[str, str]] = {}
        for image, path in zip(cache.images, cache.table.frame["path"], strict=True):
            digest = hashlib.blake2b(image.tobytes(), digest_size=16).digest()
            if digest in seen:
                first, other = seen[digest]
                raise UserError(
                    f"data.sources.{name} and data.sources.{first} hold the same images, for one "
                    f"{cache.table.root / path} and {caches[first].table.root / other}: "
                    "an identity would belong to two clients, or be public and private. "
                    "Remove one of the sources, or those images."
                )
            own[digest] = (name, path)
        seen |= own


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


def _refuse_other_content(before: list[Path], caches: dict[str, str]) -> None:
    """A cache's folder is named after the content of the images in it, and keeps its name when it moves."""
    for old, (name, path) in zip(before, caches.items(), strict=True):
        if old.name != Path(path).name:
            raise UserError(
                f"{name}: the images of {name} have other content than when this run started, under the same names.\n"
                "  Put the dataset back as it was, or start a new run."
            )


def _save(split: Split, index: dict[str, Any], run_dir: Path) -> None:
    """Write RUN/splits/ at once, so that it is complete or not there. Where it is there, it must be the same."""
    folder = run_dir / SPLITS
    text = json.dumps(index, indent=1) + "\n"
    try:
        if (folder / INDEX).exists():
            refuse_changes(split, folder)
            _refuse_other_content(cache_paths(run_dir), index["caches"])
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
