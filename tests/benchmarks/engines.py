"""How much of the wall time is training: both engines, clients of seconds, and a thousand clients of milliseconds.

Run with: python -m tests.benchmarks.engines
"""

from __future__ import annotations

import multiprocessing
import statistics
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import ClassVar
from unittest import mock

import numpy as np
import pandas as pd
import torch
from flwr.app import ArrayRecord
from PIL import Image

import fedreid
import server.app
from clients.workspace import Workspace
from fedreid.losses import cosface
from fedreid.training import to_input
from server.rounds import Federation
from tests.benchmarks.tools import say, table, write_result

WORKERS, COHORT, SMALL_ROUNDS = 2, 50, 25
SCENARIO = """
name = "benchmark"
[data]
root = "{root}"
cache = "{root}/cache"
image_size = [{height}, {width}]
[data.sources.noise]
format = "folder"
path = "images"
test_identities = 0.0
[partition]
clients = {clients}
identities_per_client = 5
public_identities = 0
held_out = 0.05
[model]
backbone = "resnet10"
width = {model_width}
embedding_dim = {embedding_dim}
[augment]
flip = false
crop_padding = 0
[pretrain]
epochs = 0
[method]
epochs = {epochs}
batch_size = {batch}
[federation]
rounds = {rounds}
fraction = {fraction}
[evaluation]
every = 0
local_only = false
open_set = "never"
[runtime]
workers = 2
"""


