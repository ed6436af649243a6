"""What a network costs and how good it is, before and after; and that as a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from torch import nn

from fedreid.data.generic_test import FaceTest, GenericTest
from fedreid.evaluation import scores_on
from fedreid.evaluation.protocols import headline
from fedreid.pruning import Costs, Latency, count, latency
from fedreid.reports.numbers import DASH, percent, size
from fedreid.reports.numbers import count as whole
from fedreid.scenario import Scenario

TOLD = ("mAP", "rank1")
MEGA = 1e6
NAMES = {
    "macs": "MACs of one image",
    "params": "parameters",
    "training_memory_mb": "memory of training",
    "inference_memory_mb": "memory of one image",
    "latency_ms": "latency of one image",
    "layers_ms": "time of its layers",
}


@dataclass(frozen=True)
class Measured:
    """One stage of a pruning.

    Attributes:
        stage: "before", "pruned" or "fine-tuned".
        scores: in percent, as "market1501/mAP".
        layers: seconds by a table of layers, where latency is limited by it.
    """

    stage: str
    costs: Costs
    latency: Latency
    scores: Mapping[str, float]
    batch_size: int
    layers: float | None = None

    def row(self) -> dict[str, object]:
        """A line of the table."""
        return {
            "stage": self.stage,
            "macs": self.costs.macs,
            "params": self.costs.params,
            "training_memory_mb": self.costs.training_memory(self.batch_size) / MEGA,
            "inference_memory_mb": self.costs.inference_memory / MEGA,
            "latency_ms": 1000 * self.latency.median,
            **({} if self.layers is None else {"layers_ms": 1000 * self.layers}),
            **self.scores,
        }


def measured(
    stage: str,
    model: nn.Module,
    scenario: Scenario,
    tests: Mapping[str, GenericTest | FaceTest],
    embed: Callable[..., np.ndarray],
) -> Measured:
    """Count, time and evaluate a network.

    Args:
        embed: (images) -> features, with this model.
    """
    image_size = scenario.data.image_size
    scores = {
        f"{name}/{metric}": value
        for name, test in tests.items()
        for metric, value in _told(scores_on(embed, test, scenario, open_set=isinstance(test, FaceTest))).items()
    }
    time = latency(model, image_size, threads=scenario.runtime.server_threads)
    return Measured(stage, count(model, image_size), time, scores, scenario.method.batch_size)


def frame_of(stages: Sequence[Measured]) -> pd.DataFrame:
    """One line for each stage."""
    return pd.DataFrame([stage.row() for stage in stages])


def lines_of(frame: pd.DataFrame) -> tuple[list[str], list[list[str]]]:
    """(headings, lines) of the table as people read it: a line for each figure, a column for each stage."""
    first, last = frame.iloc[0], frame.iloc[-1]
    lines = []
    for column in frame.columns[1:]:
        is_cost = column in NAMES
        cells = [_cell(column, value) for value in frame[column]]
        kept = f"{100 * last[column] / first[column]:.1f} %" if is_cost and first[column] else ""
        change = kept if is_cost else f"{last[column] - first[column]:+.1f}".replace("-", "−")
        lines.append([NAMES.get(column, column), *cells, change])
    return ["", *frame["stage"], "left, or change"], lines


def markdown_of(frame: pd.DataFrame) -> str:
    """The same as a Markdown table."""
    headings, lines = lines_of(frame)
    rows = [headings, ["---", *["---:"] * (len(headings) - 1)], *lines]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows) + "\n"


def _told(scores: Mapping[str, float]) -> dict[str, float]:
    """mAP and rank-1; of a test that has neither, what stands for it."""
    if found := {name: scores[name] for name in TOLD if name in scores}:
        return found
    name = headline(scores)
    return {} if name is None else {name: scores[name]}


def _cell(column: str, value: float) -> str:
    if pd.isna(value):
        return DASH
    if column.endswith("_mb"):
        return size(value * MEGA)
    if column.endswith("_ms"):
        return f"{value:.2f} ms"
    return whole(value) if column in NAMES else f"{percent(value)} %"
