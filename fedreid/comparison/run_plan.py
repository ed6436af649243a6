"""Which runs of an experiment are there, which are to be made, and which folders are of no use any more."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from fedreid import run_folder
from fedreid.comparison.experiment_variants import PlannedVariant, overrides_of, slug
from fedreid.comparison.experiments import Experiment
from fedreid.comparison.run_keys import LOCAL_ONLY, alone_key, files_of, run_key, same_images, variant_key
from fedreid.scenario import Scenario

State = Literal["missing", "started", "finished"]
RUNS = "runs"


@dataclass(frozen=True)
class FoundRun:
    """A run folder that is there.

    Attributes:
        status: of summary.json: "finished", "running" (or killed), "interrupted", "failed"; "" before the first round.
    """

    path: Path
    scenario: Scenario
    key: str
    status: str

    @property
    def state(self) -> State:
        return "finished" if self.status == "finished" else "started"


@dataclass(frozen=True, eq=False)
class Step:
    """A run that an experiment means, and how far it is.

    Attributes:
        scenario: with its seed, and with local-only rows where this run is the one to bring them.
        overrides: what makes it of the base.
    """

    variant: PlannedVariant
    seed: int
    scenario: Scenario
    overrides: tuple[str, ...]
    key: str
    folder: Path
    state: State

    @property
    def title(self) -> str:
        return f"{self.variant.name}, seed {self.seed}"


@dataclass(frozen=True)
class Plan:
    """Every run of an experiment.

    Attributes:
        unused: folders that belong to none of them, each with the reason; they are left alone.
    """

    steps: tuple[Step, ...]
    unused: Mapping[Path, str] = field(default_factory=dict)


def plan(experiment: Experiment, folder: Path) -> Plan:
    """Match an experiment's runs with the folders in `folder`/runs.

    A folder's content decides, not its name: a run that was made for a variant with another name, or for a variant of
    an earlier file, is taken if its numbers would be the same.
    """
    found, unreadable = _found_in(folder / RUNS)
    carriers = _carriers(experiment, found) if experiment.local_only else {}
    steps: list[Step] = []
    taken: set[Path] = set()
    for variant in experiment.variants:
        for seed in experiment.seeds:
            brings_local_only = carriers.get(seed) == variant.name
            steps.append(_step(experiment, variant, seed, brings_local_only, found, folder / RUNS, taken))
    wanted, names = (
        {step.key for step in steps},
        {variant_key(each.scenario): each.name for each in experiment.variants},
    )
    unused = {run.path: _why_unused(run, wanted, names) for run in found if run.path not in taken} | unreadable
    return Plan(tuple(steps), dict(sorted(unused.items())))


def _step(
    experiment: Experiment,
    variant: PlannedVariant,
    seed: int,
    brings_local_only: bool,
    found: Sequence[FoundRun],
    runs: Path,
    taken: set[Path],
) -> Step:
    described = variant.description or _description(experiment, variant)
    own = {"name": slug(variant.name), "description": described, "seed": seed, LOCAL_ONLY: brings_local_only}
    evaluation = variant.scenario.evaluation.model_copy(update={"local_only": brings_local_only})
    scenario = variant.scenario.model_copy(
        update={"name": own["name"], "description": described, "seed": seed, "evaluation": evaluation}
    )
    key = run_key(scenario)
    suitable = [
        run
        for run in found
        if run.key == key
        and (run.scenario.evaluation.local_only or not brings_local_only)
        and _is_still_meant(run, scenario)
    ]
    suitable.sort(key=lambda run: (run.state != "finished", run.path.name))
    place = (
        suitable[0].path
        if suitable
        else _free(runs, f"{own['name']}-{seed}-{key}", {run.path for run in found} | taken)
    )
    taken.add(place)
    return Step(
        variant=variant,
        seed=seed,
        scenario=scenario,
        overrides=tuple(overrides_of(dict(variant.values) | own)),
        key=key,
        folder=place,
        state=suitable[0].state if suitable else "missing",
    )


def _description(experiment: Experiment, variant: PlannedVariant) -> str:
    changes = ", ".join(overrides_of(variant.own)) or "as its base"
    return f"{variant.name} in the comparison {experiment.name}: {changes}."


def _carriers(experiment: Experiment, found: Sequence[FoundRun]) -> dict[int, str]:
    """For each seed the variant whose run trains every client alone as well: the reference, if no other has done so.

    What clients do alone depends on no method, so one run for each seed is enough. The row is that of the reference's
    settings (its learning rate, its epochs).
    """
    names = [variant.name for variant in experiment.variants]
    first = experiment.variant(experiment.reference if experiment.reference in names else names[0])
    order = [first, *(variant for variant in experiment.variants if variant is not first)]
    carriers = {}
    for seed in experiment.seeds:
        wanted = _with_seed(first, seed)
        alike = [variant for variant in order if alone_key(_with_seed(variant, seed)) == alone_key(wanted)]
        there = [variant for variant in alike if _has_local_only(_with_seed(variant, seed), found)]
        carriers[seed] = (there or [first])[0].name
    return carriers


def _with_seed(variant: PlannedVariant, seed: int) -> Scenario:
    return variant.scenario.model_copy(update={"seed": seed})


def _has_local_only(scenario: Scenario, found: Sequence[FoundRun]) -> bool:
    key = run_key(scenario)
    return any(run.key == key and run.scenario.evaluation.local_only for run in found)


def _is_still_meant(run: FoundRun, scenario: Scenario) -> bool:
    """Whether a run of the same key saw the same images and files: paths may lead to something else by now."""
    if not same_images(scenario, run.scenario):
        return False
    if run.path.name.endswith(run.key):
        return True  # the key that it was made with
    started = (run.path / run_folder.SCENARIO).stat().st_mtime
    return all(not file.exists() or file.stat().st_mtime <= started for file in files_of(run.scenario))


def _free(runs: Path, name: str, known: set[Path]) -> Path:
    """A folder for a new run; what came to nothing leaves an empty one, which is used again."""
    for number in range(1, 1000):
        path = runs / (name if number == 1 else f"{name}-{number}")
        if path not in known and not (path.exists() and any(path.iterdir())):
            return path
    raise AssertionError(f"{runs}: 999 folders called {name}")


def _why_unused(run: FoundRun, wanted: set[str], names: Mapping[str, str]) -> str:
    if run.key in wanted:
        return "another run has the same settings, or it lacks what is asked of it now"
    if (name := names.get(variant_key(run.scenario))) is not None:
        return f"{name} with seed {run.scenario.seed}, which is not asked for"
    return "its settings are those of no variant"


def _found_in(runs: Path) -> tuple[list[FoundRun], dict[Path, str]]:
    """Run folders, and those that can't be read with the reason."""
    found, unreadable = [], {}
    for path in sorted(runs.iterdir()) if runs.is_dir() else []:
        if not (path / run_folder.SCENARIO).is_file():
            if path.is_dir() and any(path.iterdir()):
                unreadable[path] = "no run folder"
            continue
        try:
            tree = tomllib.loads((path / run_folder.SCENARIO).read_text(encoding="utf-8"))
            scenario = Scenario.model_validate(tree)
        except (OSError, ValueError, ValidationError):
            unreadable[path] = "its scenario.toml can't be read: of another version, or edited by hand"
            continue
        found.append(FoundRun(path, scenario, run_key(scenario), status_of(path)))
    return found, unreadable


def status_of(run_dir: Path) -> str:
    """What summary.json says of a run; "" where there is none yet."""
    return str(summary_of(run_dir).get("status", ""))


def summary_of(run_dir: Path) -> dict[str, Any]:
    """summary.json; empty where there is none yet."""
    try:
        content = json.loads((run_dir / run_folder.SUMMARY).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
