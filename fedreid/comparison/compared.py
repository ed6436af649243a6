"""From run folders to a comparison: those of an experiment, those that are named, those of a comparison's folder."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from fedreid import run_folder
from fedreid.comparison.comparability import incomparable, refuse_incomparable
from fedreid.comparison.comparison_folder import EXPERIMENTS, RECORD, write_text
from fedreid.comparison.experiments import LOCAL_ONLY_TITLE, Experiment, load_experiment
from fedreid.comparison.failures import Failure, read_failures
from fedreid.comparison.held_against import Comparison, held_against
from fedreid.comparison.run_plan import Plan, Step, plan, summary_of
from fedreid.comparison.runs import FinishedRun, load_run
from fedreid.comparison.variants import Variant, group_runs, local_only
from fedreid.errors import RunError, UserError

RUN_COLUMNS = ("variant", "seed", "key", "state", "seconds", "reason", "folder")


def compared_steps(
    experiment: Experiment,
    folder: Path,
    planned: Plan,
    finished: Sequence[Step],
    failures: Sequence[Failure],
    command: str,
) -> Comparison:
    """The finished runs of an experiment held against each other; one that was edited since counts as failed.

    Raises:
        RunError: there is none, with the reasons.
        UserError: they can't be compared.
    """
    loaded, spoilt = _loaded(finished)
    failures, finished = [*failures, *spoilt], [*loaded]
    if not finished:
        reasons = dict.fromkeys(failure.reason for failure in failures)
        what = "no run is as it was written" if spoilt else "every run failed"
        where = f"\n  The logs are in {failures[0].log.parent}" if failures and not spoilt else ""
        raise RunError(f"{what}:\n" + "\n".join(f"  {reason}" for reason in reasons) + where)
    variants = group_runs(loaded.values(), names={step.folder: step.variant.name for step in finished})
    if experiment.local_only:
        bringing = [run for step, run in loaded.items() if step.scenario.evaluation.local_only]
        by_seed = tuple(sorted(bringing, key=lambda run: run.seed))
        alone = local_only(Variant(LOCAL_ONLY_TITLE, by_seed), LOCAL_ONLY_TITLE) if by_seed else None
        variants = [*variants, *([alone] if alone else [])]
    notes = [f"{path} is left alone: {reason}." for path, reason in planned.unused.items()]
    notes += _without_local_only(planned, finished)
    known = [variant.name for variant in variants]
    reference = experiment.reference if experiment.reference in known else known[0]
    if reference != experiment.reference:
        notes.append(f"{experiment.reference} has no finished run: variants are held against {reference} instead.")
    found = held_against(
        variants, reference, folder, experiment.name, runs=_frame(planned, failures), failures=failures, notes=notes,
        description=experiment.description, command=command,
    )  # fmt: skip
    _record(folder, command, reference)
    return found


def _loaded(finished: Sequence[Step]) -> tuple[dict[Step, FinishedRun], list[Failure]]:
    """The runs whose folders are what they wrote; the others can't be counted, but the rest goes on."""
    found, spoilt = {}, []
    for step in finished:
        try:
            found[step] = load_run(step.folder)
        except UserError as error:
            remedy = f"To repeat it, remove {step.folder} and compare again."
            spoilt.append(Failure(step, f"{error}\n  {remedy}", 0, step.folder / run_folder.LOG))
    return found, spoilt


def _without_local_only(planned: Plan, finished: Sequence[Step]) -> list[str]:
    """Which seeds the row of clients trained alone lacks, as the run that brings it can't be used."""
    lacking = [step for step in planned.steps if step.scenario.evaluation.local_only and step not in finished]
    return [
        f"{LOCAL_ONLY_TITLE} lacks seed {step.seed}: its scores come with {step.title}, which can't be used."
        for step in lacking
    ]


