"""Schedules of `fedreid.prune`: what they leave of a trained backbone, and by which images they choose."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from fedreid.compression import command, limits
from fedreid.data.image_set import ImageSet
from fedreid.progress import Progress
from fedreid.pruning import LatencyTable, layers_of
from tests.pruning.conftest import Prune, share


class Notes(Progress):
    """Remembers what stands in a line of its own."""

    def __init__(self) -> None:
        self.messages: list[str] = []

    def message(self, text: str) -> None:
        self.messages.append(text)


def test_caie_meets_every_limit_and_keeps_a_log(prune: Prune) -> None:
    result = prune(limits={"macs": 0.6, "params": 0.5, "memory": 0.8})
    assert share(result, "macs") < 0.6
    assert share(result, "params") < 0.5
    assert share(result, "training_memory_mb") < 0.8
    steps = pd.read_csv(result.out / "steps.csv")
    removed = sum(result.channel_map.widths.values()) - sum(result.channel_map.kept_widths.values())
    assert steps["removed"].sum() == removed
    assert steps.groupby("step")["removed"].sum().iloc[:-1].eq(8).all()


def test_by_loss_impacts_alone_the_loop_ignores_what_a_channel_saves(prune: Prune) -> None:
    """Both loops begin with the same impacts; where multiplications are sought, only CAIE looks where they are."""
    found = [
        prune(criterion=criterion, schedule="caie", limits={"macs": 0.8}, out=criterion)
        for criterion in ("caie", "taylor_batchnorm")
    ]
    assert share(found[0], "macs") < 0.8
    assert share(found[1], "macs") < 0.8
    left = [sum(result.channel_map.kept_widths.values()) for result in found]
    assert left[0] > left[1], "the same saving with fewer channels"


@pytest.mark.parametrize(
    ("options", "events"),
    [
        ({"criterion": "caie", "schedule": "one_shot", "limits": {"params": 0.5}}, {"remove"}),
        ({"schedule": "iterative", "limits": {"params": 0.5}}, {"remove"}),
        ({"criterion": "taylor_batchnorm", "schedule": "caie", "limits": {"params": 0.5}}, {"remove"}),
        ({"schedule": "psfp", "retrain": 2, "limits": {"params": 0.5}}, {"soft zero", "remove"}),
        ({"schedule": "psfp", "criterion": "fpgm", "retrain": 1, "limits": {"params": 0.5}}, {"soft zero", "remove"}),
    ],
)
def test_every_schedule_ends_at_its_limit(options: dict[str, object], events: set[str], prune: Prune) -> None:
    result = prune(images="all", **options)
    assert share(result, "params") < 0.5
    assert set(pd.read_csv(result.out / "steps.csv")["event"]) == events


def test_layer_wise_pruning_chooses_by_people_that_it_does_not_train_on(
    prune: Prune, monkeypatch: pytest.MonkeyPatch
) -> None:
    people: list[int] = []

    class Noted(command.Trainer):
        def __init__(self, model: torch.nn.Module, images: ImageSet, *others: Any, **named: Any) -> None:
            people.append(images.num_identities)
            super().__init__(model, images, *others, **named)

    monkeypatch.setattr(command, "Trainer", Noted)
    result = prune(schedule="cpo", drop=100.0, images="all")
    assert people == [11, 13], "two of the thirteen are for choosing; fine-tuning has them all"
    steps = pd.read_csv(result.out / "steps.csv")
    groups = len(result.channel_map.widths)
    assert steps[steps["event"] == "probe"]["step"].nunique() == groups
    assert steps[steps["event"] == "commit"]["step"].nunique() == groups
    assert share(result, "params") < 0.75, "a hundred points may go: every group loses at least a half"


def test_play_and_prune_says_that_it_is_experimental(prune: Prune) -> None:
    notes = Notes()
    result = prune(schedule="play_and_prune", drop=50.0, images="all", progress=notes)
    assert "experimental" in notes.messages[0]
    assert share(result, "params") < 1


def test_latency_is_limited_by_a_table(prune: Prune, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a made-up device, where time is multiplications; then by the table that this left behind."""
    monkeypatch.setattr(limits, "measure_on", lambda *_, **__: lambda layer: 1e-9 * layer.macs)
    first = prune(criterion="l1", limits={"latency": 0.5})
    assert share(first, "macs") < 0.5
    table = LatencyTable.load(first.out / "latency-table.json")
    assert table.total(layers_of(first.model, (32, 16))) == pytest.approx(1e-9 * first.table["macs"].iloc[-1])
    assert first.table["layers_ms"].tolist() == pytest.approx((1e-6 * first.table["macs"]).tolist())
    assert "| time of its layers | 2.08 ms |" in (first.out / "table.md").read_text()
    monkeypatch.setattr(limits, "measure_on", None)
    again = prune(criterion="l1", limits={"latency": 0.5}, latency_table=first.out / "latency-table.json", out="b")
    assert again.channel_map == first.channel_map


@pytest.mark.parametrize(
    ("limit", "column", "least", "most"),
    [
        ({"params": 40_000}, "params", 38_000, 40_000),
        ({"memory": 1.9}, "training_memory_mb", 1.8, 1.9),
        ({"latency": 1.5}, "macs", 1.4e6, 1.5e6),
    ],
)
def test_above_1_a_limit_is_an_amount(
    limit: dict[str, float], column: str, least: float, most: float, prune: Prune, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parameters, megabytes, milliseconds; on a made-up device that does a multiplication in a nanosecond."""
    monkeypatch.setattr(limits, "measure_on", lambda *_, **__: lambda layer: 1e-9 * layer.macs)
    result = prune(criterion="l1", schedule="one_shot", limits=limit)
    assert least < result.table[column].iloc[-1] < most
