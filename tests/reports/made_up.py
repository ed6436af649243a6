"""Made-up run folders: the files a run writes, with invented but plausible numbers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import tomli_w

RANKING = ("mAP", "rank1", "rank5", "rank10", "mINP")


def make_run(
    folder: Path,
    *,
    clients: int = 4,
    rounds: int = 5,
    generic: Sequence[str] = ("synthetic",),
    datasets: Sequence[str] = ("synthetic",),
    every: int = 1,
    fraction: float = 1.0,
    local_only: bool = True,
    public: bool = True,
    worse: bool = False,
    summary: Mapping[str, Any] | None = None,
    name: str = "shop",
) -> Path:
    """Write a run folder and return it; `worse`: the federation loses against its start."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    of_client = [datasets[client % len(datasets)] for client in range(clients)]
    rows, clock = _metrics(rng, of_client, rounds, generic, every, fraction, -1.0 if worse else 1.0)
    _write(folder / "metrics.csv", rows, ["round", "scope", "client", "dataset", "metric", "value"])
    _write(folder / "timing.csv", clock, ["round", "client", "metric", "value"])
    if local_only:
        columns = ["reference", "scope", "client", "dataset", "metric", "value"]
        _write(folder / "references.csv", _references(rng, of_client, generic), columns)
    data = _data(rng, of_client, generic, public)
    (folder / "splits").mkdir()
    (folder / "splits" / "data.json").write_text(json.dumps({"summary": data}))
    (folder / "scenario.toml").write_text(_scenario(name, clients, rounds, every, fraction, local_only, datasets))
    (folder / "summary.json").write_text(json.dumps(_summary(name, rounds, data, public) | dict(summary or {})))
    return folder


def _ranking(rng: np.random.Generator, mAP: float) -> dict[str, float]:
    lift = (100 - mAP) * np.array([0, 0.4, 0.7, 0.8]) + rng.normal(0, 0.3, 4)
    values = [mAP, *(mAP + lift[1:]), mAP * 0.55]
    return dict(zip(RANKING, (round(float(np.clip(value, 0, 100)), 6) for value in values), strict=True))


def _metrics(
    rng: np.random.Generator,
    of_client: list[str],
    rounds: int,
    generic: Sequence[str],
    every: int,
    fraction: float,
    sign: float,
) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    rows: list[tuple[Any, ...]] = []
    clock: list[tuple[Any, ...]] = []
    clients = len(of_client)
    level = rng.normal(60, 5, clients)
    for number in range(rounds + 1):
        grown = 1 - np.exp(-number / max(1, rounds / 3))
        evaluated = number in (0, rounds) or (every > 0 and number % every == 0)
        if evaluated:
            for place, dataset in enumerate(generic):
                scores = _ranking(rng, 55 - 9 * place + sign * 6 * grown + rng.normal(0, 0.3)) | {
                    "queries": 664,
                    "skipped": 3,
                }
                rows += [(number, "generic", "", dataset, metric, value) for metric, value in scores.items()]
        cohort = (
            range(clients)
            if number == 0
            else sorted(rng.choice(clients, max(1, round(fraction * clients)), replace=False))
        )
        for client in cohort:
            dataset = of_client[client]
            if evaluated:
                scores = _ranking(rng, level[client] + 9 * grown + rng.normal(0, 0.8)) | {"queries": 90, "skipped": 0}
                rows += [(number, "personalized", client, dataset, metric, value) for metric, value in scores.items()]
            if number == 0:
                continue
            images, seconds = 420 + 13 * (client % 7), float(rng.uniform(1.8, 3.2))
            train = {
                "loss": 8 * np.exp(-number / 4) + rng.uniform(0, 1),
                "accuracy": 95 * grown,
                "num_examples": images,
                "steps": 28,
            }
            rows += [(number, "train", client, "", metric, value) for metric, value in train.items()]
            cost = {"bytes_down": 1_264_312, "bytes_up": 1_264_312, "images": 2 * images}
            rows += [(number, "cost", client, "", metric, value) for metric, value in cost.items()]
            clock += [
                (number, client, "training_seconds", seconds),
                (number, client, "evaluation_seconds", seconds / 9),
            ]
        if number:
            train_phase = 2.6 * len(cohort) / 2
            phases = {"train_phase": train_phase, "aggregate": 0.08, "evaluate": 2.2 * evaluated, "checkpoint": 0.15}
            phases["round"] = sum(phases.values())
            clock += [(number, "", f"{phase}_seconds", value) for phase, value in phases.items()]
    return rows, clock


