"""Identities become clients and a public set, and each private identity's images are split in two.

An identity is known by (source, identity): the same number in two datasets is two people. Everything random comes
from `numpy.random.default_rng` with the scenario's seed and a constant for each purpose, so that one choice never
shifts another.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from fedreid.data.held_out import mark_held_out
from fedreid.data.locations import expanded
from fedreid.data.partition_lists import listed
from fedreid.data.splits import (
    COLUMNS,
    PERSON,
    PUBLIC,
    Split,
    check_disjoint,
    client_part,
    generic_part,
    part_order,
)
from fedreid.data.synthetic.writing import TWINS
from fedreid.errors import UserError
from fedreid.scenario.schema import PartitionSettings

if TYPE_CHECKING:
    from fedreid.data.tables import ImageTable

ORDER, SIZES = 1, 2  # second word of the seed: who goes first, how many each; 3 is in `held_out`
FEWEST = 2  # identities of a client: with one, every embedding is right and nothing is learnt

TWINS_ARE_SMALL = (
    "data.synthetic_twin puts a few made-up people in the place of each dataset: scenarios/twins/ has scenarios whose "
    "numbers fit them."
)


def partition(tables: Mapping[str, ImageTable], settings: PartitionSettings, seed: int) -> Split:
    """Distribute the images of all sources.

    Training images go to the public set and to clients; query and gallery images of a source are its generic test
    set. Training identities that neither the public set nor a client takes are left out.

    Args:
        tables: by source name; `row` in the result counts the rows of a table's frame.

    Raises:
        UserError: the data don't suffice for what the scenario asks.
    """
    try:
        return _partitioned(tables, settings, seed)
    except UserError as error:
        if any(TWINS in table.root.parts for table in tables.values()):
            raise UserError(f"{error}\n  {TWINS_ARE_SMALL}") from None
        raise


def _partitioned(tables: Mapping[str, ImageTable], settings: PartitionSettings, seed: int) -> Split:
    if settings.by == "lists":
        return listed(tables, expanded(settings.lists))
    _refuse_unsuitable(tables, settings)
    images = pd.concat(
        [table.frame.assign(source=name, row=np.arange(len(table.frame))) for name, table in tables.items()]
    )
    train = images[images["split"] == "train"]
    is_open = train["source"] == settings.public_source
    candidates = train[~is_open]
    people = candidates[PERSON].drop_duplicates()
    people = people.iloc[np.lexsort((people["identity"], _places(people["source"], tables)))]
    people = people.iloc[np.random.default_rng([seed, ORDER]).permutation(len(people))]
    count = _public_count(len(people), settings)
    public, private = people.iloc[:count], people.iloc[count:]  # more clients never change who is public
    owned = (
        _by_group(candidates, private, settings)
        if settings.by in GROUPS
        else _by_size(candidates, private, settings, seed)
    )
    owned = owned.assign(use=mark_held_out(owned, settings.held_out, seed, list(tables)))
    shared = pd.concat([train[is_open], candidates.merge(public, on=PERSON)]).assign(part=PUBLIC, use="train")
    split = Split(_in_order(pd.concat([shared, owned, *_generic(images, tables)]), tables))
    check_disjoint(split, may_share=settings.by == "camera")
    return split


def _refuse_unsuitable(tables: Mapping[str, ImageTable], settings: PartitionSettings) -> None:
    if settings.public_source and settings.public_source not in tables:
        raise UserError(f"partition.public_source = {settings.public_source!r} is not one of {', '.join(tables)}")
    if all(table.frame[table.frame["split"] == "train"].empty for table in tables.values()):
        raise UserError(f"{', '.join(tables)}: expected training images in at least one source, found none")
    for name, table in tables.items():
        train = table.frame[table.frame["split"] == "train"]
        is_test = table.draws or table.faces is not None or table.frame["split"].nunique() == 2
        if train.empty and not is_test:
            raise UserError(f"{name}: expected training images in {table.root}, found none, and no test set either")
        unknown = int((train["camera"] < 0).sum())
        if settings.by == "camera" and name != settings.public_source and unknown:
            raise UserError(
                f"{name}: partition.by = 'camera' needs every image's camera; it is unknown for {unknown} of "
                f"{len(train)} training images in {table.root}"
            )


def _public_count(people: int, settings: PartitionSettings) -> int:
    """How many of the clients' sources' identities are public."""
    if settings.public_identities >= 0:
        if settings.public_identities > people:
            raise UserError(
                f"partition.public_identities = {settings.public_identities}: found only {people} training identities"
            )
        return settings.public_identities
    if settings.by != "identity" or not settings.identities_per_client or settings.public_source:
        return 0
    return max(people - settings.clients * settings.identities_per_client, 0)


# Partitions whose sizes the data gives: what tells one client from another.
GROUPS = {"camera": ["source", "camera"], "dataset": ["source"]}


def _by_group(train: pd.DataFrame, private: pd.DataFrame, settings: PartitionSettings) -> pd.DataFrame:
    """The clients' images, one client for each source or camera, in the order of the scenario's sources."""
    keys = GROUPS[settings.by]
    groups = train[keys].drop_duplicates().sort_values(keys[1:]) if keys[1:] else train[keys].drop_duplicates()
    groups = groups.sort_values("source", key=lambda names: _places(names, train["source"].unique()), kind="stable")
    groups = groups.assign(part=[client_part(client) for client in range(len(groups))])
    owned = train.merge(private, on=PERSON).merge(groups, on=keys)
    found = owned.groupby("part")["identity"].nunique()
    for group in groups.to_dict("records"):
        if (count := int(found.get(group["part"], 0))) < FEWEST:
            where = f"camera {group['camera']} of {group['source']}" if settings.by == "camera" else group["source"]
            raise UserError(
                f"partition.by = {settings.by!r}: the client of {where} is left with {count} private identities and "
                f"needs at least {FEWEST}; hold out fewer public_identities, or leave out this {settings.by}"
            )
    return owned


def _by_size(train: pd.DataFrame, private: pd.DataFrame, settings: PartitionSettings, seed: int) -> pd.DataFrame:
    """The clients' images, each client with so many of the private identities."""
    clients, each, people = settings.clients, settings.identities_per_client, len(private)
    least = each or FEWEST  # a single one is for methods that have other people's proxies; `server.preflight` knows
    needed = clients * least
    if people < needed:
        raise UserError(
            f"partition: {clients} clients with {least} identities each need {needed} training identities "
            f"that are not public, found {people}; use fewer clients" + (" or identities_per_client" if each else "")
        )
    if settings.by == "dirichlet":
        shares = np.random.default_rng([seed, SIZES]).dirichlet(np.full(clients, settings.alpha))
        sizes = FEWEST + largest_remainder(shares, people - FEWEST * clients)
    else:
        sizes = np.full(clients, each) if each else largest_remainder(np.full(clients, 1 / clients), people)
    parts = np.repeat([client_part(client) for client in range(clients)], sizes)
    return train.merge(private.iloc[: len(parts)].assign(part=parts), on=PERSON)


