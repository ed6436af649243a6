"""What pruning costs and brings in training: CAIE's loop against the training steps in it, and a network of half size.

A ResNet-18 (the default backbone) for 128 x 64 images in batches of 32. Both sides of a ratio are measured in turn, so
that other load on the machine meets both. Run with: python -m tests.benchmarks.pruned_training
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import time
from collections.abc import Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fedreid.models import build_backbone
from fedreid.pruning import ChannelMap, count, groups_of, narrowed
from fedreid.pruning.criteria import scores
from fedreid.pruning.schedules import CaieOptions, Consumption, caie_loop, one_shot
from fedreid.pruning.tier_maps import tier_maps
from fedreid.scenario.pruning_schema import PruningSettings
from fedreid.scenario.schema import AugmentSettings, LossSettings, ModelSettings
from fedreid.training import Classification, train_epochs
from tests.benchmarks.tools import table, write_result

MODEL, SIZE, BATCH, PEOPLE = ModelSettings(), (128, 64), 32, 64
SHARE, FASTER, LOOP = 0.5, 1.6, 1.3
REPEATS, STEPS = 5, 4


class Noise:
    """Made-up images of some people."""

    num_identities = PEOPLE

    def __init__(self, batches: int) -> None:
        generator = np.random.default_rng(0)
        self.pixels = generator.integers(0, 256, (batches * BATCH, *SIZE, 3), dtype=np.uint8)
        self.labels = np.arange(len(self.pixels)) % PEOPLE

    def __len__(self) -> int:
        return len(self.pixels)

    def batch(self, indices: np.ndarray) -> np.ndarray:
        return self.pixels[indices]


def epoch(model: nn.Module, images: Noise) -> Callable[[], object]:
    """Trains as a client does, for an epoch."""
    proxies = nn.Parameter(torch.randn(PEOPLE, MODEL.embedding_dim, generator=torch.Generator().manual_seed(0)))
    return lambda: train_epochs(
        model, Classification(LossSettings(), proxies), images, epochs=1, batch_size=BATCH, learning_rate=0.01,
        momentum=0.9, weight_decay=5e-4, augment=AugmentSettings(), generator=np.random.default_rng(0), device="cpu",
    )  # fmt: skip


def medians(runs: Sequence[Callable[[], object]], repeats: int) -> list[float]:
    """Seconds of each, in turn, behind a round that doesn't count."""
    taken: list[list[float]] = [[] for _ in runs]
    for _, (run, seconds) in itertools.product(range(repeats + 1), zip(runs, taken, strict=True)):
        started = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - started)
    return [statistics.median(seconds[1:]) for seconds in taken]


def half_maps(model: nn.Module) -> dict[str, ChannelMap]:
    """Two sub-networks of half the multiplications."""
    uniform = tier_maps(model, PruningSettings(tiers=(1.0, SHARE)), SIZE)[1]
    groups = groups_of(model)
    costs = Consumption(model, groups, SIZE)
    limits = costs.limits({"macs": SHARE})
    lowest = one_shot(model, groups, scores(model, groups, "l1"), costs, limits).channel_map
    return {"uniform": uniform, "the lowest of all layers": lowest}


def tiers(repeats: int, steps: int) -> list[list[object]]:
    """The whole network and its halves."""
    model, images = build_backbone(MODEL), Noise(steps)
    groups = groups_of(model, frozen=())
    networks: dict[str, nn.Module] = {"whole": model}
    for name, channel_map in half_maps(model).items():
        own = [group for group in groups if group.name in channel_map.widths]
        networks[name] = narrowed(model, own, channel_map)
    whole, rows = count(model, SIZE).macs, []
    seconds = medians([epoch(network, images) for network in networks.values()], repeats)
    for (name, network), taken in zip(networks.items(), seconds, strict=True):
        share = count(network, SIZE).macs / whole
        rows.append([name, f"{100 * share:.1f} %", f"{1000 * taken / steps:.0f}", f"{seconds[0] / taken:.2f}"])
    return rows


def loop(repeats: int, batches: int) -> list[list[object]]:
    """One step of CAIE, and the training steps that it contains by themselves."""
    model = build_backbone(MODEL)
    groups, generator = groups_of(model), torch.Generator().manual_seed(0)
    inputs = torch.rand(BATCH, 3, *SIZE, generator=generator).to(memory_format=torch.channels_last)
    labels = torch.arange(BATCH) % 8
    costs = Consumption(model, groups, SIZE)
    limits = {"macs": costs.original["macs"]}  # below it: one step
    options = CaieOptions(batches_per_step=batches, exact_last_step=False)

    def loss(network: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        return F.cross_entropy(network(batch[0]), batch[1])

    def caie() -> object:
        done = caie_loop(model, groups, itertools.repeat((inputs, labels)), loss, costs, limits, options=options)
        assert len(done.steps) == 1
        return done

    def plain() -> None:
        optimiser = torch.optim.SGD(
            model.parameters(), options.learning_rate, momentum=options.momentum, weight_decay=options.weight_decay
        )
        model.train()
        for _ in range(batches):
            value = loss(model, (inputs, labels))
            optimiser.zero_grad()
            value.backward()
            optimiser.step()

    before, after = medians([plain, caie], repeats)
    return [[f"{batches} mini-batches", f"{before:.2f}", f"{after:.2f}", f"{after / before:.3f}"]]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=REPEATS)
    parser.add_argument("--steps", type=int, default=STEPS, help="training steps that a network is timed on")
    parser.add_argument("--batches", type=int, default=30, help="mini-batches in a step of CAIE")
    parser.add_argument("--threads", type=int, default=1)
    chosen = parser.parse_args([] if arguments is None else arguments)
    torch.set_num_threads(chosen.threads)
    write_result(
        "pruned-training",
        "Training of pruned networks, and CAIE's scoring loop",
        "python -m tests.benchmarks.pruned_training",
        [
            f"ResNet-18 at full width, images of {SIZE[0]} x {SIZE[1]}, batches of {BATCH}; medians of "
            f"{chosen.repeats} turns. To reach: half of the multiplications trains at least {FASTER} times faster; "
            f"CAIE's loop takes at most {LOOP} times its training steps.",
            "",
            "A client's training, images and all:",
            "",
            *table(
                ["Network", "MACs", "Milliseconds a step", "Times faster"],
                tiers(chosen.repeats, chosen.steps),
            ),
            "",
            "One step of CAIE, copy, scores, resource impacts and removal of 25 channels included:",
            "",
            *table(
                ["Step of CAIE", "Its training steps alone (s)", "With everything (s)", "Ratio"],
                loop(chosen.repeats, chosen.batches),
            ),
        ],
    )


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
