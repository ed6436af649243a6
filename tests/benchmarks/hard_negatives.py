"""Hard-negative selection against the bare matrix product, and FedFR's local step against a plain CosFace step.

Run with: python -m tests.benchmarks.hard_negatives
"""

from __future__ import annotations

import resource
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn

from clients.hard_negatives import hard_negatives
from clients.methods.contrast import Contrast
from clients.methods.fedfr import FedFR
from fedreid.data.image_set import ImageSet
from fedreid.models import build_backbone
from fedreid.models.branch import Branch
from fedreid.scenario.method_schema import BranchSettings, ContrastiveSettings, HardNegativeSettings
from fedreid.scenario.schema import AugmentSettings, LossSettings, ModelSettings
from fedreid.training import Classification, Objective, train_epochs
from tests.benchmarks.tools import peak_bytes, table, write_result

PRIVATE, PUBLIC, DIM, REPEATS = 6_000, 60_000, 512, 3
PART = 1_000  # rows made at once
IMAGES, IDENTITIES, BATCH = 512, 20, 32


def unit(generator: np.random.Generator, count: int) -> np.ndarray:
    """Random features of unit length. Made in parts: the memory that takes would hide what the selection takes."""
    features = np.empty((count, DIM), np.float32)
    for start in range(0, count, PART):
        rows = features[start : start + PART]
        generator.standard_normal(out=rows, dtype=np.float32)
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return features


def resident_bytes() -> int:
    """Resident memory of this process now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def medians(work: dict[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Seconds of each; the sides take turns, and the first turn warms up."""
    times: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(1 + repeats):
        for name, run in work.items():
            started = time.perf_counter()
            run()
            times[name].append(time.perf_counter() - started)
    return {name: statistics.median(taken[1:]) for name, taken in times.items()}


def selection() -> list[str]:
    """6,000 x 60,000 x 512."""
    generator = np.random.default_rng(0)
    private, public = unit(generator, PRIVATE), unit(generator, PUBLIC)
    settings, before = HardNegativeSettings(threshold=0.2), resident_bytes()
    kept = len(hard_negatives(private, public, settings))
    megabytes = (peak_bytes() - before) / 2**20  # if an earlier peak was higher, more than it took, never less
    whole = np.empty((PRIVATE, PUBLIC), np.float32)  # given to the product: asking for memory isn't part of it
    times = medians(
        {
            "selection": lambda: hard_negatives(private, public, settings),
            "product": lambda: np.matmul(private, public.T, out=whole),
        },
        REPEATS,
    )
    ratio = times["selection"] / times["product"]
    return [
        f"hard negatives, {PRIVATE:,} x {PUBLIC:,} x {DIM}, {kept:,} kept", f"{times['selection']:.2f} s",
        f"{times['product']:.2f} s", f"{ratio:.2f}", "1.3", f"{megabytes:.0f} MB (of 200)",
    ]  # fmt: skip


def local_step() -> list[str]:
    """The same images through CosFace alone, and through CosFace, the contrastive term and the branch."""
    settings = ModelSettings(backbone="resnet10", width=0.25, stem="small", last_stride=2, embedding_dim=128)
    pixels = np.random.default_rng(0).integers(0, 256, (IMAGES, 64, 32, 3), dtype=np.uint8)
    rows = np.arange(IMAGES)
    images = ImageSet([pixels], np.zeros(IMAGES, np.int64), rows, rows % IDENTITIES, rows)
    torch.set_num_threads(1)

    def trained(is_fedfr: bool) -> Callable[[], object]:
        models = [build_backbone(settings, generator=torch.Generator().manual_seed(seed)) for seed in range(3)]
        proxies = nn.Parameter(0.01 * torch.randn(IDENTITIES, settings.embedding_dim))
        objective: Objective = Classification(LossSettings(), proxies)
        if is_fedfr:
            frozen = [model.requires_grad_(False).eval() for model in models[1:]]
            contrast = Contrast(frozen[0], frozen[1], ContrastiveSettings())
            objective = FedFR(objective, contrast, Branch(proxies), BranchSettings(), IDENTITIES)  # type: ignore[arg-type]
        return lambda: train_epochs(
            models[0], objective, images, epochs=1, batch_size=BATCH, learning_rate=0.001, momentum=0.9,
            weight_decay=5e-4, augment=AugmentSettings(), generator=np.random.default_rng(0), device="cpu",
        )  # fmt: skip

    times = medians({"plain": trained(False), "fedfr": trained(True)}, 5)
    steps = IMAGES // BATCH
    return [
        f"FedFR's local step, batch {BATCH}, resnet10 x 0.25, 64 x 32", f"{1e3 * times['fedfr'] / steps:.0f} ms",
        f"{1e3 * times['plain'] / steps:.0f} ms (CosFace)", f"{times['fedfr'] / times['plain']:.2f}", "2.2", "",
    ]  # fmt: skip


def main() -> None:
    """Measure and write the table."""
    rows = [selection(), local_step()]
    write_result(
        "hard-negatives",
        "Hard negatives and FedFR's step",
        "python -m tests.benchmarks.hard_negatives",
        table(("What", "Ours", "Bare", "Ratio", "At most", "Memory over the inputs"), rows),
    )


if __name__ == "__main__":
    main()
