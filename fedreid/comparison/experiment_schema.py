"""What an experiment file holds: a base scenario, what is varied in it, and the seeds."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError
from pydantic.fields import FieldInfo

from fedreid.errors import UserError
from fedreid.scenario.fields import allowed, toml_value
from fedreid.scenario.schema import Scenario
from fedreid.scenario.settings import NotNegative, Seed, Settings

LISTS = {  # of which `allowed` has no words
    "seeds": "a list of whole numbers from 0 to 4294967295, as in [0, 1, 2]",
    "variants": "tables [[variants]] with a name and what each sets",
    "grid": "a table [grid] of settings, each with the list of its values",
    "set": 'a table of settings, as in {"method.name" = "fedprox"}',
}


class VariantSettings(Settings):
    """One of the things that are compared."""

    name: Annotated[str, Field(min_length=1, max_length=80, pattern=r"^[^\x00-\x1f\x7f]*\S[^\x00-\x1f\x7f]*$")] = Field(
        description="what it is called in tables and figures"
    )
    description: str = Field(default="", description="a sentence for the report")
    set: dict[str, Any] = Field(default={}, description="settings that it changes in the base, by dotted key")


class ExperimentSettings(Settings):
    """An experiment file."""

    name: Annotated[str, Field(pattern=r"^([A-Za-z0-9][A-Za-z0-9._-]*)?$")] = Field(
        default="", description="names the folder; empty: the file's name"
    )
    description: str = Field(default="", description="a sentence for the report: the question that is asked")
    base: Annotated[str, Field(min_length=1)] = Field(
        description="the scenario that all variants start from, relative to this file"
    )
    seeds: Annotated[tuple[Seed, ...], Field(strict=False, min_length=1)] = Field(
        default=(0, 1, 2), description="every variant is run once with each"
    )
    reference: str = Field(default="", description="the variant that others are held against; empty: the first")
    at_once: NotNegative = Field(default=0, description="runs at the same time; 0: what cores and memory allow")
    local_only: bool = Field(default=True, description="a row of clients that each train alone, the lower bound")
    centralised: bool = Field(default=True, description="a row of one model on everybody's images, the upper bound")
    set: dict[str, Any] = Field(default={}, description="settings of all variants, by dotted key")
    variants: Annotated[tuple[VariantSettings, ...], Field(strict=False)] = Field(
        default=(), description="what is compared; none: the base, or the grid"
    )
    grid: dict[str, Any] = Field(
        default={}, description="settings with a list of values each: every variant with every combination of them"
    )


def read_settings(path: Path) -> ExperimentSettings:
    """An experiment file's settings.

    Raises:
        UserError: with one line for each mistake: no such file, not TOML, a scenario, unknown keys, wrong values.
    """
    tree = _tree(path)
    if "base" not in tree and ("data" in tree or "extends" in tree):
        raise UserError(
            f"{path} is a scenario, and an experiment file is expected: one with base = {toml_value(path.name)} and "
            "[[variants]]. To run the scenario alone: fedreid run"
        )
    try:
        return ExperimentSettings.model_validate(tree)
    except ValidationError as error:
        raise UserError("\n".join(f"{path}: {text}" for text in _mistakes(error.errors(), tree))) from None


def _tree(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise UserError(f"{path}: no such experiment file") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not a text file in UTF-8 (byte {error.start}); experiments are TOML text") from None
    except OSError as error:
        raise UserError(f"{path}: can't be read: {error.strerror}") from None
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{path}: not valid TOML: {error}") from None


def _mistakes(entries: Sequence[Mapping[str, Any]], tree: Mapping[str, Any]) -> list[str]:
    """Each once. A list of wrong values is called empty as well, as none of them is left: that is no second mistake."""
    wrong = {entry["loc"][0] for entry in entries if entry["type"] != "too_short"}
    told = [entry for entry in entries if entry["type"] != "too_short" or entry["loc"][0] not in wrong]
    return list(dict.fromkeys(_mistake(entry, tree) for entry in told))


def _mistake(entry: Mapping[str, Any], tree: Mapping[str, Any]) -> str:
    """One mistake in words, with the variant that it is in."""
    location = list(entry["loc"])
    where, model = "", ExperimentSettings
    if location[0] == "variants" and len(location) > 1:
        where, model = f"{_title(location[1], tree)}: ", VariantSettings  # type: ignore[assignment]
        location = location[2:]
    if not location:
        return f"{where}expected {LISTS['variants']}"
    key = str(location[0])
    if entry["type"] == "extra_forbidden":
        return f"{where}{_unknown(key, model, tree)}"
    expected = _expected(key, model.model_fields[key])
    if entry["type"] == "missing":
        return f"{where}{key} is missing: expected {expected}"
    if entry["type"] == "too_short":
        return f"{where}{key} is empty: expected {expected}"
    value = entry["input"] if len(location) == 1 else tree.get(key)
    return f"{where}{key} = {toml_value(value)} is not allowed: expected {expected}"


def _title(number: int | str, tree: Mapping[str, Any]) -> str:
    """Which of the variants: its name if it has one, else its place from 1."""
    try:
        name = tree["variants"][number]["name"]
    except (KeyError, TypeError, IndexError):
        name = None
    readable = isinstance(name, str) and name.strip() and name.isprintable()
    return f"variant {name}" if readable else f"[[variants]] number {int(number) + 1}"


def _unknown(key: str, model: type[Settings], tree: Mapping[str, Any]) -> str:
    if close := difflib.get_close_matches(key, model.model_fields, n=1):
        return f"{key} is not a setting. Did you mean {close[0]}?"
    if key.partition(".")[0] in Scenario.model_fields:
        return f"{key} belongs to scenarios: put it into [set], or into the set of a variant"
    return f"{key} is not a setting. There are: {', '.join(model.model_fields)}."


def _expected(key: str, field: FieldInfo) -> str:
    if key == "base":
        return "the name of a scenario file"
    if key == "name" and field.is_required():
        return "text of 1 to 80 characters in one line"
    return LISTS.get(key) or allowed(field)
