"""Runs that differ in nothing but the seed belong together: a variant."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from os.path import commonprefix
from pathlib import Path
from typing import Any

import pandas as pd

from fedreid.comparison.run_keys import content_of, variant_key
from fedreid.comparison.runs import FinishedRun
from fedreid.comparison.settings import influential
from fedreid.errors import UserError

TITLES = {
    "fedavg": "FedAvg", "fedfr": "FedFR", "fedprox": "FedProx", "moon": "MOON", "fedper": "FedPer", "fedrep": "FedRep",
    "fedbn": "FedBN", "ditto": "Ditto", "fedpav": "FedPav", "fedface": "FedFace", "local_only": "Local training only",
    "centralised": "Central training",
}  # fmt: skip
LONGEST = 60  # letters of what a name tells of settings; beyond it the folders' name is the better one
LOCAL_ONLY = "local_only"  # as references.csv calls each client trained alone


@dataclass(frozen=True, eq=False)
class Variant:
    """One way to run a federation, with all its seeds.

    Attributes:
        name: what it is called in tables and sentences.
        runs: one for each seed, by rising seed.
        settings: those in which it differs from the reference, by dotted key: its own values.
        notes: what a reader should know of its runs.
    """

    name: str
    runs: tuple[FinishedRun, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def seeds(self) -> tuple[int, ...]:
        """Seeds of its runs, rising."""
        return tuple(run.seed for run in self.runs)

    def run(self, seed: int) -> FinishedRun:
        """The run of a seed.

        Raises:
            KeyError: there is none.
        """
        return {run.seed: run for run in self.runs}[seed]

    def scores(self, scope: str, dataset: str, metric: str) -> dict[int, float]:
        """A final score of each seed that has it."""
        found = {run.seed: run.scores.get((scope, dataset, metric)) for run in self.runs}
        return {seed: value for seed, value in found.items() if value is not None and value == value}


def group_runs(
    runs: Iterable[FinishedRun], *, names: Mapping[Path, str] | None = None, reference: str | None = None
) -> list[Variant]:
    """Runs by variant, in the order in which each variant came first.

    Args:
        names: what the variant of each run folder is called; without, variants are named by what they differ in.
        reference: name of the variant that `settings` are told against; None: the first.

    Raises:
        UserError: there is no run, or the reference isn't among the variants.
    """
    groups: dict[str, list[FinishedRun]] = {}
    for run in runs:
        groups.setdefault(variant_key(run.scenario), []).append(run)
    if not groups:
        raise UserError("there is no finished run to compare.")
    named = _named(list(groups.values()), names or {})
    return with_reference([_variant(name, group) for name, group in named], reference)


def with_reference(variants: Sequence[Variant], reference: str | None = None) -> list[Variant]:
    """The same variants with their `settings` told against a reference (by name; None: the first).

    Raises:
        UserError: no variant has that name.
    """
    chosen = reference_of(variants, reference)
    return [replace(variant, settings=_differences(variant.runs[0], chosen.runs[0])) for variant in variants]


def reference_of(variants: Sequence[Variant], reference: str | None = None) -> Variant:
    """The variant of that name; None: the first.

    Raises:
        UserError: there is none.
    """
    for variant in variants:
        if reference in (None, variant.name):
            return variant
    names = ", ".join(variant.name for variant in variants) or "there is none"
    raise UserError(f"reference = {reference!r} is not one of the variants: {names}")


def local_only(variant: Variant, name: str = "Every client alone") -> Variant | None:
    """What each client reaches that trains alone, from the reference rows of a variant's runs; None: they have none.

    Its generic scores are means over the clients, each with its own model; there are no scores of single queries.
    """
    runs = []
    for run in variant.runs:
        rows = run.references[run.references["reference"] == LOCAL_ONLY]
        if len(rows):
            metrics = rows.assign(round=1)[["round", "scope", "client", "dataset", "metric", "value"]]
            runs.append(replace(run, metrics=metrics, references=rows.iloc[:0], queries={}, notes=run.notes))
    return Variant(name, tuple(runs), notes=variant.notes) if runs else None


def _variant(name: str, runs: Sequence[FinishedRun]) -> Variant:
    notes: list[str] = []
    kept: dict[int, FinishedRun] = {}
    for run in runs:
        notes += [f"{run.path}: {note}" for note in run.notes]
        first = kept.setdefault(run.seed, run)
        if first is not run and first.path.resolve() != run.path.resolve():
            notes.append(f"{run.path}: left out, {first.path} has the same settings and seed{_but(first, run)}")
    return Variant(name, tuple(kept[seed] for seed in sorted(kept)), notes=tuple(notes))


def _but(one: FinishedRun, other: FinishedRun) -> str:
    return "" if one.scores == other.scores else ", but other scores (another processor, or other versions)"


def _named(groups: list[list[FinishedRun]], names: Mapping[Path, str]) -> list[tuple[str, list[FinishedRun]]]:
    given = [next((names[run.path] for run in group if run.path in names), "") for group in groups]
    found = [name or own for name, own in zip(given, _own_names(groups), strict=True)]
    seen: dict[str, int] = {}
    for place, name in enumerate(found):
        seen[name] = seen.get(name, 0) + 1
        if seen[name] > 1:
            found[place] = f"{name} ({seen[name]})"
    return list(zip(found, groups, strict=True))


def _own_names(groups: list[list[FinishedRun]]) -> list[str]:
    """Method and strategy, then what else differs between the variants."""
    settings = [settings_of(group[0]) for group in groups]
    keys = {key for each in settings for key in each if any(each[key] != other.get(key) for other in settings)}
    differing = sorted(keys - {"method.name", "federation.strategy"})
    titles = [title_of(group[0]) for group in groups]
    if len(set(titles)) == len(groups):
        return titles
    found = []
    for group, title, each in zip(groups, titles, settings, strict=True):
        others = [other for other, name in zip(settings, titles, strict=True) if name == title]
        own = [key for key in differing if any(each.get(key) != other.get(key) for other in others)]
        told = ", ".join(f"{_short(key, differing)} = {each[key]}" for key in own if key in each)
        short = f"{title}, {told}" if told else title
        found.append(short if len(told) <= LONGEST else _folders_name(group) or title)
    return found


def _folders_name(group: Sequence[FinishedRun]) -> str:
    """What the names of a variant's run folders have in common, "small" of small-0 and small-1; "" for times."""
    name = commonprefix([run.path.name for run in group]).rstrip("-_. ")  # noqa: RUF071  (letters are meant)
    return "" if name[:1].isdigit() else name


