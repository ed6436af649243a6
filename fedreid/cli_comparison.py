"""What `fedreid compare` prints: the runs to come, and the comparison."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from fedreid.cli_options import wide_console
from fedreid.comparison.experiment_variants import overrides_of
from fedreid.comparison.experiments import LOCAL_ONLY_TITLE, Experiment
from fedreid.comparison.run_plan import plan
from fedreid.comparison.verdicts import Contrast
from fedreid.simulation.many_runs import count, room_for

if TYPE_CHECKING:
    from fedreid.simulation.compare import Comparison

HEADLINES = ("mAP", "rank1", "accuracy", "TAR@FAR=1e-4", "TAR@FAR=1e-3")
MOST_HEADLINES = 2  # of each test set
MOST_NOTES = 10
STATES = {"missing": "", "started": "yellow", "finished": "green"}
VERDICTS = {"better": "green", "worse": "red", "reference": "bold"}


def print_plan(experiment: Experiment, folder: Path, at_once: int | None) -> None:
    """Every run with its state, its key and what it sets."""
    planned, console = plan(experiment, folder), wide_console()
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("variant", "seed", "state", "key", "folder"):
        table.add_column(heading, justify="right" if heading == "seed" else "left", no_wrap=heading != "variant")
    for step in planned.steps:
        state = Text(step.state, style=STATES[step.state])
        table.add_row(Text(step.variant.name), str(step.seed), state, step.key, Text(step.folder.name))
    console.print(table)
    console.print()
    for variant in experiment.variants:
        mark = " (reference)" if variant.name == experiment.reference else ""
        settings = ", ".join(overrides_of(variant.own)) or "as the base"
        console.print(Text(f"{variant.name}{mark}: {settings}"), soft_wrap=True)
    if experiment.local_only:
        bringing = sorted({step.variant.name for step in planned.steps if step.scenario.evaluation.local_only})
        console.print(Text(f"{LOCAL_ONLY_TITLE}: clients of {', '.join(bringing)}, each trained alone"), soft_wrap=True)
    for text in [
        *experiment.warnings(),
        *_few([f"{path} is left alone: {why}." for path, why in planned.unused.items()]),
    ]:
        console.print(Text(text), soft_wrap=True)
    states: Counter[str] = Counter(step.state for step in planned.steps)
    left = [step for step in planned.steps if step.state != "finished"]
    chosen = experiment.at_once if at_once is None else at_once
    told = ", ".join(f"{states[state]:,} {state}" for state in STATES if states[state])
    pace = f"; {chosen or room_for(left):,} at once" if left else ""
    console.print(Text(f"{count(len(planned.steps), 'run')} in {folder}: {told}{pace}."), soft_wrap=True)


def print_comparison(result: Comparison) -> None:
    """A table of the headline scores, what can be told, and what went wrong."""
    console = wide_console()
    for scope, title in (("generic", "people nobody trained on"), ("personalized", "the clients' own people")):
        for dataset in dict.fromkeys(each.dataset for each in result.contrasts if each.scope == scope):
            found = [each for each in result.contrasts if (each.scope, each.dataset) == (scope, dataset)]
            names = dict.fromkeys(each.metric for each in found)
            metrics = [name for name in HEADLINES if name in names][:MOST_HEADLINES]
            if metrics:
                console.print(Text(f"\n{dataset}, {title}", style="bold"))
                console.print(_table(result, found, metrics))
    console.print()
    for text in _told(result):
        console.print(Text(text), soft_wrap=True)
    for reason in result.apart:
        console.print(Text(f"left out: {reason}", style="yellow"), soft_wrap=True)
    for note in _few(result.notes):
        console.print(Text(note, style="dim"), soft_wrap=True)
    for failure in result.failures:
        console.print(Text(f"{failure.step.title} failed: {failure.reason}", style="red"), soft_wrap=True)
    console.print(Text(f"\ncomparison: {result.out / 'comparison.csv'}"), soft_wrap=True)
    console.print(Text(f"report:     {result.report}"), soft_wrap=True)


def _few(notes: Sequence[str]) -> list[str]:
    more = len(notes) - MOST_NOTES
    return [*notes[:MOST_NOTES], *([f"... and {more:,} more such notes"] if more > 0 else [])]


def _told(result: Comparison) -> list[str]:
    metric = next((name for name in HEADLINES if any(each.metric == name for each in result.contrasts)), "mAP")
    return result.sentences(metric)


def _table(result: Comparison, found: list[Contrast], metrics: list[str]) -> Table:
    """Scores of every variant, and the first metric's difference to the reference."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("variant", overflow="fold")
    for heading in ("seeds", *metrics, f"{metrics[0]} against {result.reference}"):
        table.add_column(Text(heading), justify="right", overflow="fold")
    for heading in (f"{100 * found[0].level:g} % interval", "verdict"):
        table.add_column(heading, no_wrap=True)
    by_place = {(each.variant, each.metric): each for each in found}
    for variant in result.variants:
        scored = [by_place[variant.name, metric] for metric in metrics]
        first = scored[0]
        told = Text(first.verdict, style=VERDICTS.get(first.verdict, ""))
        seeds = str(max(each.score.n for each in scored))
        table.add_row(Text(variant.name), seeds, *map(_score, scored), *_difference(first), told)
    return table


def _score(found: Contrast) -> str:
    """Mean and standard deviation over seeds."""
    if not found.score.n:
        return "–"
    spread = "" if math.isnan(found.score.sd) else f" ± {found.score.sd:.1f}"
    return f"{found.score.mean:.1f}{spread}"


def _difference(found: Contrast) -> tuple[str, str]:
    """The difference to the reference, and its interval where there is one."""
    gap = found.difference
    if gap is None:
        return "", ""
    interval = "" if math.isnan(gap.low) else f"{gap.low:+.1f} to {gap.high:+.1f}"
    return f"{gap.mean:+.1f}", interval
