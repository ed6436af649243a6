"""A training step by memory allocator: glibc's own, and the jemalloc that workers of the Ray engine are given.

Processes that differ in their allocator alone take turns of a second or so on one core, for the machine's speed drifts.
Run with: python -m tests.benchmarks.allocators
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import torch

from fedreid.losses import cosface
from fedreid.models import build_backbone
from fedreid.scenario.schema import ModelSettings
from fedreid.simulation.allocator import KEEPING, PRELOAD, SETTINGS, jemalloc
from fedreid.training import to_input
from fedreid.training.sgd import Sgd
from tests.benchmarks.tools import peak_bytes, say, table, write_result

TURNS, BATCHES, PEOPLE = 15, 4, 5
JEMALLOC = {PRELOAD: str(jemalloc())}
ALLOCATORS = {
    "glibc": {},
    "jemalloc as it comes": JEMALLOC,
    "jemalloc that keeps what is freed": JEMALLOC | {SETTINGS: KEEPING},
}


class Network(NamedTuple):
    """What is trained, and how many steps make a turn."""

    backbone: str
    width: float
    height: int
    images: int
    steps: int

    def __str__(self) -> str:
        return f"{self.backbone}, width {self.width:g}, {self.images} images of {self.height} x {self.shape[1]}"

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width) of an image: twice as high as wide, but for the smallest."""
        return self.height, self.height if self.height == 32 else self.height // 2


NETWORKS = (
    Network("resnet10", 0.125, 32, 10, 100),
    Network("resnet18", 0.25, 64, 32, 20),
    Network("resnet18", 1.0, 128, 32, 2),
    Network("resnet50", 1.0, 256, 16, 1),
)


class Turn(NamedTuple):
    """What one turn took."""

    seconds_per_step: float
    faults_per_step: float
    peak_megabytes: float


def trainer(network: Network) -> Callable[[int], None]:
    """One step of the product's own training on noise, by its number."""
    torch.set_num_threads(1)
    settings = ModelSettings(backbone=network.backbone, width=network.width, embedding_dim=128)
    model = build_backbone(settings, image_size=network.shape, generator=torch.Generator().manual_seed(0)).train()
    proxies = torch.nn.Parameter(torch.randn(PEOPLE, 128))
    optimiser = Sgd([*model.parameters(), proxies], 0.01, momentum=0.9, weight_decay=5e-4)
    pixels = np.random.default_rng(0).integers(0, 255, (BATCHES, network.images, *network.shape, 3), dtype=np.uint8)
    labels = torch.arange(network.images) % PEOPLE

    def step(number: int) -> None:
        cosface(model(to_input(pixels[number % BATCHES])), proxies, labels).backward()
        optimiser.step()
        optimiser.zero_grad()

    return step


def child(place: int) -> None:
    """Train one turn for each line that comes in."""
    network = NETWORKS[place]
    step = trainer(network)
    for number in range(BATCHES):
        step(number)
    say("ready")
    for _ in sys.stdin:
        faults, started = resource.getrusage(resource.RUSAGE_SELF).ru_minflt, time.perf_counter()
        for number in range(network.steps):
            step(number)
        seconds = time.perf_counter() - started
        faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - faults
        say(f"{seconds / network.steps} {faults / network.steps} {peak_bytes() / 1e6}")


def in_turns(place: int) -> dict[str, list[Turn]]:
    """What each allocator's process took in its turns with one network."""
    children = {
        name: subprocess.Popen(
            [sys.executable, "-m", "tests.benchmarks.allocators", str(place)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment(extra),
        )
        for name, extra in ALLOCATORS.items()
    }  # fmt: skip
    for process in children.values():
        ask(process, "")
    turns: dict[str, list[Turn]] = {name: [] for name in children}
    for _ in range(TURNS):
        for name, process in children.items():
            turns[name].append(Turn(*map(float, ask(process, "go\n").split())))
    for process in children.values():
        process.communicate()
    return turns


def environment(extra: Mapping[str, str]) -> dict[str, str]:
    """This process's, with an allocator's settings in place of those that it may have (our Ray engine leaves some)."""
    return {name: value for name, value in os.environ.items() if name not in (PRELOAD, SETTINGS)} | dict(extra)


def ask(process: subprocess.Popen[str], question: str) -> str:
    """The next line that a process says."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(question)
    process.stdin.flush()
    return process.stdout.readline()


def main() -> None:
    """Measure all and write the table."""
    if jemalloc() is None:
        say("allocators: left out, for Ray brings no jemalloc along here, or its path has a space or a colon in it")
        return
    rows = []
    for place, network in enumerate(NETWORKS):
        turns = in_turns(place)
        seconds = {name: np.array([turn.seconds_per_step for turn in taken]) for name, taken in turns.items()}
        for name, taken in turns.items():
            lower, ratio, upper = np.quantile(seconds[name] / seconds["glibc"], [0.25, 0.5, 0.75])
            faults = np.median([turn.faults_per_step for turn in taken])
            rows.append(
                (
                    str(network),
                    name,
                    f"{1000 * np.median(seconds[name]):.3g}",
                    "1" if name == "glibc" else f"{ratio:.2f} ({lower:.2f} to {upper:.2f})",
                    f"{faults:,.0f}",
                    f"{taken[-1].peak_megabytes:,.0f}",
                )
            )
    header = ("Network", "Allocator", "ms for a step", "over glibc's", "page faults in a step", "peak memory, MB")
    write_result(
        "allocators",
        "A training step by memory allocator",
        "python -m tests.benchmarks.allocators",
        [
            "One thread; processes that differ in the allocator alone, in turns.",
            f"Median of {TURNS} turns, and of their ratios to glibc's turn beside them, with quartiles.",
            "Workers of the Ray engine have the third allocator of each network. The second one is slow to settle: its",
            "page faults go on for some seconds of work, and in the two large networks to the end.",
            "",
            *table(header, rows),
        ],
    )


if __name__ == "__main__":
    child(int(sys.argv[1])) if len(sys.argv) > 1 else main()
