"""Who gets which image as files say: the same federation on every machine, whatever made it up."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from fedreid.data.splits import COLUMNS, PERSON, PUBLIC, Split, check_disjoint, client_part, read_split, source_of
from fedreid.errors import UserError

if TYPE_CHECKING:
    from fedreid.data.tables import ImageTable

REMEDY = "Write the lists again with `fedreid data split`, or put the dataset back as it was."


def listed(tables: Mapping[str, ImageTable], folder: Path) -> Split:
    """The split that a folder's lists describe, of the images that are there. Images that no list names are left out.

    Args:
        tables: by source name; `row` and `identity` in the result are a table's, whatever the lists say: a dataset
            may have got more images since, and people other numbers.
        folder: as `fedreid.data.splits.write_split` leaves it.

    Raises:
        UserError: the lists are missing or damaged, name a source or an image that isn't there, say something else of
            an image than the dataset does, leave out a client's number, give an image or a person away twice, or
            train on somebody who is in a test set.
    """
    frame = read_split(folder).frame
    named = [*frame["source"], *(source_of(part) for part in frame["part"].unique() if part.startswith("generic-"))]
    if unknown := sorted(set(named) - set(tables)):
        raise UserError(
            f"{folder}: the lists name the source {unknown[0]!r}, and data.sources has {', '.join(tables)}.\n"
            "  Give your sources the names in the lists."
        )
    _refuse_gaps(frame, tables, folder)
    found = pd.concat([_found(rows, tables[str(name)], folder) for name, rows in frame.groupby("source", sort=False)])
    split = Split(found.sort_index()[["part", *COLUMNS]].reset_index(drop=True))
    _refuse_tested(split, folder)
    try:
        check_disjoint(split, may_share=True)
    except AssertionError as error:
        raise UserError(f"{folder}: by its lists {error}.\n  {REMEDY}") from error
    return split


def refuse_too_few(split: Split, folder: Path, *, held_out: bool) -> None:
    """Lists of a client that are too short, in words about lists: settings of a partition don't change them.

    Args:
        split: as `listed`.
        folder: its lists.
        held_out: whether clients' models are asked about held-out images.

    Raises:
        UserError: a client has less than two images to train on, as BatchNorm needs, or none held out.
    """
    for client in split.clients:
        uses = split.part(client)["use"].value_counts()
        if uses.get("train", 0) < 2:
            raise UserError(f"{folder / client}.csv has one image to train on; a client needs two.\n  Add some to it.")
        if held_out and not uses.get("held_out", 0):
            raise UserError(
                f"{folder / client}.csv holds out no image, which personalized evaluation is about.\n"
                "  Set evaluation.personalized = 'test_set', or write held_out in the column use of some images."
            )


def _found(rows: pd.DataFrame, table: ImageTable, folder: Path) -> pd.DataFrame:
    """Rows of lists with the place of their image in a table, and the table's number of whom it shows."""
    place = _places(rows, table)
    if len(absent := rows.loc[place < 0, "path"]):
        raise UserError(
            f"{folder}: {len(absent):,} of {len(rows):,} images that the lists name are not in {table.root}, as "
            f"{absent.iloc[0]}.\n  {REMEDY}"
        )
    known = table.frame.iloc[place]
    said, is_so = rows["camera"].to_numpy(), known["camera"].to_numpy()
    if (differs := np.flatnonzero(said != is_so)).size:
        first = differs[0]
        raise UserError(
            f"{folder}: the lists say camera {said[first]} of {rows['path'].iloc[first]}, and {table.root} says "
            f"{is_so[first]}.\n  {REMEDY}"
        )
    _refuse_other_people(rows, known["identity"].to_numpy(), table, folder)
    return rows.assign(row=place, identity=known["identity"].to_numpy())


def _places(rows: pd.DataFrame, table: ImageTable) -> np.ndarray:
    """Each image's row in a table; -1 where it isn't there.

    A table may have an image twice, as query and in the gallery: lists mean the one of their use, if there is one.
    """
    frame = table.frame[["path", "split"]].assign(place=np.arange(len(table.frame)))
    exact = frame.drop_duplicates(["path", "split"]).set_index(["path", "split"])["place"]
    anyhow = frame.drop_duplicates("path").set_index("path")["place"]
    place = exact.reindex(pd.MultiIndex.from_arrays([rows["path"], rows["use"]]), fill_value=-1).to_numpy()
    return np.where(place < 0, anyhow.reindex(rows["path"], fill_value=-1).to_numpy(), place)


