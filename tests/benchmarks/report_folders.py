"""Run folders that reports are measured on: the files a run writes, with made-up numbers, in a moment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from fedreid.data.examples import Examples, Found, RankedList, Shown, write_examples
from tests.comparison.made_up import HEADER, make_run, write_summary
from tests.reports.made_up import make_run as make_reported_run

METHODS = ("fedavg", "fedprox", "fedper", "fedrep", "moon", "ditto", "fedfr")
STRATEGIES = ("fedavgm", "fedadam", "fedyogi", "fedadagrad", "fedmedian", "fedtrimmedavg")
RATES = (0.015, 0.03, 0.06, 0.12)  # with the methods and strategies 17 variants
QUERIES, PEOPLE, CLIENTS, ROUNDS = 300, 75, 6, 10
PICTURE = (64, 32, 3)
Rows = Iterator[list[object]]


def large_run(folder: Path, rounds: int, clients: int) -> Path:
    """A run with every client in every round, and every round evaluated on everything; with pictures."""
    made = make_reported_run(folder, rounds=rounds, clients=clients)
    rng = np.random.default_rng(0)
    extra = pd.DataFrame([row for number in range(1, rounds + 1) for row in _drift(rng, number, clients)])
    extra.to_csv(made / "metrics.csv", mode="a", header=False, index=False)
    add_examples(made, "synthetic", rng)
    return made


def finished_runs(folder: Path, seeds: Sequence[int]) -> list[Path]:
    """Runs of 17 variants with each seed, as finished ones that a comparison accepts."""
    variants = [[f'method.name="{name}"'] for name in METHODS]
    variants += [[f'federation.strategy="{name}"'] for name in STRATEGIES]
    variants += [['method.name="fedprox"', f"method.learning_rate={rate}"] for rate in RATES]
    return [
        finished_run(folder / f"{number}-{seed}", settings, seed, better=number / 4)
        for number, settings in enumerate(variants)
        for seed in seeds
    ]


def finished_run(folder: Path, settings: Sequence[str], seed: int, *, better: float) -> Path:
    """One of them; `better`: points of mAP on top."""
    rng = np.random.default_rng([seed, round(100 * better)])
    hardness = np.random.default_rng(0).beta(1.2, 1.0, QUERIES)  # of each query, whoever asks
    ap = np.clip(hardness + better / 100 + rng.normal(0, 0.05, QUERIES), 0.001, 1)
    own = dict(enumerate(np.clip(rng.normal(60 + better, 5, CLIENTS), 0, 100).tolist()))
    alone = {client: value - 2 for client, value in own.items()}
    people = [number % PEOPLE for number in range(QUERIES)]
    rounds = [f"federation.rounds={ROUNDS}", 'partition.by="camera"']
    made = make_run(folder, seed=seed, settings=[*rounds, *settings], ap={"shop": ap.tolist()}, people=people,
                    clients=own, alone=alone)  # fmt: skip
    add_examples(made, "shop", rng)
    table = pd.read_csv(made / "metrics.csv", keep_default_na=False)
    final = table[table["round"] > 0]
    rows: list[list[object]] = []
    for number in range(ROUNDS + 1):
        share = 1 - 0.3 * np.exp(-number / 3)
        for scope, client, dataset, metric, value in final[HEADER[1:]].itertuples(index=False):
            is_count = metric in ("queries", "skipped")
            shown = value if is_count or number == ROUNDS else share * value
            rows.append([number, scope, client, dataset, metric, shown])
        rows += [*_trained(rng, number), *_drift(rng, number, CLIENTS)] if number else []
    pd.DataFrame(rows, columns=HEADER).to_csv(made / "metrics.csv", index=False)
    last = [row for row in rows if row[0] == ROUNDS and row[1] in ("generic", "personalized")]
    write_summary(made, last, {"rounds": ROUNDS, "rounds_planned": ROUNDS, "timing": {"total_seconds": 84.2}})
    return made


def _trained(rng: np.random.Generator, number: int) -> Rows:
    """What the clients of a round say of their training, and its costs."""
    for client in range(CLIENTS):
        for metric, value in (("loss", 8 * np.exp(-number / 4) + rng.uniform()), ("num_examples", 420), ("steps", 28)):
            yield [number, "train", client, "", metric, value]
        spent = {"bytes_down": 1_264_312, "bytes_up": 1_264_312, "images": 840, "macs": 4.2e11, "joules": 90.0}
        for metric, value in spent.items():
            yield [number, "cost", client, "", metric, value]
    yield [number, "cost", "", "", "simulated_seconds", rng.uniform(20, 30)]


def _drift(rng: np.random.Generator, number: int, clients: int) -> Rows:
    for client in range(clients):
        yield [number, "train", client, "", "update_norm", rng.uniform(2, 5)]
    yield [number, "train", "", "", "agreement", rng.uniform(40, 60)]


def add_examples(run_dir: Path, dataset: str, rng: np.random.Generator, lists: int = 8, ranks: int = 10) -> None:
    """As many lists, pictures and people as a scenario asks for by default; the pictures are noise, hard to pack."""
    images = [Shown(f"query/{number:04d}_c1s1_000151_00.jpg", number, 1) for number in range(lists)]
    found = tuple(
        RankedList(query, number / lists, tuple(_result(query, place) for place in range(ranks)))
        for number, query in enumerate(images)
    )
    pictures = rng.integers(0, 256, (lists * (1 + ranks), *PICTURE), dtype=np.uint8)
    people = tuple(
        Shown(f"gallery/{who}-{camera}-{n}.jpg", who, camera)
        for who in range(10)
        for camera in range(6)
        for n in range(4)
    )
    embeddings = rng.normal(size=(len(people), 128)).astype(np.float32)
    (run_dir / "examples").mkdir()
    write_examples(run_dir / "examples", dataset, Examples(found, pictures, people, embeddings))


def _result(query: Shown, place: int) -> Found:
    """Every other one is right."""
    image = replace(query, path=f"gallery/{query.identity:04d}_c2_{place}.jpg", camera=2)
    return Found(image, 0.9 - place / 20, place % 2 == 0)