def title_of(run: FinishedRun) -> str:
    """Method, and strategy where it isn't the plain mean: "FedProx", "FedAvg with fedadam"."""
    title, strategy = TITLES[run.scenario.method.name], run.scenario.federation.strategy
    return title if strategy == "fedavg" else f"{title} with {strategy}"


def _short(key: str, keys: Sequence[str]) -> str:
    """The last word of a key where that is plain."""
    last = key.rpartition(".")[2]
    return last if [each.rpartition(".")[2] for each in keys].count(last) == 1 else key


def _differences(run: FinishedRun, reference: FinishedRun) -> dict[str, Any]:
    own, others = settings_of(run), settings_of(reference)
    return {
        key: own.get(key)
        for key in dict.fromkeys([*own, *others])
        if key not in own or key not in others or own[key] != others[key]
    }


def settings_of(run: FinishedRun) -> dict[str, Any]:
    """Settings that this run's numbers depend on, without the seed and without those that its method doesn't read."""
    read = content_of(run.scenario)
    return {key: value for key, value in influential(run.scenario).items() if key in read and key != "seed"}


def frame_of(variant: Variant) -> pd.DataFrame:
    """Final scores of all its runs: columns of `FinishedRun.final`, and seed."""
    return pd.concat([run.final.assign(seed=run.seed) for run in variant.runs], ignore_index=True)
