"""Who gets which image: one table, kept as text in a run folder so that a split can be read, checked and repeated."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import pandas as pd

from fedreid.errors import UserError

COLUMNS = ("source", "row", "path", "identity", "camera", "use")
NUMBERS = ("row", "identity", "camera")  # the columns that are
PERSON = ["source", "identity"]  # who somebody is: the same number in two sources is two people
PUBLIC = "public"
GENERIC = re.compile(r"generic-[A-Za-z0-9][A-Za-z0-9_-]*(@[0-9]{2,})?", re.ASCII)


def client_part(client: int) -> str:
    """Name of a client's part: client-007."""
    return f"client-{client:03d}"


def generic_part(source: str, draw: int | None = None) -> str:
    """Name of a source's generic test set: generic-market; of one random half of it: generic-viper@03."""
    return f"generic-{source}" if draw is None else f"generic-{source}@{draw:02d}"


@dataclass(frozen=True, eq=False)
class Split:
    """Who gets which image.

    Attributes:
        frame: one row for each image that is used, with columns
            part ("public", "client-000", ..., "generic-SOURCE"),
            source (its name in the scenario), row (its row in the source's table and cache), path, identity, camera,
            use ("train" or "held_out"; in generic parts "query" or "gallery").
            Rows are ordered by part (public, clients, generic by name), then by source and row. An image is in one
            part only, or in several random halves of one generic test set ("generic-SOURCE@00", ...).
    """

    frame: pd.DataFrame

    @property
    def parts(self) -> list[str]:
        """Names of the parts, in order."""
        return list(dict.fromkeys(self.frame["part"]))

    @property
    def clients(self) -> list[str]:
        """Names of the clients' parts: client i is entry i."""
        return [part for part in self.parts if part.startswith("client-")]

    def part(self, name: str) -> pd.DataFrame:
        """The rows of one part."""
        return self.frame[self.frame["part"] == name]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Split) and self.frame.reset_index(drop=True).equals(other.frame.reset_index(drop=True))

    __hash__ = None  # type: ignore[assignment]


def texts(split: Split) -> Iterator[tuple[str, str]]:
    """(file name, content) of every file that holds a split, as CSV."""
    for part, rows in split.frame.groupby("part", sort=False):
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(zip(*(rows[column] for column in COLUMNS), strict=True))
        yield f"{part}.csv", buffer.getvalue()


def write_split(split: Split, folder: Path) -> None:
    """Write a split into an existing folder, one CSV file for each part."""
    for name, text in texts(split):
        (folder / name).write_text(text, encoding="utf-8", errors="surrogateescape", newline="")


def refuse_changes(split: Split, folder: Path) -> None:
    """Check that a folder holds exactly this split, so that a run goes on with the images it started with.

    Raises:
        UserError: naming the files that differ, and how.
    """
    found = {file.name: _text(file) for file in folder.glob("*.csv")}
    wanted = dict(texts(split))
    changes = [
        _change(name, found.get(name), wanted.get(name))
        for name in sorted({*found, *wanted}, key=lambda name: part_order(name.removesuffix(".csv")))
        if found.get(name) != wanted.get(name)
    ]
    if changes:
        more = f"; and {len(changes) - 3} more files" if len(changes) > 3 else ""
        raise UserError(
            f"{folder}: the images are no longer the ones that this run started with: {'; '.join(changes[:3])}{more}.\n"
            "  Put the dataset back as it was, or start a new run."
        )


def _text(file: Path) -> str:
    with file.open(encoding="utf-8", errors="surrogateescape", newline="") as stream:
        return stream.read()


def _change(name: str, found: str | None, wanted: str | None) -> str:
    if found is None or wanted is None:
        return f"{name} is {'new' if found is None else 'gone'}"
    before, after = set(found.splitlines()), set(wanted.splitlines())
    example = min((after - before) or (before - after), default="the order of its rows")
    return f"{name} lost {len(before - after)} rows and got {len(after - before)} (as {example})"