def _refuse_other_people(rows: pd.DataFrame, is_so: np.ndarray, table: ImageTable, folder: Path) -> None:
    """Lists may number people as they like, but one number must be one person."""
    pairs = pd.DataFrame({"said": rows["identity"].to_numpy(), "is": is_so, "path": rows["path"].to_numpy()})
    pairs = pairs.drop_duplicates(["said", "is"])
    for key, other, text in (
        ("said", "is", "the lists say identity {key} of both {paths}, and {root} says {values}"),
        ("is", "said", "the lists say identity {values} of {paths}, and {root} says that they show one person"),
    ):
        twice = pairs[pairs.duplicated(key, keep=False)].sort_values([key, other], kind="stable")
        if len(twice):
            two = twice.iloc[:2]
            said = text.format(
                key=two[key].iloc[0],
                paths=" and ".join(two["path"]),
                values=" and ".join(map(str, two[other])),
                root=table.root,
            )
            raise UserError(f"{folder}: {said}.\n  {REMEDY}")


def _refuse_gaps(frame: pd.DataFrame, tables: Mapping[str, ImageTable], folder: Path) -> None:
    parts = list(dict.fromkeys(frame["part"]))
    clients = [part for part in parts if part.startswith("client-")]
    if not clients:
        raise UserError(f"{folder}: there is no list of a client (client-000.csv).\n  {REMEDY}")
    if both := [part for part in parts if "@" in part and part.partition("@")[0] in parts]:
        raise UserError(f"{folder}: {both[0]}.csv and {both[0].partition('@')[0]}.csv are one test set: remove one.")
    expected = [client_part(number) for number in range(len(clients))]
    if missing := sorted(set(expected) - set(clients)):
        raise UserError(f"{folder}: {missing[0]}.csv is missing; clients count from 000 without gaps.\n  {REMEDY}")
    uses = frame.groupby("part")["use"].agg(set)
    for part in parts:
        if part.startswith("generic-"):
            _refuse_generic(part, frame[frame["part"] == part], tables, folder)
            continue
        allowed = {"train"} if part == PUBLIC else {"train", "held_out"}
        if uses[part] - allowed:
            raise UserError(f"{folder / part}.csv has uses other than {' and '.join(sorted(allowed, reverse=True))}.")
        if "train" not in uses[part]:
            raise UserError(f"{folder}: {part}.csv has no image to train on.\n  {REMEDY}")


def _refuse_generic(part: str, rows: pd.DataFrame, tables: Mapping[str, ImageTable], folder: Path) -> None:
    source, uses = source_of(part), set(rows["use"])
    expected = {"query", "gallery"} if tables[source].faces is None else {"gallery"}
    if strange := sorted(set(rows["source"]) - {source}):
        raise UserError(f"{folder / part}.csv has images of the source {strange[0]!r}, and is about {source!r}.")
    if uses - expected:
        raise UserError(f"{folder / part}.csv has uses other than {' and '.join(sorted(expected, reverse=True))}.")
    if missing := sorted(expected - uses):
        raise UserError(
            f"{folder / part}.csv has no {missing[0]}: a test set needs query and gallery.\n"
            "  Add them, or remove the file to go without this test set."
        )


def _refuse_tested(split: Split, folder: Path) -> None:
    """Nobody who is trained on may be in a test set: its people are strangers."""
    is_generic = split.frame["part"].str.startswith("generic-")
    trained, tested = (split.frame[each].drop_duplicates(PERSON) for each in (~is_generic, is_generic))
    both = trained.merge(tested[["part", *PERSON]], on=PERSON)
    if len(both):
        one = both.iloc[0]
        raise UserError(
            f"{folder}: {one['part_x']}.csv trains on somebody who is in {one['part_y']}.csv, too (as "
            f"{one['path']}): people of a test set must be strangers.\n  {REMEDY}"
        )
