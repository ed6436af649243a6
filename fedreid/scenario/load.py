"""From a scenario file and overrides to a checked, frozen Scenario; every mistake is told at once."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from fedreid.errors import UserError
from fedreid.scenario.fields import FORMATS, allowed, format_at, model_at, nearest, section_of, toml_value
from fedreid.scenario.files import SET, Tree, flatten, overlay, parse_overrides, read_chain
from fedreid.scenario.schema import Scenario


@dataclass(frozen=True)
class Resolved:
    """A scenario, and where its values came from.

    Attributes:
        scenario: the settings.
        origins: "default", "FILE:LINE" or "--set", by dotted key; what isn't listed is a default.
        path: the scenario file.
    """

    scenario: Scenario
    origins: Mapping[str, str]
    path: Path


def load_scenario(path: str | Path, overrides: Sequence[str] = ()) -> Resolved:
    """Read a scenario file, what it extends, and `key.path=value` overrides on top.

    Raises:
        UserError: with one line for each mistake: unknown keys, wrong types and ranges, settings that contradict.
    """
    path = Path(path)
    tree, origins = read_chain(path)
    above = parse_overrides(overrides)
    tree, origins = overlay(tree, above, origins, {key: SET for key, _ in flatten(above)})
    try:
        scenario = Scenario.model_validate(tree)
    except ValidationError as error:
        raise UserError("\n".join(_lines(error, tree, origins, str(path)))) from None
    return Resolved(scenario, origins, path)


def _lines(error: ValidationError, tree: Tree, origins: Mapping[str, str], path: str) -> list[str]:
    """One line for each mistake, in the order of the schema and each key once."""
    lines: dict[object, str] = {}
    for entry in error.errors(include_url=False):
        if entry["type"] == "value_error":
            for key, text in entry["ctx"]["error"].found:
                lines[key, text] = f"{_where(key, origins, path)}: {key} {text}"
            continue
        names = _key_path(entry["loc"], tree)
        lines.setdefault(names, f"{_where('.'.join(names), origins, path)}: {_mistake(entry, names, tree)}")
    return list(lines.values())


def _where(key: str, origins: Mapping[str, str], path: str) -> str:
    """The file that a setting, or the first setting of a section, comes from."""
    origin = next((value for name, value in origins.items() if name == key or name.startswith(f"{key}.")), path)
    return re.sub(r":\d+$", "", origin)


def _key_path(location: tuple[int | str, ...], tree: Tree) -> tuple[str, ...]:
    """The setting's names: pydantic's location without the union's tag and without places in a list."""
    names = [str(name) for name in location if not isinstance(name, int) and name != "[key]"]
    if names[:2] == ["data", "sources"] and len(names) > 3 and names[3] in FORMATS:
        del names[3]
    return tuple(names)


def _mistake(entry: Mapping[str, Any], names: tuple[str, ...], tree: Tree) -> str:
    key, kind = ".".join(names), entry["type"]
    if kind == "extra_forbidden":
        return _unknown(names, tree)
    model = model_at(names[:-1], tree)
    field = model.model_fields.get(names[-1]) if model else None
    if kind == "missing" and not isinstance(entry["loc"][-1], int):
        return _missing(key, allowed(field) if field else "a section")
    value = _value_at(names, tree)
    value = entry["input"] if value is None else value  # in a list of tables
    if kind.startswith("union_tag") and isinstance(value, dict):
        return _format_problem(key, value)
    return f"{key} = {toml_value(value)} is not allowed: expected {_expected(names, field, entry)}"


def _format_problem(key: str, source: Tree) -> str:
    known = ", ".join(toml_value(name) for name in FORMATS)
    if "format" not in source:
        return f"{key}.format is missing: expected one of {known}"
    return f"{key}.format = {toml_value(source['format'])} is not allowed: expected one of {known}"


def _unknown(names: tuple[str, ...], tree: Tree) -> str:
    *parents, name = names
    is_section = isinstance(_value_at(names, tree), dict)
    section = f"[{'.'.join(parents)}] " if parents else ""
    found = f"[{'.'.join(names)}] is not a section." if is_section else f"{section}{name} is not a setting."
    model = model_at(parents, tree)
    if owners := [each for each, other in FORMATS.items() if name in other.model_fields and model in FORMATS.values()]:
        others = " or ".join(owners if len(owners) < 4 else [*owners[:2], "others"])
        found = f"{found} It belongs to format {others}, not to {format_at(names, tree)}."
    elif close := nearest(names, tree):
        others = f" There is also {', '.join(close[1:])}." if close[1:] else ""
        return f"{found} Did you mean {close[0]}?{others}"
    return f"{found} There are: {', '.join(model.model_fields)}." if model else found


def _missing(key: str, expected: str) -> str:
    if key == "data":
        return 'data.sources is missing: name at least one dataset, as in data.sources.people = {format = "synthetic"}'
    if key == "data.sources":
        return f'{key} is missing: name at least one dataset, as in [data.sources.people] with format = "synthetic"'
    return f"{key} is missing: expected {expected}"


def _expected(names: tuple[str, ...], field: FieldInfo | None, entry: Mapping[str, Any]) -> str:
    formats = " or ".join(f'"{name}"' for name in FORMATS)
    if names == ("data", "sources"):
        return f"at least one table [data.sources.NAME] with a format: {formats}"
    if names[:2] == ("data", "sources") and len(names) == 3:
        if entry["type"] == "string_pattern_mismatch":
            return "a name of letters, digits, '_' and '-' that starts with a letter or a digit"
        return f"a table with a format: {formats}"
    if field is None or section_of(field):
        return f"a section, [{'.'.join(names)}]"
    return allowed(field)


def _value_at(names: tuple[str, ...], tree: Tree) -> Any:
    node: Any = tree
    for name in names:
        node = node.get(name) if isinstance(node, dict) else None
    return node
