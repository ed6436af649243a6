"""Scenario files: reading, `extends`, `--set`, and where each value came from."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from fedreid.errors import UserError

Tree = dict[str, Any]
SET = "--set"


def read_chain(path: Path, chain: tuple[Path, ...] = ()) -> tuple[Tree, dict[str, str]]:
    """A scenario file on top of those that it extends.

    Tables are merged key by key and the nearest file wins. A source whose `format` changes is replaced as a whole,
    because the keys of one format mean nothing to another.

    Returns:
        The merged tables, and for every value (dotted key) the file and line it comes from.

    Raises:
        UserError: a file is missing or is not TOML, or files extend each other in a circle.
    """
    if path.resolve() in (seen.resolve() for seen in chain):
        raise UserError(f"{chain[0]}: extends goes round in a circle: {' -> '.join(map(str, [*chain, path]))}")
    tree, lines = _read(path, chain)
    base = tree.pop("extends", None)
    origins = {key: f"{path}:{lines[key]}" if key in lines else str(path) for key, _ in flatten(tree)}
    if base is None:
        return tree, origins
    if not isinstance(base, str):
        raise UserError(f"{path}: extends = {base!r} is not allowed: expected the name of another scenario file")
    below, origins_below = read_chain(path.parent / base, (*chain, path))
    return overlay(below, tree, origins_below, origins)


def overlay(
    below: Tree, above: Tree, origins_below: dict[str, str], origins: dict[str, str]
) -> tuple[Tree, dict[str, str]]:
    """`above` merged over `below`, with the origins of the values that remain."""
    merged = merge(below, above)
    kept = {key for key, _ in flatten(merged)}
    return merged, {key: origin for key, origin in (origins_below | origins).items() if key in kept}


def merge(below: Tree, above: Tree) -> Tree:
    """Two trees of tables as one, deep; where both have a value, `above` wins. Neither is changed."""
    if _format(above) and _format(below) and _format(above) != _format(below):
        return dict(above)
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        merged[key] = merge(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


def _format(tree: Tree) -> Any:
    return tree.get("format")


def flatten(tree: Tree, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """(dotted key, value) of every value in a tree; an empty table counts as a value."""
    for key, value in tree.items():
        if isinstance(value, dict) and value:
            yield from flatten(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def parse_overrides(overrides: Sequence[str]) -> Tree:
    """The tree that a list of `a.b.c=value` stands for; later ones win.

    A value is read as TOML (`3`, `true`, `[64, 32]`, `"text"`) and where it isn't TOML it is text as it stands
    (`shop`, `/photos/2024`).

    Raises:
        UserError: an override without "=" or with an empty part in its key.
    """
    tree: Tree = {}
    for text in overrides:
        key, equals, value = text.partition("=")
        names = [name.strip() for name in key.split(".")]
        if not equals:
            raise UserError(f"--set {text}: expected key.path=value, as in --set federation.rounds=10")
        if not all(names):
            raise UserError(
                f"--set {text}: {key.strip()!r} is not the dotted name of a setting, as federation.rounds is"
            )
        leaf: Tree = {names[-1]: _value(value.strip())}
        for name in reversed(names[:-1]):
            leaf = {name: leaf}
        tree = merge(tree, leaf)
    return tree


def _value(text: str) -> Any:
    try:
        parsed = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    return parsed["value"] if len(parsed) == 1 else text  # a line break in the text could start another key


def _read(path: Path, chain: tuple[Path, ...]) -> tuple[Tree, dict[str, int]]:
    try:
        text = path.read_text(encoding="utf-8-sig")  # some editors put a byte-order mark first
    except FileNotFoundError:
        raise UserError(_missing(path, chain)) from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not a text file in UTF-8 (byte {error.start}); scenarios are TOML text") from None
    except OSError as error:
        raise UserError(f"{path}: can't be read: {error.strerror}") from None
    try:
        return tomllib.loads(text), lines_of(text)
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{path}: not valid TOML: {error}") from None


def _missing(path: Path, chain: tuple[Path, ...]) -> str:
    wanted_by = f", which {chain[-1]} extends" if chain else ""
    folder = next((folder for folder in (path.parent, Path("scenarios")) if any(folder.glob("*.toml"))), None)
    if folder is None:
        return f"{path}: no such scenario file{wanted_by}"
    names = ", ".join(sorted(file.name for file in folder.glob("*.toml")))
    return f"{path}: no such scenario file{wanted_by}. There are, in {folder}: {names}"


def lines_of(text: str) -> dict[str, int]:
    """The line, from 1, that each value of a valid TOML text starts on, by dotted key.

    A statement (a table's header, or a key with its value) is the shortest run of lines that is TOML by itself, so
    tomllib answers the question and no second parser is needed.
    """
    found: dict[str, int] = {}
    header, start, statement = "", 1, ""
    for number, line in enumerate(text.split("\n"), start=1):
        start = start if statement else number
        statement += line + "\n"
        try:
            tree = tomllib.loads(statement)
        except tomllib.TOMLDecodeError:
            continue
        if statement.lstrip().startswith("["):
            header = f"{next(key for key, _ in flatten(tree))}."
        else:
            found |= {key: start for key, _ in flatten(tree, header)}
        statement = ""
    return found
