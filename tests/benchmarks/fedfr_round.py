"""A FedFR round of 8 clients against the naive way, with the same numbers.

The naive way: every client embeds the public set itself, and decodes its images from their JPEG files whenever it needs
them, through a DataLoader. Ours: decoded once into the cache, public features once per round.

Run with: python -m tests.benchmarks.fedfr_round
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from unittest import mock

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

import fedreid
from clients.client import Client
from fedreid.data.decoding import decode
from fedreid.data.federation import FederationData
from fedreid.data.image_set import ImageSet
from fedreid.data.splits import read_columns
from tests.benchmarks.engines import phases
from tests.benchmarks.tools import say, table, write_result

TARGET = 3.0
SIZE = (64, 32)
SCENARIO = """
name = "fedfr-round"
[data]
image_size = [64, 32]
[data.sources.people]
format = "synthetic"
identities = 240
test_identities = 4
[partition]
clients = 8
identities_per_client = 5
public_identities = 200
[model]
backbone = "resnet10"
width = 0.25
stem = "small"
last_stride = 2
embedding_dim = 128
[pretrain]
epochs = 1
[method]
name = "fedfr"
epochs = 2
[method.hard_negatives]
select = "quantile"
quantile = 0.02
[federation]
rounds = 3
[evaluation]
every = 0
local_only = false
open_set = "never"
"""


class Files(Dataset[torch.Tensor]):
    """Images as files, decoded whenever they are asked for."""

    def __init__(self, paths: list[Path]) -> None:
        self.paths = paths

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> torch.Tensor:
        return torch.from_numpy(decode(self.paths[index].read_bytes(), SIZE).copy())


class NaiveImages(ImageSet):
    """An image set without the cache."""

    files: list[Path]

    def batch(self, indices: np.ndarray) -> np.ndarray:
        loader = DataLoader(Files([self.files[index] for index in indices]), batch_size=len(indices))
        return next(iter(loader)).numpy()

    def subset(self, indices: np.ndarray) -> ImageSet:
        chosen = super().subset(indices)
        chosen.__class__ = NaiveImages
        chosen.files = [self.files[index] for index in indices]  # type: ignore[attr-defined]
        return chosen


def naive(root: Path) -> list[mock._patch]:
    """What makes a run naive."""
    images_of = FederationData._images

    def from_files(self: FederationData, part: str, use: str, **options: bool) -> ImageSet:
        images = images_of(self, part, use, **options)
        columns = read_columns(self._folder / f"{part}.csv")
        images.__class__ = NaiveImages
        images.files = [  # type: ignore[attr-defined]
            root / path for path, used in zip(columns["path"], columns["use"], strict=True) if used == use
        ]
        return images

    def alone(self: Client) -> np.ndarray:
        public = self.workspace.public
        parts = [
            self.embed(public.subset(np.arange(start, min(start + 1024, len(public)))))
            for start in range(0, len(public), 1024)
        ]
        return np.concatenate(parts)

    return [
        mock.patch.object(FederationData, "_images", from_files),
        mock.patch.object(Client, "public_features", alone),
    ]


def main() -> None:
    """Measure and write the table."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "scenario.toml").write_text(SCENARIO)
        sets = [f"data.cache={root / 'cache'}"]
        ours = fedreid.run(root / "scenario.toml", out=root / "ours", overrides=sets)
        rendered = next((root / "cache").rglob("bounding_box_train")).parent
        for patch in naive(rendered):
            patch.start()
        theirs = fedreid.run(root / "scenario.toml", out=root / "naive", overrides=sets)
        mock.patch.stopall()
        equal = all(
            (ours.run_dir / name).read_bytes() == (theirs.run_dir / name).read_bytes()
            for name in ("model.safetensors", "metrics.csv")
        )
        seconds = [phases(run.run_dir).train_phase_seconds.mean() for run in (ours, theirs)]
        private = sum(entry["train_images"] for entry in ours.summary["data"]["clients"])
        public = ours.summary["pretrain"]["images"]
    say(f"ours {seconds[0]:.2f} s, naive {seconds[1]:.2f} s, equal: {equal}")
    write_result(
        "fedfr-round",
        "A FedFR round of 8 clients",
        "python -m tests.benchmarks.fedfr_round",
        [
            f"Serial engine, synthetic people: {public:,} public images, {private:,} private ones, 2 local epochs.",
            "Training phase of a round, the first one left out.",
            "",
            *table(
                ("Ours", "Naive", "Ratio", "To reach", "Same model and metrics, bit for bit"),
                [
                    [
                        f"{seconds[0]:.1f} s", f"{seconds[1]:.1f} s", f"{seconds[1] / seconds[0]:.1f}", f"{TARGET:.0f}",
                        "yes" if equal else "NO",
                    ]
                ],
            ),
        ],
    )  # fmt: skip


if __name__ == "__main__":
    main()
