"""The evidence page of pruning: its figure, its tables, and what they say about the papers' claims."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes

from fedreid.models import build_backbone
from fedreid.pruning import count
from fedreid.reports.drawing import MARKERS, MUTED, SERIES, STYLE, blank, legend, write_png
from tests.benchmarks.pruning_jobs import DENSE, WHOLE, Plan
from tests.benchmarks.tools import table

FIGURE, ROWS = "accuracy-macs", "rows.csv"
READING = Path(__file__).with_name("pruning_words.md")  # of the committed run
DRAWN = ("caie", "l1", "uniform", "loss only", "psfp")
METRICS = {"mAP": "mAP", "rank1": "rank-1"}
WORDS = {
    "whole": "the whole network, fine-tuned alike",
    "dense": "dense: as narrow everywhere, from random weights, trained as long",
    "caie": "CAIE, its loop",
    "l1": "L1, all layers at once, each layer's scores over their mean",
    "uniform": "uniform removal, by filter sparsity",
    "loss only": "CAIE's loop by loss impacts alone",
    "taylor_activation": "Taylor by activation, at once",
    "l2": "L2, at once",
    "fpgm": "FPGM, at once",
    "bn_scale": "scale of the BatchNorm, at once",
    "psfp": "PSFP by L2, while training: three quarters of its epochs",
}


def write_page(rows: pd.DataFrame, plan: Plan, folder: Path) -> Path:
    """README.md, the figure and the rows."""
    folder.mkdir(parents=True, exist_ok=True)
    rows.to_csv(folder / ROWS, index=False, float_format="%.3f")
    for metric in METRICS:
        _figure(rows, metric, folder / f"{FIGURE}-{metric}.png")
    path = folder / "README.md"
    path.write_text("\n".join(_lines(rows, plan)) + "\n")
    return path


def mean(rows: pd.DataFrame, method: str, target: int, metric: str) -> float:
    """Over seeds; nan where there is none."""
    chosen = rows[(rows["method"] == method) & (rows["target"] == target)]
    return float(chosen[metric].mean())


def _lines(rows: pd.DataFrame, plan: Plan) -> Iterator[str]:
    scenario = plan.scenario
    height, width = scenario.data.image_size
    model = build_backbone(scenario.model, image_size=scenario.data.image_size)
    costs = count(model, scenario.data.image_size)
    yield "# Pruning on Market-1501: accuracy against multiplications"
    yield ""
    yield "`python -m tests.benchmarks.pruning_evidence WORK_FOLDER`, scenario `scenarios/fedfr-market1501.toml`."
    if scenario.data.synthetic_twin:
        yield "**On synthetic pedestrians: this page shows the machinery, its figures mean nothing.**"
    else:
        yield "Market-1501 train-split, held-out identities: 450 identities of its training half; figures are not"
        yield "comparable with published Market-1501 figures."
    yield (
        f"One {scenario.model.backbone}, {scenario.model.width:g} of its width, {height} x {width} "
        f"({costs.macs / 1e6:.1f} M MACs, {costs.params / 1e6:.2f} M parameters), trained from scratch for "
        f"{scenario.pretrain.epochs} epochs on all training images, then pruned, and fine-tuned for {plan.fine_tune}. "
        f"The last model counts, nothing is chosen by test images. {len(plan.seeds)} seeds for CAIE, L1 and uniform "
        "(mean ± standard deviation), one for the rest; seeds draw order and augmentation, the backbone is the same."
    )
    yield ""
    for metric, name in METRICS.items():
        yield f"![{name} against MACs]({FIGURE}-{metric}.png)"
        yield ""
    if not scenario.data.synthetic_twin:
        yield READING.read_text(encoding="utf-8")
    yield "## What this says of the papers' claims"
    yield ""
    yield from _claims(rows, plan)
    for metric, name in METRICS.items():
        yield f"## {name} in percent"
        yield ""
        yield from _table(rows, plan, metric)
        yield ""
    yield "## Parameters left, in percent"
    yield ""
    yield from _table(rows, plan, "params")
    yield ""
    yield f"Each network's line, right after pruning and in the end: `{ROWS}`."


def _claims(rows: pd.DataFrame, plan: Plan) -> Iterator[str]:
    whole = {metric: mean(rows, WHOLE, 100, metric) for metric in METRICS}
    target = min(plan.targets, key=lambda value: abs(value - 50))
    losses = {name: whole["rank1"] - mean(rows, name, target, "rank1") for name in WORDS if name not in (WHOLE, DENSE)}
    held = [f"{name} ({-loss:+.1f})" for name, loss in losses.items() if loss <= 1]
    missed = [f"{name} ({-loss:+.1f})" for name, loss in losses.items() if not loss <= 1]
    yield (
        f"**Half the multiplications within 1 point of rank-1**, at {target} % against {whole['rank1']:.1f}: holds for "
        f"{', '.join(held) or 'none'}; not for {', '.join(missed) or 'none'}."
    )
    yield ""
    yield _duel(rows, plan, "CAIE above loss-only at equal budgets", "caie", "loss only")
    yield ""
    yield _duel(rows, plan, "Pruning a larger network beats training a smaller one", "caie", DENSE)
    yield ""
    yield _duel(rows, plan, "The same for uniform removal, which has the dense network's very widths", "uniform", DENSE)
    yield ""


def _duel(rows: pd.DataFrame, plan: Plan, claim: str, one: str, other: str) -> str:
    """mAP at every target."""
    gains = [mean(rows, one, target, "mAP") - mean(rows, other, target, "mAP") for target in plan.targets]
    wins = sum(gain > 0 for gain in gains)
    told = ", ".join(f"{gain:+.1f} at {target} %" for target, gain in zip(plan.targets, gains, strict=True))
    return f"**{claim}**: in {wins} of {len(gains)} budgets by mAP ({told})."


def _table(rows: pd.DataFrame, plan: Plan, metric: str) -> list[str]:
    lines = []
    for method, words in WORDS.items():
        cells = [_cell(rows, method, target, metric) for target in (100, *plan.targets)]
        lines.append([words, *cells])
    return table(["Network", *(f"{target} % MACs" for target in (100, *plan.targets))], lines)


def _cell(rows: pd.DataFrame, method: str, target: int, metric: str) -> str:
    found = rows[(rows["method"] == method) & (rows["target"] == target)][metric]
    if found.empty:
        return ""
    spread = f" ± {found.std():.1f}" if len(found) > 1 else ""
    return f"{found.mean():.1f}{spread}"


def _figure(rows: pd.DataFrame, metric: str, path: Path) -> None:
    with mpl.rc_context(STYLE):
        figure, axes = blank(3.6)
        for method in WORDS:
            if method not in (WHOLE, DENSE, *DRAWN):
                _line(axes, rows, method, metric, color=MUTED, linewidth=0.8, alpha=0.6)
        for place, method in enumerate(DRAWN):
            _line(axes, rows, method, metric, color=SERIES[place], marker=MARKERS[place], label=method)
        _line(axes, rows, DENSE, metric, color=MUTED, linestyle="--", marker="P", label="dense")
        axes.axhline(mean(rows, WHOLE, 100, metric), color=MUTED, linewidth=1.2, linestyle=":", label="whole network")
        axes.plot([], [], color=MUTED, linewidth=0.8, alpha=0.6, label="other criteria")
        axes.set_xlabel("multiplications left (%)")
        axes.set_ylabel(f"{METRICS[metric]} (%)")
        legend(axes, columns=4)
        write_png(figure, path)


def _line(axes: Axes, rows: pd.DataFrame, method: str, metric: str, **look: object) -> None:
    """A method's mean over seeds, with its standard deviation."""
    chosen = rows[rows["method"] == method].groupby("target")[["macs", metric]]
    if not len(chosen):
        return
    means, spread = chosen.mean(), chosen.std().fillna(0)
    axes.errorbar(means["macs"], means[metric], yerr=spread[metric], capsize=2, **look)
