"""The same people in two sources of a federation, or the same images in one: refused, or told."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fedreid.data.formats.vendor_files import DISTRACTOR
from fedreid.data.image_digests import digests_of
from fedreid.data.splits import Split
from fedreid.errors import UserError
from fedreid.scenario.same_people import consequence

if TYPE_CHECKING:
    from fedreid.data.cache import ImageCache
    from fedreid.data.tables import ImageTable

NUMBERED_BY_US = ("folder", "lfw", "ijb")  # formats in which a person's number is the place of a folder or a name
Found = tuple[str, int, str, int]  # source, row, another source, row


def refuse_same_folders(tables: Mapping[str, ImageTable], origins: Mapping[str, tuple[str, Path]]) -> None:
    """One folder under two names would put the same people into two clients, or into public and private parts.

    Args:
        tables: by source name; a table's root may be in the cache.
        origins: by source name, the format and the folder of those datasets that a user named.

    Raises:
        UserError: two sources of which at least one is trained on are the same.
    """
    seen: list[tuple[str, set[tuple[str, Path]]]] = []
    for name, table in tables.items():
        places = {("", table.root.resolve())}
        if name in origins:
            places.add((origins[name][0], origins[name][1].resolve()))
        for first, others in seen:
            unseen = [_is_unseen(tables[each]) for each in (first, name)]
            if (both := places & others) and not all(unseen):
                raise UserError(
                    f"data.sources.{name} and data.sources.{first} are the same folder, {min(both)[1]}: "
                    f"{consequence(any_unseen=any(unseen))}."
                )
        seen.append((name, places))


def refuse_shared_images(caches: Mapping[str, ImageCache]) -> None:
    """An image that two sources share shows a person who would be in two clients, or in public and private parts.

    Raises:
        UserError: naming one such image. Sources that nobody trains on may share images.
    """
    if len(caches) < 2:
        return
    for first, row, name, other in _shared({name: digests_of(cache) for name, cache in caches.items()}):
        one, two = caches[first], caches[name]
        unseen = [_is_unseen(cache.table) for cache in (one, two)]
        if all(unseen) or not np.array_equal(one.images[row], two.images[other]):
            continue
        raise UserError(
            f"data.sources.{name} and data.sources.{first} hold the same images, for one "
            f"{_path(two.table, other)} and {_path(one.table, row)}: "
            f"{consequence(any_unseen=any(unseen))}, or take out those images.\n"
            "  (Datasets of `fedreid data synth` show the same people unless each was made with a --seed of its own.)"
        )


def perhaps_the_same(tables: Mapping[str, ImageTable], origins: Mapping[str, tuple[str, Path]]) -> dict[str, str]:
    """What to say, by source, of another one in the same layout that may be a part of the same dataset.

    Who is in a folder can't be known where its counts aren't the published ones. Parts of one dataset number its
    people alike and have no file's name in common; two datasets number people from 1, too, but often name files alike.

    Args:
        tables: by source name, whose images are known to differ.
        origins: by source name, the format and the folder of those datasets that a user named.
    """
    notes: dict[str, list[str]] = {}
    named = [name for name in tables if name in origins and origins[name][0] not in NUMBERED_BY_US]
    for first, name in itertools.combinations(named, 2):
        one, other = tables[first], tables[name]
        unseen = [_is_unseen(one), _is_unseen(other)]
        if origins[first][0] != origins[name][0] or all(unseen) or set(one.frame["path"]) & set(other.frame["path"]):
            continue
        if both := set(one.frame["identity"]) & set(other.frame["identity"]) - {DISTRACTOR}:
            notes.setdefault(name, []).append(
                f"perhaps the same people as in {first}: both are in the layout of {origins[name][0]}, and "
                f"{len(both):,} identities have the same numbers. If both are parts of one dataset, "
                f"{consequence(any_unseen=any(unseen))}"
            )
    return {name: "; ".join(texts) for name, texts in notes.items()}


def repeated(split: Split, caches: Mapping[str, ImageCache]) -> dict[str, str]:
    """What to say, by source, of images that are trained on and in its query or gallery, too, under another name."""
    notes = {}
    is_test = split.frame["part"].str.startswith("generic-")
    for name, cache in caches.items():
        own = split.frame["source"] == name
        train = np.unique(split.frame.loc[own & (split.frame["use"] == "train"), "row"].to_numpy())
        test = np.unique(split.frame.loc[own & is_test, "row"].to_numpy())
        if len(train) and len(test):
            digests = digests_of(cache)
            _, where, there = np.intersect1d(digests[train], digests[test], return_indices=True)
            if count := int(np.isin(digests[test], digests[train]).sum()):
                one, other = (cache.table.frame["path"].iloc[rows[0]] for rows in (train[where], test[there]))
                notes[name] = (
                    f"images of query and gallery that are trained on, too, so that generic figures are too high: "
                    f"{count:,} (as {other}, which is {one})"
                )
    return notes


def _shared(digests: Mapping[str, np.ndarray]) -> Iterator[Found]:
    """Pairs of images with the same digest in two sources, in the order of the sources where there are more."""
    names = list(digests)
    once = [np.unique(each, return_index=True) for each in digests.values()]
    values = np.concatenate([value for value, _ in once])
    rows = np.concatenate([row for _, row in once])
    sources = np.repeat(np.arange(len(names)), [len(value) for value, _ in once])
    order = np.argsort(values, kind="stable")  # of several sources in a row one is trained on: so is one of a pair
    for place in np.flatnonzero(values[order][1:] == values[order][:-1]):
        one, other = order[place], order[place + 1]
        yield names[sources[one]], int(rows[one]), names[sources[other]], int(rows[other])


def _is_unseen(table: ImageTable) -> bool:
    return not bool((table.frame["split"] == "train").any())


def _path(table: ImageTable, row: int) -> Path:
    return table.root / table.frame["path"].iloc[row]