def read_split(folder: Path) -> Split:
    """The split that was written into a folder.

    Raises:
        UserError: the folder is missing, or a file in it is not part of a split.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; a run folder keeps its split there")
    names = sorted((file.stem for file in folder.glob("*.csv")), key=part_order)
    if unknown := [name for name in names if not is_part(name)]:
        raise UserError(
            f"{folder / unknown[0]}.csv: not a part of a split: expected public.csv, client-000.csv and so on, or "
            "generic-SOURCE.csv.\n  Rename the file, or take it out of the folder."
        )
    frames = [read_part(folder / f"{name}.csv").assign(part=name) for name in names]
    if not frames:
        raise UserError(f"{folder}: no split in this folder (public.csv, client-000.csv, ...)")
    return Split(pd.concat(frames, ignore_index=True)[["part", *COLUMNS]])


def is_part(name: str) -> bool:
    """Whether a part may have that name: public, client-000, client-1000, generic-SOURCE, generic-SOURCE@00."""
    kind, _, rest = name.partition("-")
    if kind == "client":
        return rest.isascii() and rest.isdigit() and client_part(int(rest)) == name
    return name == PUBLIC or (kind == "generic" and GENERIC.fullmatch(name) is not None)


def source_of(part: str) -> str:
    """The source of a generic part: market of generic-market, viper of generic-viper@03."""
    return part.removeprefix("generic-").partition("@")[0]


def part_order(part: str) -> tuple[int, int | str]:
    """Public, then clients by number (client-1000 follows client-999), then generic test sets in their own order."""
    kind, _, rest = part.partition("-")
    if kind == "client" and rest.isdigit():
        return 1, int(rest)
    return (0, "") if part == PUBLIC else (2, rest)


def read_part(file: Path) -> pd.DataFrame:
    """One part of a split: a frame with COLUMNS.

    Raises:
        UserError: the file is missing or is not a part of a split.
    """
    columns = read_columns(file)
    numbers = {name: pd.array(columns[name], dtype="int64") for name in NUMBERS}
    return pd.DataFrame(columns | numbers, columns=list(COLUMNS))


def read_columns(file: Path) -> dict[str, Any]:
    """One part of a split by column: int64 arrays for NUMBERS, tuples of text for the others.

    Every client of a thousand reads its few rows when it is first met; pandas would take several times as long.

    Raises:
        UserError: as `read_part`.
    """
    try:
        with _opened(file) as stream:
            header, *rows = csv.reader(stream)
        if tuple(header) != COLUMNS:
            raise ValueError("the header")
        columns: dict[str, Any] = dict(zip(COLUMNS, zip(*rows, strict=True), strict=True))  # none: a ValueError
        return columns | {name: np.array(list(map(int, columns[name])), dtype=np.int64) for name in NUMBERS}
    except FileNotFoundError:
        raise UserError(f"{file}: no such file; the split of this run is incomplete") from None
    except OSError as error:
        raise UserError(f"{file}: can't be read: {error.strerror}") from None
    except (ValueError, OverflowError, csv.Error):
        raise UserError(f"{file}: not a part of a split ({','.join(COLUMNS)}): {_fault(file)}") from None


def _opened(file: Path) -> TextIO:
    """Some editors start a file with a byte order mark."""
    return file.open(encoding="utf-8-sig", errors="surrogateescape", newline="")


def _fault(file: Path) -> str:
    """What is wrong with a part, for somebody who edits it: the first line that doesn't fit, and why."""
    with _opened(file) as stream:
        reader = csv.reader(stream)
        try:
            header = next(reader, None)
            if header is None:
                return "it is empty"
            if tuple(header) != COLUMNS:
                return f"its columns, in line 1, are {', '.join(header)[:100]!r}"
            for row in reader:
                if found := _fault_of_row(row):
                    return f"line {reader.line_num} {found}"
        except csv.Error as error:
            return f"line {reader.line_num}: {error}"
    return "no image follows its first line"


def _fault_of_row(row: list[str]) -> str | None:
    if not row:
        return "is empty"
    if len(row) != len(COLUMNS):
        return f"has {len(row)} values, not {len(COLUMNS)}"
    for column, text in zip(COLUMNS, row, strict=True):
        if column in NUMBERS:
            try:
                np.int64(int(text))
            except ValueError:
                return f"has the {column} {text[:40]!r}, which is no whole number"
            except OverflowError:
                return f"has the {column} {text[:40]}, which is too large a number"
    return None


def check_disjoint(split: Split, *, may_share: bool = False) -> None:
    """What every partition promises: no image twice, nobody both public and private, no identity on two clients.

    Args:
        may_share: clients may share identities (they are cameras), but not images.

    Raises:
        AssertionError: a promise is broken, which is a mistake in this module.
    """
    frame = split.frame
    people = frame[~frame["part"].str.startswith("generic-")].drop_duplicates(["part", *PERSON])
    public, private = people[people["part"] == PUBLIC], people[people["part"] != PUBLIC]
    is_draw = frame["part"].str.contains("@")  # halves of one protocol share images, with each other alone
    once = pd.concat([frame[~is_draw], frame[is_draw].drop_duplicates(["source", "row"])])
    if once.duplicated(["source", "row"]).any():
        raise AssertionError("an image is in two parts")
    if len(public.merge(private, on=PERSON)):
        raise AssertionError("an identity is both public and private")
    if private.duplicated(PERSON).any() and not may_share:
        raise AssertionError("an identity belongs to two clients")
