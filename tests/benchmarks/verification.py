"""Verification of one client's people against the bare matrix product, in one run.

The dissertation's federation: 40 clients of 100 identities with 40 test images each, so 4,000 own images, 160,000 in
all, 512 dimensions. The sides are timed in turn; the shortest times count, since what else the machine does only adds
to them. Run with: python -m tests.benchmarks.verification
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from fedreid.evaluation import Verification, own_pairs, verify_embeddings
from tests.benchmarks.tools import peak_bytes, table, write_result

CLIENTS, IDENTITIES, IMAGES, DIM, REPEATS = 40, 100, 40, 512, 5
OWN, ALL = IDENTITIES * IMAGES, CLIENTS * IDENTITIES * IMAGES
RATES = {"1e-6 and 1e-5": (1e-6, 1e-5), "1e-6 to 1e-2": (1e-6, 1e-5, 1e-4, 1e-3, 1e-2)}
TARGET, MOST_MEGABYTES = 1.5, 500


def made_up() -> tuple[np.ndarray, np.ndarray]:
    """(features, ids) of everybody's test images: one centre for each identity, and noise around it."""
    generator = np.random.default_rng(0)
    ids = np.repeat(np.arange(CLIENTS * IDENTITIES), IMAGES)
    centres = generator.standard_normal((CLIENTS * IDENTITIES, DIM), dtype=np.float32)
    features = np.empty((ALL, DIM), np.float32)
    for start in range(0, ALL, OWN):  # a part at a time: the peak of memory so far has to be what the inputs take
        part = slice(start, start + OWN)
        features[part] = centres[ids[part]] + 2 * generator.standard_normal((OWN, DIM), dtype=np.float32)
        features[part] /= np.linalg.norm(features[part], axis=1, keepdims=True)
    return features, ids


def measure(work: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Least seconds of each."""
    times: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(REPEATS):
        for name, run in work.items():
            started = time.perf_counter()
            run()
            times[name].append(time.perf_counter() - started)
    return {name: min(taken) for name, taken in times.items()}


def main() -> None:
    """Measure and write the table."""
    features, ids = made_up()

    def verified(rates: tuple[float, ...]) -> Verification:
        return verify_embeddings(own_pairs(features[:OWN], ids[:OWN], features[OWN:]), rates)

    inputs, found, megabytes = peak_bytes(), {}, {}
    for name, rates in RATES.items():  # before the whole matrix is there
        found[name] = verified(rates)
        megabytes[name] = (peak_bytes() - inputs) / 2**20
    whole = np.empty((OWN, ALL), np.float32)  # given to the product: asking for memory isn't part of it
    times = measure(
        {
            "product": lambda: np.matmul(features[:OWN], features.T, out=whole),
            **{name: lambda rates=rates: verified(rates) for name, rates in RATES.items()},
        }
    )
    rows = [
        [
            name,
            " ".join(f"{100 * share:.1f}" for share in found[name].tar.values()),
            f"{times[name]:.2f} s",
            f"{times['product']:.2f} s",
            f"{times[name] / times['product']:.2f}",
            f"{megabytes[name]:.0f} MB",
        ]
        for name in RATES
    ]
    pairs = next(iter(found.values()))
    write_result(
        "verification",
        "Verification",
        "python -m tests.benchmarks.verification",
        [
            f"{OWN:,} test images of one client among {ALL:,} of all, {DIM} dimensions: {pairs.genuine:,} genuine and",
            f"{pairs.impostors:,} impostor pairs, made-up people; shortest of {REPEATS} times.",
            f"To reach: at most {TARGET} times the bare matrix product of the same run, both by numpy, and less than",
            f"{MOST_MEGABYTES} MB over the inputs.",
            "",
            *table(["False-accept rates", "TAR, %", "verification", "product", "ratio", "memory"], rows),
            "",
            "Memory is how much the peak of the process's resident memory rises over what it was with the inputs;",
            f"the whole matrix would be {whole.nbytes >> 20:,} MB.",
        ],
    )


if __name__ == "__main__":
    main()
