"""The schema as a list of keys: what each allows, and which one a misspelt key meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, Literal, get_args, get_origin

import tomli_w
from pydantic.fields import FieldInfo

from fedreid.scenario.schema import Scenario
from fedreid.scenario.settings import Settings
from fedreid.scenario.source_schema import Source

# The sources are a union told apart by `format`: (union, discriminator) -> each model's own Literal.
FORMATS: dict[str, type[Settings]] = {
    get_args(model.model_fields["format"].annotation)[0]: model for model in get_args(get_args(Source)[0])
}


def leaves(model: type[Settings], prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Dotted key and field of every setting below `model`, in schema order; sources, whose names are free, left out."""
    for name, field in model.model_fields.items():
        if name == "sources":
            continue
        if section := section_of(field):
            yield from leaves(section, f"{prefix}{name}.")
        else:
            yield prefix + name, field


def section_of(field: FieldInfo) -> type[Settings] | None:
    """The settings below a field, or None where it holds a value."""
    annotation = field.annotation
    return annotation if isinstance(annotation, type) and issubclass(annotation, Settings) else None


def entry_of(field: FieldInfo) -> type[Settings] | None:
    """The settings in each table of a list of tables, or None where a field is no such list."""
    inner = get_args(field.annotation)[:1] if get_origin(field.annotation) is tuple else ()
    return inner[0] if inner and isinstance(inner[0], type) and issubclass(inner[0], Settings) else None


def model_at(path: Iterable[str], tree: Mapping[str, Any]) -> type[Settings] | None:
    """The settings that belong at a path of table names; a source's are those of the `format` it has in `tree`."""
    names = tuple(path)
    if names[:2] == ("data", "sources"):
        return FORMATS.get(format_at(names, tree)) if len(names) == 3 else None
    model: type[Settings] | None = Scenario
    for name in names:
        field = model.model_fields.get(name) if model else None
        model = section_of(field) or entry_of(field) if field else None
    return model


def format_at(path: tuple[str, ...], tree: Mapping[str, Any]) -> str:
    """The `format` that the source at a path has in `tree`, or an empty string."""
    node: Any = tree
    for name in path[:3]:
        node = node.get(name) if isinstance(node, Mapping) else None
    found = node.get("format") if isinstance(node, Mapping) else None
    return found if isinstance(found, str) else ""


def nearest(path: tuple[str, ...], tree: Mapping[str, Any]) -> list[str]:
    """The full keys that an unknown one at `path` may have meant, best first: among its siblings, else anywhere."""
    *parents, name = path
    model = model_at(parents, tree)
    if model and (close := difflib.get_close_matches(name, model.model_fields, n=1)):
        return [".".join([*parents, close[0]])]
    keys = sorted([*Scenario.model_fields, *(key for key, _ in leaves(Scenario))], key=_likelihood)
    if close := difflib.get_close_matches(name, {key.rpartition(".")[2] for key in keys}, n=1, cutoff=0.75):
        return [key for key in keys if key.rpartition(".")[2] == close[0]]
    return difflib.get_close_matches(".".join(path), keys, n=1, cutoff=0.75)


def _likelihood(key: str) -> int:
    """Sorts what a client does first: `epochs` in a wrong place means the method's more often than pre-training's."""
    return 0 if key.startswith("method.") else 1


def toml_value(value: Any) -> str:
    """A value as it is written in a scenario file."""
    value = list(value) if isinstance(value, tuple) else value
    if isinstance(value, Settings):
        value = value.model_dump(mode="json", exclude_defaults=True)
    if isinstance(value, list):
        return f"[{', '.join(map(toml_value, value))}]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key} = {toml_value(entry)}" for key, entry in value.items()) + "}"
    return tomli_w.dumps({"v": value}).removeprefix("v = ").rstrip("\n")


def allowed(field: FieldInfo) -> str:
    """What a setting may be, in words: "a whole number of at least 1"."""
    annotation, bounds = field.annotation, _bounds(field.metadata)
    if get_origin(annotation) is Literal:
        values = [toml_value(value) for value in get_args(annotation)]
        return f"one of {', '.join(values)}" if len(values) > 1 else values[0]
    if annotation is bool:
        return "true or false"
    if annotation is int:
        return f"a whole number{_whole_range(bounds)}"
    if annotation is float:
        return f"a number{_range(bounds)}"
    if (entry := entry_of(field)) is not None:
        return f"a list of tables with some of {', '.join(entry.model_fields)}"
    if get_origin(annotation) is tuple:
        return _list(annotation)
    if "pattern" in bounds:
        return "text of letters, digits, '.', '_' and '-' that starts with a letter or a digit"
    return "text"


def _list(annotation: Any) -> str:
    """What a list may hold, in words."""
    item, *rest = get_args(annotation)
    if rest != [Ellipsis]:
        return "two whole numbers of at least 1, height and width, as in [128, 64]"
    bounds: dict[str, Any] = {}
    if get_origin(item) is Annotated:
        found = [entry for field in item.__metadata__ for entry in getattr(field, "metadata", (field,))]
        bounds, item = _bounds(found), get_args(item)[0]
    if get_origin(item) is Literal:
        return f"a list of {', '.join(map(toml_value, get_args(item)))}, each at most once"
    if item is int:
        return f"a list of whole numbers{_whole_range(bounds)}"
    return f"a list of numbers{_range(bounds)}" if item is float else "a list of names"


def _bounds(metadata: Iterable[Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for entry in metadata:
        for name in ("gt", "ge", "lt", "le", "pattern"):
            if (value := getattr(entry, name, None)) is not None:
                found[name] = value
    return found


def _whole_range(bounds: Mapping[str, Any]) -> str:
    low = bounds.get("ge", bounds["gt"] + 1 if "gt" in bounds else None)
    high = bounds.get("le", bounds["lt"] - 1 if "lt" in bounds else None)
    if low is not None and high is not None:
        return f" from {low} to {high}"
    return "" if low is None else f" of at least {low}"


def _range(bounds: Mapping[str, Any]) -> str:
    words = {"gt": "above", "ge": "of at least", "lt": "below", "le": "at most"}
    parts = [f"{word} {bounds[name]:g}" for name, word in words.items() if name in bounds]
    return " " + " and ".join(parts) if parts else ""
