"""The images of a federation, open in every process: each client's, the public ones and the tests of every source."""

from __future__ import annotations

import glob
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import numpy as np

from fedreid.data.cache import open_cache
from fedreid.data.faces.face_tests import open_lists
from fedreid.data.generic_test import FaceTest, GenericTest
from fedreid.data.image_set import ImageSet
from fedreid.data.preparation import Progress, prepare, split_of
from fedreid.data.run_data import SPLITS, cache_paths, read_index
from fedreid.data.splits import PUBLIC, client_part, generic_part, read_columns
from fedreid.errors import UserError
from fedreid.scenario.schema import Scenario

__all__ = ["FederationData", "ImageSet", "cache_paths", "split_of"]


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
        prepare(scenario, run_dir, on_progress)
        return cls.open(run_dir)

    @classmethod
    def open(cls, run_dir: Path) -> FederationData:
        """The data of a prepared run, in any process that sees the run folder and the cache.

        Raises:
            UserError: the run folder, its split or a cache is missing here.
        """
        index = read_index(run_dir)
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

    def paths(self, source: str) -> dict[int, str]:
        """The path of each image of a source's generic test set, by its row in the cache."""
        found: dict[int, str] = {}
        for part in self._generic_parts(source):
            columns = read_columns(self._folder / f"{part}.csv")
            found.update(zip(columns["row"].tolist(), columns["path"], strict=True))
        return found

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


def _opened(name: str, path: Path) -> np.ndarray:
    if not path.is_dir():
        raise UserError(f"{path}: no such folder; the decoded images of {name} are expected there")
    return open_cache(path)
