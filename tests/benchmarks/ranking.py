"""Ranking against the bare matrix product, in one run.

Market-1501's size: 3,368 queries, 19,732 gallery images (750 identities, and 6,617 distractors), 6 cameras, 512
dimensions. The sides are timed in turn; medians count. Run with: python -m tests.benchmarks.ranking
"""

from __future__ import annotations

import statistics
import time
import tracemalloc
from collections.abc import Callable

import numpy as np
import torch

from fedreid.evaluation import Ranking, rank
from tests.benchmarks.tools import table, write_result

QUERIES, GALLERY, MATCHABLE, PEOPLE, CAMERAS, DIM, REPEATS = 3368, 19732, 13115, 750, 6, 512, 7
TARGET = 2.0
Side = tuple[np.ndarray, np.ndarray, np.ndarray]


def made_up(noise: float) -> tuple[Side, Side]:
    """(features, ids, cameras) of queries and gallery: one centre for each person, and noise around it."""
    generator = np.random.default_rng(0)
    centres = generator.standard_normal((PEOPLE + 1, DIM))

    def images(ids: np.ndarray) -> Side:
        features = centres[ids] * (ids > 0)[:, None] + noise * generator.standard_normal((len(ids), DIM))
        return features.astype(np.float32), ids, generator.integers(0, CAMERAS, len(ids))

    distractors = np.zeros(GALLERY - MATCHABLE, np.int64)
    gallery = np.concatenate([distractors, generator.integers(1, PEOPLE + 1, MATCHABLE)])
    return images(generator.integers(1, PEOPLE + 1, QUERIES)), images(gallery)


def measure(query: Side, gallery: Side) -> dict[str, float]:
    """Median seconds of ranking and of the bare product in both libraries."""
    whole = np.empty((QUERIES, GALLERY), np.float32)  # given to the products: asking for memory isn't part of them
    features = [torch.from_numpy(array) for array in (query[0], gallery[0].T, whole)]
    work: dict[str, Callable[[], object]] = {
        "rank": lambda: rank(*query, *gallery),
        "numpy": lambda: np.matmul(query[0], gallery[0].T, out=whole),
        "torch": lambda: torch.mm(*features[:2], out=features[2]),
    }
    times: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(1 + REPEATS):
        for name, run in work.items():
            started = time.perf_counter()
            run()
            times[name].append(time.perf_counter() - started)
    return {name: statistics.median(taken[1:]) for name, taken in times.items()}  # the first round warms up


def traced(query: Side, gallery: Side) -> tuple[Ranking, float]:
    """The ranking, and the most megabytes that its arrays took at one time."""
    tracemalloc.start()
    found = rank(*query, *gallery)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return found, peak / 2**20


def main() -> None:
    """Measure with people who are hard and easy to tell apart, and write the table."""
    rows = []
    for kind, noise in (("hard", 4.0), ("easy", 2.0)):
        sides = made_up(noise)
        times, (found, memory) = measure(*sides), traced(*sides)
        rows.append(
            [
                f"{kind}: mAP {100 * found.mAP:.1f}",
                *(f"{times[name]:.2f} s" for name in ("rank", "numpy", "torch")),
                f"{times['rank'] / times['numpy']:.2f}",
                f"{times['rank'] / times['torch']:.2f}",
                f"{memory:.0f} MB",
            ]
        )
    whole = QUERIES * GALLERY * 4 / 2**20
    write_result(
        "ranking",
        "Ranking",
        "python -m tests.benchmarks.ranking",
        [
            f"{QUERIES:,} queries, {GALLERY:,} gallery images, {DIM} dimensions, made-up people; medians of {REPEATS}.",
            f"To reach: at most {TARGET:.0f} times the bare matrix product of the same run. `rank` uses numpy's;",
            "the ratio to torch's is for orientation.",
            "",
            *table(
                ["People", "rank", "product, numpy", "product, torch", "ratio, numpy", "ratio, torch", "memory"], rows
            ),
            "",
            "Memory is what the arrays of `rank` take at most, its copy of the features included (for the gallery",
            f"{GALLERY * DIM * 4 >> 20} MB); the whole query x gallery matrix would be {whole:.0f} MB.",
        ],
    )


if __name__ == "__main__":
    main()