def _references(rng: np.random.Generator, of_client: list[str], generic: Sequence[str]) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = []
    for client, dataset in enumerate(of_client):
        scores = _ranking(rng, rng.normal(64, 4)) | {"queries": 90, "skipped": 0}
        rows += [("local_only", "personalized", client, dataset, metric, value) for metric, value in scores.items()]
        scores = _ranking(rng, rng.normal(66, 4)) | {"queries": 90, "skipped": 0}
        rows += [("global_model", "personalized", client, dataset, metric, value) for metric, value in scores.items()]
        for place, name in enumerate(generic):
            scores = _ranking(rng, rng.normal(50 - 9 * place, 2)) | {"queries": 664, "skipped": 3}
            rows += [("local_only", "generic", client, name, metric, value) for metric, value in scores.items()]
    return rows


def _data(rng: np.random.Generator, of_client: list[str], generic: Sequence[str], public: bool) -> dict[str, Any]:
    def part(identities: int, images: int, cameras: int) -> dict[str, int]:
        return {"identities": identities, "images": images, "cameras": cameras}

    names = dict.fromkeys([*of_client, *generic])
    per_client = [
        {
            "client": client, "dataset": dataset, "identities": 45, "images": 700 + 13 * (client % 7),
            "train_images": 420 + 13 * (client % 7), "held_out_images": 280, "cameras": 6,
        }
        for client, dataset in enumerate(of_client)
    ]  # fmt: skip
    return {
        "sources": {
            name: {
                "train": part(450, 7841, 6),
                "query": part(150, 664, 6) if name in generic else part(0, 0, 0),
                "gallery": part(151, 1930, 6) if name in generic else part(0, 0, 0),
                "notes": ["2,793 junk images dropped"],
                "bad_images": ["bounding_box_train/0007_c1s1_000451_03.jpg: image file is truncated"],
            }
            for name in names
        },
        "public": {"identities": 225, "images": 3920} if public else {"identities": 0, "images": 0},
        "private": {"identities": 45 * len(of_client), "images": sum(entry["images"] for entry in per_client)},
        "unused": {"identities": 0, "images": 0},
        "clients": per_client,
        "shared_identities": 0,
        "bad_images": [
            f"{name}: bounding_box_train/0007_c1s1_000451_03.jpg: image file is truncated" for name in names
        ],
        "notes": [f"{name}: 2,793 junk images dropped" for name in names],
    }


def _scenario(
    name: str, clients: int, rounds: int, every: int, fraction: float, local_only: bool, datasets: Sequence[str]
) -> str:
    return tomli_w.dumps(
        {
            "name": name,
            "description": "Five shops with their own customers learn one shared model.",
            "data": {
                "image_size": [64, 32],
                "sources": {
                    dataset: {"format": "synthetic", "domain": place} for place, dataset in enumerate(datasets)
                },
            },
            "partition": {"clients": clients},
            "model": {"backbone": "resnet18", "width": 0.25, "stem": "small", "embedding_dim": 128},
            "federation": {"rounds": rounds, "fraction": fraction},
            "evaluation": {"every": every, "local_only": local_only},
        }
    )


def _summary(name: str, rounds: int, data: dict[str, Any], public: bool) -> dict[str, Any]:
    return {
        "name": name, "description": "Five shops with their own customers learn one shared model.", "seed": 7,
        "status": "finished", "error": "", "rounds": rounds, "rounds_planned": rounds, "engine": "ray", "final": {},
        "best_round": rounds, "data": data,
        "timing": {
            "total_seconds": 84.2, "prepare_seconds": 6.1, "pretrain_seconds": 21.5, "train_phase_seconds": 26.0,
            "training_seconds": 49.8, "evaluate_seconds": 11.0, "images_per_second": 1240.5,
        },
        "traffic": {"bytes_down": 25_286_240, "bytes_up": 25_286_240},
        "model": {"parameters": 316_000, "wire_bytes": 1_264_312, "backbone": "resnet18", "width": 0.25},
        "pretrain": {"from_cache": False, "epochs": 10, "identities": 225, "images": 3920} if public else {},
        "batchnorm": "average", "failures": [],
        "versions": {"fedreid": "0.1.0", "python": "3.11.9", "torch": "2.13.0", "flwr": "1.41.0", "ray": "2.55.0"},
        "command": "fedreid run scenarios/shop.toml --set seed=7",
    }  # fmt: skip


def _write(path: Path, rows: list[tuple[Any, ...]], columns: list[str]) -> None:
    pd.DataFrame(rows, columns=columns).to_csv(path, index=False)
