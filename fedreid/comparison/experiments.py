"""The runs that an experiment file means: variants, their combinations with a grid, and seeds."""

from __future__ import annotations

import difflib
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fedreid.comparison.comparability import PROTOCOL
from fedreid.comparison.experiment_schema import ExperimentSettings, read_settings
from fedreid.comparison.experiment_variants import (
    PlannedVariant,
    centralised,
    resolved,
    slug,
    values_in,
    variants_of,
)
from fedreid.comparison.run_keys import LOCAL_ONLY
from fedreid.comparison.settings import influential
from fedreid.errors import UserError
from fedreid.scenario import Scenario
from fedreid.scenario.fields import toml_value
from fedreid.scenario.files import SET, parse_overrides

LOCAL_ONLY_TITLE = "Local only"
MOST_RUNS = 10_000
# Settings that the experiment itself decides, and what says so.
DECIDED = {
    "seed": "seeds = [...]", "name": "the names of variants", "description": "the descriptions of variants",
    LOCAL_ONLY: "local_only = true or false",
}  # fmt: skip


@dataclass(frozen=True)
class Experiment:
    """An experiment file, resolved.

    Attributes:
        path: the file.
        base: the scenario's file.
        start: the base with what is set for all variants.
        reference: name of the variant that others are held against.
    """

    path: Path
    base: Path
    name: str
    description: str
    start: Scenario
    variants: tuple[PlannedVariant, ...]
    seeds: tuple[int, ...]
    reference: str
    at_once: int
    local_only: bool

    def variant(self, name: str) -> PlannedVariant:
        """The variant of this name."""
        return next(variant for variant in self.variants if variant.name == name)

    def warnings(self) -> list[str]:
        """Variants that will most likely not be comparable with the reference, said before anything is run."""
        names = [variant.name for variant in self.variants]
        reference = self.variant(self.reference if self.reference in names else names[0])
        expected, found = influential(reference.scenario), []
        for variant in self.variants:
            values = influential(variant.scenario)
            differing = [key for key in {**expected, **values} if expected.get(key) != values.get(key)]
            if keys := [key for key in differing if key in PROTOCOL or key.startswith(("data.sources.", "partition."))]:
                found.append(
                    f"{variant.name} differs from {reference.name} in {keys[0]}: where that changes who holds or tests "
                    "which images, the two can't be compared."
                )
        return found


def load_experiment(
    path: str | Path, *, overrides: Sequence[str] = (), seeds: Sequence[int] = (), reference: str = ""
) -> Experiment:
    """Read an experiment file and resolve every variant.

    Args:
        overrides: `key.path=value` on top of all variants.
        seeds: instead of the file's.
        reference: instead of the file's.

    Raises:
        UserError: with one line for each mistake, which names the variant where it is one's own.
    """
    path = Path(path)
    settings = read_settings(path)
    if seeds:
        settings = settings.model_copy(update={"seeds": tuple(seeds)})
    if reference:
        settings = settings.model_copy(update={"reference": reference})
    _refuse(path, _mistakes(settings))
    base, above = path.parent / settings.base, values_in(parse_overrides(overrides))
    _refuse(path, _decided(SET, above))
    everywhere = values_in(settings.set) | above
    start = resolved(base, everywhere, settings.seeds[0], f"{path}: the base")
    variants = variants_of(path, settings, base, everywhere, above)
    if settings.centralised and all(variant.scenario.method.name != "centralised" for variant in variants):
        variants.append(centralised(path, base, start, everywhere, variants))
    return Experiment(
        path=path,
        base=base,
        name=settings.name or slug(path.stem),
        description=settings.description,
        start=start,
        variants=tuple(variants),
        seeds=settings.seeds,
        reference=_reference(path, settings.reference, variants, has_local_only=settings.local_only),
        at_once=settings.at_once,
        local_only=settings.local_only,
    )


def _refuse(path: Path, found: Iterable[str]) -> None:
    if lines := [f"{path}: {text}" for text in found]:
        raise UserError("\n".join(lines))


def _mistakes(settings: ExperimentSettings) -> Iterable[str]:
    """What is wrong in an experiment file whose every setting is of the right kind."""
    for seed, times in Counter(settings.seeds).items():
        if times > 1:
            yield f"seeds = {toml_value(settings.seeds)} has {seed} twice: the same run again would count as another"
    for name, times in Counter(variant.name for variant in settings.variants).items():
        if times > 1:
            yield f"two variants are called {name}: give each a name of its own"
    if settings.local_only and any(variant.name == LOCAL_ONLY_TITLE for variant in settings.variants):
        yield f"variant {LOCAL_ONLY_TITLE}: the row of clients trained alone has this name: use another"
    yield from _decided("[set]", values_in(settings.set))
    for variant in settings.variants:
        yield from _decided(f"variant {variant.name}", values_in(variant.set))
    grid = values_in(settings.grid)
    yield from _decided("[grid]", grid)
    for key, values in grid.items():
        if not isinstance(values, list) or not values:
            yield f"[grid] {key} = {toml_value(values)} is not allowed: expected a list of values, as in [0.01, 0.1]"
        elif any(values.count(value) > 1 for value in values):
            yield f"[grid] {key} = {toml_value(values)} has a value twice"
        for variant in settings.variants:
            if key in values_in(variant.set):
                yield f"variant {variant.name}: {key} is varied by [grid] already: set it in one of the two"
    counts = [len(values) for values in grid.values() if isinstance(values, list)]
    total = math.prod(counts) * max(1, len(settings.variants)) * len(settings.seeds)
    if total > MOST_RUNS:
        yield f"means {total:,} runs: more than {MOST_RUNS:,} is a mistake in [grid], or work for several files"


def _decided(where: str, values: Mapping[str, Any]) -> Iterable[str]:
    for key, by in DECIDED.items():
        if key in values:
            yield f"{where} {key} is decided by {by} in the experiment file"


def _reference(path: Path, name: str, variants: Sequence[PlannedVariant], *, has_local_only: bool) -> str:
    names = [variant.name for variant in variants]
    if not name:
        return names[0]
    known = [*names, *([LOCAL_ONLY_TITLE] if has_local_only else [])]
    if name in known:
        return name
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"Did you mean {close[0]}?" if close else f"There are: {', '.join(known)}."
    raise UserError(f"{path}: reference = {toml_value(name)} is not one of the variants. {hint}")