def compared_runs(places: Sequence[Path], folder: Path, reference: str, command: str) -> Comparison:
    """Named runs held against each other.

    Args:
        reference: name of a variant; empty: the first run's.

    Raises:
        UserError: a folder is no finished run, or they can't be compared.
    """
    runs = [load_run(place) for place in dict.fromkeys(path.absolute() for path in places)]
    variants = group_runs(runs)
    bringing = next((found for each in variants if (found := local_only(each, LOCAL_ONLY_TITLE))), None)
    if bringing is not None and all(variant.name != LOCAL_ONLY_TITLE for variant in variants):
        variants.append(bringing)
    if len(variants) == 1:
        raise UserError(f"{places[0]}: one variant alone has nothing to be compared with: give runs of two or more.")
    chosen = reference or variants[0].name
    named = [variant for variant in variants if variant is not bringing]
    if any(variant.name == chosen for variant in named) and len(incomparable(named, chosen)) == len(named) - 1:
        refuse_incomparable(named, chosen)  # the row of clients trained alone, which nobody named, is no comparison
    rows = [
        (variant.name, run.seed, "", "finished", seconds_of(run.summary), "", str(run.path))
        for variant in named
        for run in variant.runs
    ]
    frame = pd.DataFrame(rows, columns=[*RUN_COLUMNS])
    result = held_against(variants, chosen, folder, "Comparison of finished runs", runs=frame, command=command)
    _record(folder, command, reference, places)
    return result


def compared_again(folder: Path) -> Comparison:
    """The comparison of a folder that `fedreid compare` wrote, from the runs that are finished by now; runs nothing.

    Raises:
        UserError: it is no such folder, or its runs are gone or can't be compared.
        RunError: no run of it is finished.
    """
    record = _read_record(folder)
    command = str(record.get("command", f"fedreid compare {folder}"))
    if (folder / EXPERIMENTS).is_file():
        experiment = load_experiment(folder / EXPERIMENTS)
        planned = plan(experiment, folder)
        finished = [step for step in planned.steps if step.state == "finished"]
        if not finished:
            raise UserError(f"{folder}: no run of this comparison is finished. Make them: fedreid compare {folder}")
        failures = read_failures(folder, planned.steps)
        return compared_steps(experiment, folder, planned, finished, failures, command)
    places = [folder / str(place) for place in record.get("runs", ())]
    if not places:
        raise UserError(f"{folder} is neither the folder of a run nor one of a comparison.")
    return compared_runs(
        [Path(os.path.normpath(place)) for place in places], folder, str(record.get("reference", "")), command
    )


def is_comparison(folder: Path) -> bool:
    """Whether `fedreid compare` wrote this folder."""
    return (folder / RECORD).is_file() or (folder / EXPERIMENTS).is_file()


def seconds_of(summary: Mapping[str, Any]) -> float:
    """How long a run took; nan where it doesn't say."""
    timing = summary.get("timing")
    found = timing.get("total_seconds") if isinstance(timing, dict) else None
    return float(found) if isinstance(found, int | float) else float("nan")


def _record(folder: Path, command: str, reference: str, places: Sequence[Path] = ()) -> None:
    """What else `compared_again` has to know; run folders relative to the comparison's."""
    runs = [os.path.relpath(place.absolute(), folder.absolute()) for place in places]
    content = {"command": command, "reference": reference, **({"runs": runs} if runs else {})}
    write_text(folder / RECORD, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def _read_record(folder: Path) -> dict[str, Any]:
    try:
        found = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise UserError(f"{folder / RECORD}: damaged: {error}. Compare again: fedreid compare") from None
    if not isinstance(found, dict) or not isinstance(found.get("runs", []), list):
        raise UserError(f"{folder / RECORD}: damaged: expected names and values. Compare again: fedreid compare")
    return found


def _frame(planned: Plan, failures: Sequence[Failure]) -> pd.DataFrame:
    failed = {failure.step: failure for failure in failures}
    rows = []
    for step in planned.steps:
        summary = summary_of(step.folder)
        state = "failed" if step in failed else str(summary.get("status") or "missing")
        reason = failed[step].reason if step in failed else ""
        rows.append((step.variant.name, step.seed, step.key, state, seconds_of(summary), reason, str(step.folder)))
    return pd.DataFrame(rows, columns=[*RUN_COLUMNS])