def write_people(root: Path, identities: int, images: int, size: tuple[int, int]) -> None:
    """Folders of noise: what is on the images doesn't change how long they take."""
    rng = np.random.default_rng(0)
    for identity in range(identities):
        folder = root / "images" / f"{identity:05d}"
        folder.mkdir(parents=True)
        for number in range(images):
            pixels = rng.integers(0, 255, (*size, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / f"{number:03d}.jpg")


def phases(run_dir: Path) -> pd.DataFrame:
    """Seconds by round (columns are metrics), without the first: it loads code and data."""
    timing = pd.read_csv(run_dir / "timing.csv")
    server = timing[timing.client.isna()].pivot_table(index="round", columns="metric", values="value")
    server["training_seconds"] = timing[timing.metric == "training_seconds"].groupby("round").value.sum()
    return server.loc[2:]


def of_seconds(root: Path) -> list[tuple[str, str, str]]:
    """8 clients of 2 s or more: share of the training phase that is training."""
    write_people(root, 40, 43, (64, 32))
    text = SCENARIO.format(
        root=root, height=64, width=32, clients=8, epochs=26, batch=32, rounds=3, fraction=1.0, model_width=0.25,
        embedding_dim=128,
    )  # fmt: skip
    (root / "scenario.toml").write_text(text)
    rows = []
    for engine, workers, goal in (("serial", 1, 0.97), ("ray", WORKERS, 0.9)):
        result = fedreid.run(root / "scenario.toml", out=root / engine, engine=engine)
        seconds = phases(result.run_dir)
        per_client = seconds.training_seconds.sum() / len(seconds) / 8
        share = seconds.training_seconds.sum() / workers / seconds.train_phase_seconds.sum()
        say(f"{engine}: {share:.3f} with clients of {per_client:.2f} s")
        rows.append((f"{engine}, 8 clients of {per_client:.1f} s", f"{share:.3f}", f"{goal}"))
    return rows


class BareLoop:
    """Plain PyTorch in one thread: resident model, images in memory, nothing federated."""

    def __init__(self, run_dir: Path, clients: int) -> None:
        self.space = Workspace(run_dir)
        self.sets = []
        for client in range(clients):
            images = self.space.data.train(client)
            self.sets.append((images.batch(np.arange(len(images))), torch.from_numpy(images.labels)))

    def seconds(self) -> float:
        """Train every client once."""
        space, settings, loss = self.space, self.space.scenario.method, self.space.scenario.loss
        model = space.model.train()
        torch.set_num_threads(1)
        started = time.perf_counter()
        for pixels, labels in self.sets:
            proxies = torch.nn.Parameter(0.01 * torch.randn(int(labels.max()) + 1, space.scenario.model.embedding_dim))
            optimiser = torch.optim.SGD(
                [*model.parameters(), proxies], settings.learning_rate, momentum=0.9, weight_decay=5e-4, fused=True
            )
            order = np.random.default_rng(0).permutation(len(labels))
            for start in range(0, len(labels), settings.batch_size):
                chosen = order[start : start + settings.batch_size]
                value = cosface(
                    model(to_input(pixels[chosen], space.device)), proxies, labels[torch.from_numpy(chosen)],
                    scale=loss.scale, margin=loss.margin,
                )  # fmt: skip
                value.backward()
                optimiser.step()
                optimiser.zero_grad()
                value.item()
        return time.perf_counter() - started


def together(run_dir: Path) -> float:
    """Client-rounds per second of one bare loop in each of two processes: what two workers could reach at best."""
    with ProcessPoolExecutor(WORKERS, mp_context=multiprocessing.get_context("spawn")) as pool:
        loops = [pool.submit(loop_for, run_dir, time.time() + 15.0) for _ in range(WORKERS)]
        return sum(COHORT / statistics.median(loop.result()) for loop in loops)


def loop_for(run_dir: Path, start_at: float) -> list[float]:
    """Seconds of ten bare loops that begin at a moment which both processes know."""
    bare = BareLoop(run_dir, COHORT)
    bare.seconds()
    time.sleep(max(0.0, start_at - time.time()))
    return [bare.seconds() for _ in range(10)]


class Alternating(Federation):
    """A federation that lets the bare loop run after each of its rounds: the machine's speed drifts by the minute."""

    bare_seconds: ClassVar[list[float]] = []

    def _round(self, server_round: int, arrays: ArrayRecord) -> ArrayRecord:
        aggregated = super()._round(server_round, arrays)
        if server_round == 1:
            self.bare = BareLoop(self.run_dir, COHORT)
        self.bare_seconds.append(self.bare.seconds())
        return aggregated


def of_milliseconds(root: Path) -> list[tuple[str, str, str]]:
    """1,000 clients of 50 images, cohorts of 50, against the bare loop in between the rounds."""
    write_people(root, 5000, 11, (32, 32))
    text = SCENARIO.format(
        root=root, height=32, width=32, clients=1000, epochs=1, batch=10, rounds=SMALL_ROUNDS, fraction=0.05,
        model_width=0.125, embedding_dim=128,
    )  # fmt: skip
    (root / "scenario.toml").write_text(text)
    rows = []
    for engine, goal in (("serial", "0.85"), ("ray", "1.5")):
        Alternating.bare_seconds.clear()
        with mock.patch.object(server.app, "Federation", Alternating):
            result = fedreid.run(root / "scenario.toml", out=root / engine, engine=engine)
        seconds = phases(result.run_dir)
        own = (seconds.train_phase_seconds + seconds.checkpoint_seconds).dropna().to_numpy()  # not the last round's
        bare = np.array(Alternating.bare_seconds[1 : 1 + len(own)])
        lower, ratio, upper = np.quantile(bare / own, [0.25, 0.5, 0.75])
        say(f"{engine}: {COHORT / np.median(own):.1f} client-rounds/s, {ratio:.3f} ({lower:.3f} to {upper:.3f})")
        name = "serial" if engine == "serial" else f"{WORKERS} Ray workers"
        rows += [
            (
                f"bare one-thread loop beside it, {result.summary['model']['parameters']:,} parameters",
                f"{COHORT / np.median(bare):.0f} client-rounds/s",
                "",
            ),
            (
                f"{name}, 1,000 clients",
                f"{COHORT / np.median(own):.0f} client-rounds/s, {ratio:.2f} ({lower:.2f} to {upper:.2f})",
                goal,
            ),
        ]
    best = together(root / "ray")
    alone = COHORT / np.median(bare)
    say(f"two bare loops at once: {best:.1f}, {best / alone:.3f}")
    rows.append(
        ("two bare loops at once, in processes of their own", f"{best:.0f} client-rounds/s, {best / alone:.2f}", "")
    )
    return rows


def main() -> None:
    """Measure all and write the table."""
    with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
        rows = of_seconds(Path(first)) + of_milliseconds(Path(second))
    write_result(
        "engines",
        "Share of the wall time that is training",
        "python -m tests.benchmarks.engines",
        [
            "For clients of seconds: the clients' pure training time / workers, over the wall time of the training",
            "phase (aggregation included). For small clients: client-rounds per second, training phase and checkpoint,",
            "over those of a bare PyTorch loop that runs right after each round, for the machine's speed drifts:",
            f"median and quartiles of {SMALL_ROUNDS - 2} rounds, all but the first and the last.",
            "",
            *table(("What", "Measured", "Goal"), rows),
        ],
    )


if __name__ == "__main__":
    main()