def largest_remainder(shares: np.ndarray, total: int) -> np.ndarray:
    """Whole numbers that add up to `total`, as near to `shares` (which add up to 1) as possible.

    Rounded down, then one more for the largest fractions; among equal ones, for the first.
    """
    exact = shares * total
    whole = np.floor(exact).astype(np.int64)
    whole[np.argsort(whole - exact, kind="stable")[: total - whole.sum()]] += 1
    return whole


def _generic(images: pd.DataFrame, tables: Mapping[str, ImageTable]) -> list[pd.DataFrame]:
    """A generic test set for every source that has both queries and a gallery; one for each draw where there are.

    A test on faces has neither queries nor a gallery of single images: all of its images are listed as "gallery".
    """
    found = []
    for name, table in tables.items():
        own = images[(images["source"] == name) & (images["split"] != "train")]
        draws = [own[["path", "source", "row"]].merge(draw, on="path") for draw in table.draws]
        for number, test in enumerate(draws or [own]):
            if test["split"].nunique() == 2 or table.faces is not None:
                part = generic_part(name, number if draws else None)
                found.append(test.assign(part=part, use=test["split"]))
    return found


def _in_order(frame: pd.DataFrame, sources: Iterable[str]) -> pd.DataFrame:
    """Rows by part, then source, then row."""
    parts = _places(frame["part"], sorted(frame["part"].unique(), key=part_order))
    rows = np.lexsort((frame["row"], _places(frame["source"], sources), parts))
    return frame[["part", *COLUMNS]].iloc[rows].reset_index(drop=True)


def _places(names: pd.Series, order: Iterable[str]) -> pd.Series:
    """The position in `order` of each name."""
    return names.map({name: position for position, name in enumerate(order)})
