"""The variants that an experiment file lists: each with its settings, checked, and with a name that tells it apart."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fedreid.comparison.experiment_schema import ExperimentSettings
from fedreid.comparison.run_keys import variant_key
from fedreid.comparison.variants import TITLES
from fedreid.errors import UserError
from fedreid.scenario import Scenario, load_scenario
from fedreid.scenario.fields import toml_value
from fedreid.scenario.files import SET, flatten

Values = dict[str, Any]  # settings by dotted key

CENTRALISED_TITLE = "Centralised"
UPPER_BOUND = "One model on everybody's images: what federations are measured against."
# What centralised training can't have, as it has no clients: set back where the base has it.
NO_FEDERATION: Mapping[str, Any] = {
    "method.name": "centralised", "federation.strategy": "fedavg", "federation.batchnorm": "average",
    "federation.participants": [], "adaptation.methods": [], "pruning.tiers": [], "pruning.budgets": [],
    "pruning.maps": "importance", "pruning.map_files": [],
}  # fmt: skip


@dataclass(frozen=True)
class PlannedVariant:
    """One of the things that are compared.

    Attributes:
        values: what it changes in the base: of all variants, its own, of the grid and of the command line.
        own: the part of them in which it differs from the other variants.
        scenario: with the first seed.
        is_added: it is not in the file: the row of centralised training.
    """

    name: str
    description: str
    values: Mapping[str, Any]
    own: Mapping[str, Any]
    scenario: Scenario
    is_added: bool = False


def overrides_of(values: Mapping[str, Any]) -> list[str]:
    """Settings as `--set` takes them."""
    return [f"{key}={toml_value(value)}" for key, value in values.items()]


def slug(text: str) -> str:
    """A name as part of a folder's: letters, digits, dots and dashes."""
    kept = "".join(letter if letter.isascii() and (letter.isalnum() or letter in "._=") else "-" for letter in text)
    parts = [part for part in kept.replace("=", "-").split("-") if part]
    return "-".join(parts)[:48].strip(".-_") or "variant"


def values_in(tree: Mapping[str, Any]) -> Values:
    """Settings by dotted key, whether they were written "method.name" = ... or as tables."""
    return dict(flatten(dict(tree)))


def variants_of(
    path: Path, settings: ExperimentSettings, base: Path, everywhere: Values, above: Values
) -> list[PlannedVariant]:
    """Every variant with every combination of the grid.

    Args:
        everywhere: settings of all variants; above: those of the command line, which win over a variant's own.

    Raises:
        UserError: the mistakes of all of them, each once; or two variants are the same.
    """
    listed = [(each.name, each.description, values_in(each.set)) for each in settings.variants]
    listed = listed or [("" if settings.grid else slug(base.stem), "", {})]
    found, mistakes = [], defaultdict(list)
    for name, description, own in listed:
        combined = []
        for combination in _combinations(values_in(settings.grid)):
            changed = own | combination
            try:
                scenario = resolved(base, everywhere | changed | above, settings.seeds[0], "")
            except UserError as error:
                for line in str(error).split("\n"):
                    mistakes[line].append(_named(name, combination))
                continue
            values = everywhere | changed | above
            combined.append((combination, PlannedVariant(name, description, values, changed, scenario)))
        found += _named_by_what_differs(name, combined)
    if mistakes:
        everyone = sum(1 for _ in _combinations(values_in(settings.grid))) * len(listed)
        raise UserError("\n".join(_told(path, base, line, names, everyone) for line, names in mistakes.items()))
    _refuse_same(path, found)
    return found


def _combinations(grid: Mapping[str, Sequence[Any]]) -> Iterable[Values]:
    for values in itertools.product(*grid.values()):
        yield dict(zip(grid, values, strict=True))


def _named(name: str, combination: Mapping[str, Any]) -> str:
    """ "FedProx, mu = 0.1": a setting goes by its last word, if no other of the combination has the same."""
    words = {key: key.rpartition(".")[2] for key in combination}
    alike = Counter(words.values())
    parts = []
    for key, value in combination.items():
        text = value if isinstance(value, str) else toml_value(value)
        if key in ("method.name", "federation.strategy"):  # their values say what they are
            parts.append(TITLES.get(text, text))
        else:
            parts.append(f"{words[key] if alike[words[key]] == 1 else key} = {text}")
    return ", ".join([*([name] if name else []), *parts])


def _named_by_what_differs(name: str, combined: Sequence[tuple[Values, PlannedVariant]]) -> list[PlannedVariant]:
    """One variant for each content. A grid of `method.fedprox.mu` leaves FedAvg, which doesn't read it, as it was."""
    groups: dict[str, list[tuple[Values, PlannedVariant]]] = defaultdict(list)
    for combination, variant in combined:
        groups[variant_key(variant.scenario)].append((combination, variant))
    found = []
    for members in groups.values():
        first, variant = members[0]
        common = {key: value for key, value in first.items() if all(other[key] == value for other, _ in members)}
        title = _named(name, common) or TITLES[variant.scenario.method.name]
        values = {key: value for key, value in variant.values.items() if key not in first or key in common}
        own = {key: value for key, value in variant.own.items() if key not in first or key in common}
        found.append(replace(variant, name=title, values=values, own=own))
    return found


def resolved(base: Path, values: Mapping[str, Any], seed: int, where: str) -> Scenario:
    """The base with these settings; mistakes in them lose the "--set" that they would come from."""
    try:
        scenario = load_scenario(base, overrides_of(values)).scenario
    except UserError as error:
        lines = [line.removeprefix(f"{SET}: ") for line in str(error).split("\n")]
        raise UserError("\n".join(f"{where}: {line}" if where else line for line in lines)) from None
    return scenario.model_copy(update={"seed": seed})


def _told(path: Path, base: Path, line: str, names: Sequence[str], everyone: int) -> str:
    if line.startswith(f"{base}:") or len(names) == everyone:
        return f"{path}: {line}"
    shown = "; ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    return f"{path}: variant{'s' if len(names) > 1 else ''} {shown}: {line}"


def _refuse_same(path: Path, variants: Sequence[PlannedVariant]) -> None:
    """Stop where two variants are one federation by two names."""
    seen: dict[str, str] = {}
    for variant in variants:
        first = seen.setdefault(variant_key(variant.scenario), variant.name)
        if first != variant.name:
            raise UserError(
                f"{path}: variants {first} and {variant.name} are the same: they differ in no setting that has an "
                "influence on the numbers. Leave one out, or change what it sets."
            )


def centralised(
    path: Path, base: Path, start: Scenario, everywhere: Values, variants: Sequence[PlannedVariant]
) -> PlannedVariant:
    """The row of central training: the base with another method, and without what only federations have.

    Args:
        start: the base with the settings of all variants, which are `everywhere`.
    """
    plain = dict(flatten(start.model_dump(mode="json")))
    changed = {key: value for key, value in NO_FEDERATION.items() if plain[key] != value}
    where = f"{path}: {CENTRALISED_TITLE} (centralised = false leaves it out)"
    scenario = resolved(base, everywhere | changed, start.seed, where)
    taken = any(variant.name == CENTRALISED_TITLE for variant in variants)
    title = f"{CENTRALISED_TITLE} (upper bound)" if taken else CENTRALISED_TITLE
    return PlannedVariant(title, UPPER_BOUND, everywhere | changed, changed, scenario, is_added=True)
