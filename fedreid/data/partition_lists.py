"""Who gets which image as files say: the same federation on every machine, whatever made it up."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from fedreid.data.splits import COLUMNS, Split, check_disjoint, client_part, read_split
from fedreid.errors import UserError

if TYPE_CHECKING:
    from fedreid.data.tables import ImageTable

REMEDY = "Write the lists again with `fedreid data split`, or put the dataset back as it was."


def listed(tables: Mapping[str, ImageTable], folder: Path) -> Split:
    """The split that a folder's lists describe, of the images that are there. Images that no list names are left out.

    Args:
        tables: by source name; `row` in the result counts the rows of a table's frame, whatever the lists say.
        folder: as `fedreid.data.splits.write_split` leaves it.

    Raises:
        UserError: the lists are missing or damaged, name a source or an image that isn't there, say something else of
            an image than the dataset does, leave out a client's number, or give an image or a person away twice.
    """
    frame = read_split(folder).frame
    if unknown := sorted(set(frame["source"]) - set(tables)):
        raise UserError(
            f"{folder}: the lists name the source {unknown[0]!r}, and data.sources has {', '.join(tables)}.\n"
            "  Give your sources the names in the lists."
        )
    found = pd.concat([_found(rows, tables[str(name)], folder) for name, rows in frame.groupby("source", sort=False)])
    split = Split(found.sort_index()[["part", *COLUMNS]].reset_index(drop=True))
    _refuse_gaps(split, folder)
    try:
        check_disjoint(split, may_share=True)
    except AssertionError as error:
        raise UserError(f"{folder}: by its lists {error}.\n  {REMEDY}") from error
    return split


def _found(rows: pd.DataFrame, table: ImageTable, folder: Path) -> pd.DataFrame:
    """Rows of lists with the place of their image in a table."""
    known = pd.concat([table.frame, *table.draws]).drop_duplicates("path").set_index("path")
    place = pd.Series(np.arange(len(table.frame)), index=table.frame["path"])
    absent = rows.loc[~rows["path"].isin(place.index), "path"]
    if len(absent):
        raise UserError(
            f"{folder}: {len(absent):,} of {len(rows):,} images that the lists name are not in {table.root}, as "
            f"{absent.iloc[0]}.\n  {REMEDY}"
        )
    for column in ("identity", "camera"):
        said, is_so = rows[column].to_numpy(), known.loc[rows["path"], column].to_numpy()
        if (differs := np.flatnonzero(said != is_so)).size:
            first = differs[0]
            raise UserError(
                f"{folder}: the lists say {column} {said[first]} of {rows['path'].iloc[first]}, and {table.root} says "
                f"{is_so[first]}.\n  {REMEDY}"
            )
    return rows.assign(row=place.loc[rows["path"]].to_numpy())


def _refuse_gaps(split: Split, folder: Path) -> None:
    clients = split.clients
    if not clients:
        raise UserError(f"{folder}: there is no list of a client (client-000.csv).\n  {REMEDY}")
    expected = [client_part(number) for number in range(len(clients))]
    if missing := sorted(set(expected) - set(clients)):
        raise UserError(f"{folder}: {missing[0]}.csv is missing; clients count from 000 without gaps.\n  {REMEDY}")
    uses = split.frame.groupby("part")["use"].agg(set)
    for part in clients:
        if "train" not in uses[part]:
            raise UserError(f"{folder}: {part}.csv has no image to train on.\n  {REMEDY}")
    wrong = [
        part
        for part, found in uses.items()
        if found - ({"query", "gallery"} if str(part).startswith("generic-") else {"train", "held_out"})
    ]
    if wrong:
        raise UserError(f"{folder}: {wrong[0]}.csv has uses other than train and held_out (query, gallery if generic).")
