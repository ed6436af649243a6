"""Who in a dataset has too few images to learn from, or to be found by, and which images say two things at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd

from fedreid.data.checking.report import PROBLEM, WARNING, Finding
from fedreid.data.checking.texts import counted
from fedreid.data.formats.tracklets import TrackletTable
from fedreid.data.tables import ImageTable

UNKNOWN = -1


def people_findings(
    table: ImageTable | TrackletTable, *, across_cameras: bool, distractor: int | None
) -> list[Finding]:
    """What to say of a dataset's people.

    Args:
        table: its images, or its tracklets.
        across_cameras: whether a query's match has to be on another camera.
        distractor: the identity of whoever is nobody in particular.
    """
    frame = _with_first_path(table)
    frame = frame[frame["identity"] != distractor] if distractor is not None else frame
    unit = "image" if isinstance(table, ImageTable) else "tracklet"
    training = frame[frame["split"] == "train"]
    found = [*_alone(training, unit)]
    if across_cameras and (frame["camera"] != UNKNOWN).all():
        found += [*_one_camera(training), *_unfindable(frame)]
    return found


def copies_findings(copies: Sequence[Sequence[str]], table: ImageTable | TrackletTable | None) -> list[Finding]:
    """What to say of images with the same content.

    Args:
        copies: groups of paths.
        table: who is on them, where that is known.
    """
    said = _said_of_images(table)
    groups: dict[str, list[str]] = {"same": [], "people": [], "test": []}
    for group in copies:
        known = [said[path] for path in group if path in said]
        kind = "same" if len({identity for identity, _ in known}) < 2 else "people"
        kind = "test" if {True, False} <= {is_training for _, is_training in known} else kind
        groups[kind].append(" = ".join(group[:3]) + (", ..." if len(group) > 3 else ""))
    texts = {
        "test": "in training and in the test: scores flatter; take all but one out",
        "people": "of different people: all but one of the names are wrong",
        "same": "of one person: the same image counts more than once",
    }
    return [
        Finding(WARNING, f"{counted(len(groups[kind]), 'group')} of equal files {text}", tuple(groups[kind]))
        for kind, text in texts.items()
        if groups[kind]
    ]


def _alone(training: pd.DataFrame, unit: str) -> Iterator[Finding]:
    sizes = training.groupby("identity")["path"].agg(["size", "first"])
    if len(alone := sizes[sizes["size"] == 1]):
        identities = counted(len(alone), "training identity", len(sizes))
        text = f"{identities} with one {unit} only: nothing to learn from"
        yield Finding(WARNING, text, tuple(alone["first"]))


def _one_camera(training: pd.DataFrame) -> Iterator[Finding]:
    cameras = training.groupby("identity").agg(number=("camera", "nunique"), first=("path", "first"))
    if len(one := cameras[cameras["number"] == 1]):
        identities = counted(len(one), "training identity", len(cameras))
        text = f"{identities} on one camera only: nothing to learn about other cameras from"
        yield Finding(WARNING, text, tuple(one["first"]))


def _unfindable(frame: pd.DataFrame) -> Iterator[Finding]:
    """Queries of whom the gallery has nothing on another camera: they don't count."""
    queries, gallery = (frame[frame["split"] == part] for part in ("query", "gallery"))
    if queries.empty:
        return
    pairs = queries.merge(gallery[["identity", "camera"]].drop_duplicates(), on="identity", suffixes=("", "_match"))
    findable = set(pairs.loc[pairs["camera"] != pairs["camera_match"], "path"])
    lonely = queries[~queries["path"].isin(findable)]
    if len(lonely):
        everything = len(lonely) == len(queries)
        text = f"{counted(len(lonely), 'query', len(queries))} without a match on another camera: not counted"
        yield Finding(PROBLEM if everything else WARNING, text, tuple(lonely["path"]))


def _with_first_path(table: ImageTable | TrackletTable) -> pd.DataFrame:
    if isinstance(table, ImageTable):
        return table.frame
    return table.frame.assign(path=[table.images[start] for start in table.frame["start"]])


def _said_of_images(table: ImageTable | TrackletTable | None) -> dict[str, tuple[int, bool]]:
    """(identity, whether it is for training) by path."""
    if table is None:
        return {}
    if isinstance(table, ImageTable):
        said = (table.frame[name].tolist() for name in ("path", "identity", "split"))
        return {path: (identity, split == "train") for path, identity, split in zip(*said, strict=True)}
    columns = (table.frame[name].tolist() for name in ("identity", "split", "start", "stop"))
    return {
        path: (identity, split == "train")
        for identity, split, start, stop in zip(*columns, strict=True)
        for path in table.images[start:stop]
    }
