"""The channel groups of our backbones.

Which layers belong together depends on the architecture only, never on its widths, so it is shipped as a table for
each backbone (`tables/`), made once by `python -m fedreid.pruning.derive`; this module needs torch alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from torch import nn

from fedreid.errors import UserError
from fedreid.pruning.channel_group import ChannelGroup, check_groups, with_widths

__all__ = ["HEAD", "ChannelGroup", "architecture_of", "check_groups", "groups_of", "with_widths"]

TABLES = Path(__file__).with_name("tables")
COUNTED = (nn.Conv2d, nn.Linear, nn.BatchNorm2d, nn.PReLU)
"""Layers that a table accounts for."""
HEAD = ("embedding", "embedding_bn")
"""Behind the last feature map: as wide in every sub-network, so that embeddings of all clients can be compared."""


def groups_of(model: nn.Module, *, frozen: Iterable[str] | None = None) -> tuple[ChannelGroup, ...]:
    """The prunable groups of one of our backbones, whole or already pruned, in the order of its layers.

    Args:
        model: a network of `fedreid.models`.
        frozen: groups to leave out; None: the output of the last stage. The embedding head would read fewer channels
            without any harm to the embedding's size; but its inputs are what every tier has to agree on for the
            head's weights to be trained by all clients, and they are few of the multiplications: at equal MACs
            the other groups give up .4 to 2.2 points of width for it.

    Raises:
        UserError: no table fits the model.
        ValueError: a frozen group that the model doesn't have.
    """
    table = _table_of(model)
    left_out = tuple(table["frozen"] if frozen is None else frozen)
    groups = tuple(_read(model, entry) for entry in table["groups"])
    names = [group.name for group in groups]
    unknown = [name for name in left_out if name not in names]
    if unknown:
        raise ValueError(f"{table['architecture']} has no group {', '.join(unknown)}; it has {', '.join(names)}")
    return tuple(group for group in groups if group.name not in left_out)


def architecture_of(model: nn.Module) -> str:
    """Name of the architecture whose table fits the model's layers, such as "resnet50".

    Raises:
        UserError: none does.
    """
    name: str = _table_of(model)["architecture"]
    return name


def _read(model: nn.Module, entry: Mapping[str, Any]) -> ChannelGroup:
    """A group of a table, as wide as the model's layers are."""
    roles = {role: tuple(entry.get(role, ())) for role in ("producers", "consumers", "batchnorms", "slopes")}
    weight = model.get_submodule(roles["producers"][0]).weight
    width = int(weight.shape[0])  # type: ignore[union-attr, index, arg-type]
    positions = {
        layer: module.in_features // width
        for layer in roles["consumers"]
        if isinstance(module := model.get_submodule(layer), nn.Linear) and module.in_features != width
    }
    return ChannelGroup(name=entry["name"], width=width, positions=positions, **roles)


def _table_of(model: nn.Module) -> Mapping[str, Any]:
    layers = {
        name for name, module in model.named_modules() if isinstance(module, COUNTED) and not name.startswith(HEAD)
    }
    for layers_of_table, table in _tables():
        if layers_of_table == layers:
            return table
    known = ", ".join(table["architecture"] for _, table in _tables())
    raise UserError(
        f"no table of channel groups fits this {type(model).__name__}: there are some for {known}.\n"
        "  Give one of these backbones, or derive a table with python -m fedreid.pruning.derive."
    )


@cache
def _tables() -> tuple[tuple[frozenset[str], Mapping[str, Any]], ...]:
    """(the layers outside the head, the table) of every shipped table."""
    tables = []
    for path in sorted(TABLES.glob("*.json")):
        table = json.loads(path.read_text())
        roles = ("producers", "consumers", "batchnorms", "slopes")
        members = {layer for entry in table["groups"] for role in roles for layer in entry.get(role, ())}
        tables.append((frozenset(layer for layer in members if not layer.startswith(HEAD)), table))
    return tuple(tables)
