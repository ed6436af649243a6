"""The page that documents every setting, made from the schema so that the two can't differ."""

from __future__ import annotations

import inspect
from collections.abc import Iterable

from pydantic.fields import FieldInfo

from fedreid.scenario.fields import FORMATS, allowed, entry_of, section_of, toml_value
from fedreid.scenario.schema import Scenario, Settings

INTRODUCTION = """\
# Settings of a scenario

A scenario is a TOML file. Every setting has a default but the datasets, so the shortest scenario is

```toml
[data.sources.people]
format = "synthetic"
```

`fedreid scenario show FILE` prints a scenario with all its values and where each one comes from.

- `extends = "other.toml"` at the top of a file takes everything from another one, named relative to this file. Tables
  are merged key by key and the nearest file wins; a source whose format changes is replaced as a whole.
- `--set key.path=value` on the command line wins over files: `--set federation.rounds=10`,
  `--set data.image_size=[64,32]`, `--set name=shop`.

This page is made from the schema: `fedreid.scenario.reference_markdown()`.
"""


def reference_markdown() -> str:
    """docs/scenario.md: every setting with its default, what is allowed and what it does, in Markdown."""
    pages = [INTRODUCTION, _section("", Scenario)]
    for name, field in Scenario.model_fields.items():
        if (model := section_of(field)) is None:
            continue
        pages += _sections(name, model)
        if name == "data":
            pages += [_section(f'data.sources.NAME, format = "{each}"', model) for each, model in FORMATS.items()]
    return "\n".join(pages)


def _sections(title: str, model: type[Settings]) -> list[str]:
    """A section and the sections in it."""
    inner = {name: section_of(field) or entry_of(field) for name, field in model.model_fields.items()}
    below = [page for name, each in inner.items() if each for page in _sections(f"{title}.{name}", each)]
    return [_section(title, model), *below]


def _section(title: str, model: type[Settings]) -> str:
    rows = [(name, field) for name, field in model.model_fields.items() if not section_of(field) and name != "sources"]
    heading = f"## [{title}]" if title else "## At the top of the file"
    text = (inspect.getdoc(model) or "") if title else "What the run is called, and what makes it repeatable."
    return "\n".join([heading, "", text, "", *_table(rows), ""])


def _table(rows: Iterable[tuple[str, FieldInfo]]) -> list[str]:
    lines = ["| Setting | Default | Allowed | What it does |", "|---|---|---|---|"]
    for name, field in rows:
        default = "required" if field.is_required() else f"`{toml_value(field.default)}`"
        cells = (f"`{name}`", default, allowed(field), field.description or "")
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return lines
