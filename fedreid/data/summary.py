"""The figures of a split that a report states: who has how much, and what was left out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from fedreid.data.splits import PERSON, PUBLIC, Split

if TYPE_CHECKING:
    from fedreid.data.tables import ImageTable


def summarise(
    split: Split,
    tables: Mapping[str, ImageTable],
    bad_images: Mapping[str, tuple[str, ...]],
    *,
    personalized: str = "held_out",
) -> dict[str, Any]:
    """Counts for `summary.json`, in plain Python numbers.

    Args:
        split: who gets which image.
        tables: by source name.
        bad_images: by source name, what was left out.
        personalized: what a client's own model is asked: "held_out" or "test_set".

    Returns:
        sources: by name, {train, query, gallery: {identities, images, cameras}, notes: [...], bad_images: [...]}
        public, private, unused: {identities, images}; unused are training identities that nobody took
        clients: a list of {client, dataset, identities, images, train_images, held_out_images, cameras}
        shared_identities: private identities that more than one client holds (by camera only)
        bad_images, notes: of all sources, each "SOURCE: text"
    """
    parts = split.frame
    public = parts[parts["part"] == PUBLIC]
    private = parts[parts["part"].str.startswith("client-")]
    holders = private.drop_duplicates(["part", *PERSON]).groupby(PERSON).size()
    return {
        "sources": {name: _source(table, bad_images.get(name, ())) for name, table in tables.items()},
        "public": _count(public),
        "private": _count(private),
        "unused": _unused(tables, public, private),
        "clients": [_client(number, rows) for number, rows in enumerate(_by_part(private, split.clients))],
        "shared_identities": int((holders > 1).sum()),
        "bad_images": [f"{name}: {text}" for name, texts in bad_images.items() for text in texts],
        "notes": [
            *(f"{name}: {note}" for name, table in tables.items() for note in table.notes),
            *_notes(split, personalized),
        ],
    }


def datasets(split: Split) -> list[str]:
    """Each client's dataset: the name of its source, several joined by "+"."""
    private = split.frame[split.frame["part"].str.startswith("client-")]
    names = private.groupby("part")["source"].agg(lambda column: "+".join(dict.fromkeys(column)))
    return [names[part] for part in split.clients]


def _source(table: ImageTable, bad_images: tuple[str, ...]) -> dict[str, Any]:
    by_split = {name: table.frame[table.frame["split"] == name] for name in ("train", "query", "gallery")}
    counts: dict[str, Any] = {
        name: {
            "identities": int(rows["identity"].nunique()),
            "images": len(rows),
            "cameras": int(rows.loc[rows["camera"] >= 0, "camera"].nunique()),
        }
        for name, rows in by_split.items()
    }
    return counts | {"notes": list(table.notes), "bad_images": list(bad_images)}


def _count(rows: pd.DataFrame) -> dict[str, int]:
    return {"identities": len(rows.drop_duplicates(PERSON)), "images": len(rows)}


def _unused(tables: Mapping[str, ImageTable], public: pd.DataFrame, private: pd.DataFrame) -> dict[str, int]:
    train = pd.concat(
        [table.frame[table.frame["split"] == "train"].assign(source=name) for name, table in tables.items()]
    )
    used = pd.MultiIndex.from_frame(pd.concat([public, private])[PERSON])
    return _count(train[~pd.MultiIndex.from_frame(train[PERSON]).isin(used)])


def _by_part(private: pd.DataFrame, names: list[str]) -> list[pd.DataFrame]:
    groups = dict(iter(private.groupby("part")))
    return [groups[name] for name in names]


def _client(number: int, rows: pd.DataFrame) -> dict[str, Any]:
    cameras = rows.loc[rows["camera"] >= 0, ["source", "camera"]].drop_duplicates()
    return {
        "client": number,
        "dataset": "+".join(dict.fromkeys(rows["source"])),
        "identities": len(rows.drop_duplicates(PERSON)),
        "images": len(rows),
        "train_images": int((rows["use"] == "train").sum()),
        "held_out_images": int((rows["use"] == "held_out").sum()),
        "cameras": len(cameras),
    }


def _notes(split: Split, personalized: str) -> list[str]:
    private = split.frame[split.frame["part"].str.startswith("client-")]
    cameras = private.groupby("part")["camera"].agg(["min", "max"])
    within = int(((cameras["min"] == cameras["max"]) & (cameras["min"] >= 0)).sum())
    notes = []
    if PUBLIC not in split.parts:
        notes.append("no public set: nothing to pre-train on")
    if not any(part.startswith("generic-") for part in split.parts):
        notes.append("no source has query and gallery images: no generic evaluation")
    if within and personalized == "held_out":
        notes.append(f"clients that see through one camera, so that personalized figures are within it: {within}")
    return notes
