"""Partitions that files describe: what `fedreid data split` wrote is read back, and every mistake in it is named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from fedreid.data.partition import partition
from fedreid.data.splits import Split, write_split
from fedreid.data.tables import ImageTable, drawn_table
from fedreid.errors import UserError
from fedreid.scenario.schema import PartitionSettings
from tests.data.made_up import of_rows, table


def tables() -> dict[str, ImageTable]:
    cameras = {"a": 1, "b": 2}
    halves = [
        of_rows("small", [(path, 1, cameras[path], use) for path, use in zip(order, ("query", "gallery"), strict=True)])
        for order in ("ab", "ba", "ab")
    ]
    tests = [("q", 100, 1, "query"), ("g", 100, 2, "gallery")]
    people = table("people", people=8).frame.itertuples(index=False, name=None)
    return {"people": of_rows("people", [*people, *tests]), "small": drawn_table(halves)}


def by_lists(folder: Path, of: dict[str, ImageTable]) -> Split:
    return partition(of, PartitionSettings(by="lists", lists=str(folder)), seed=5)


@pytest.fixture
def written(tmp_path: Path) -> Path:
    settings = PartitionSettings(clients=3, public_identities=2)
    write_split(partition(tables(), settings, seed=3), tmp_path)
    return tmp_path


def edit(file: Path, change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    change(pd.read_csv(file)).to_csv(file, index=False)


def refusal(folder: Path, of: dict[str, ImageTable] | None = None) -> str:
    with pytest.raises(UserError) as caught:
        by_lists(folder, of or tables())
    return str(caught.value)


def test_what_was_written_is_read_back(written: Path) -> None:
    assert by_lists(written, tables()) == partition(tables(), PartitionSettings(clients=3, public_identities=2), seed=3)


def test_images_are_known_by_their_path_wherever_they_stand_in_the_table(written: Path) -> None:
    more = tables()
    added = [("0-new", 7_000, 1, "train"), *more["people"].frame.itertuples(index=False, name=None)]
    more["people"] = of_rows("people", added)
    before, after = by_lists(written, tables()).frame, by_lists(written, more).frame
    assert after.drop(columns="row").equals(before.drop(columns="row"))
    for source, rows in after.groupby("source"):
        frame = more[str(source)].frame
        assert frame["path"].iloc[rows["row"]].tolist() == rows["path"].tolist()
    assert "0-new" not in set(after["path"])


def test_an_image_that_is_not_there_is_named(written: Path) -> None:
    edit(written / "client-000.csv", lambda rows: rows.assign(path=["gone.jpg", *rows["path"][1:]]))
    text = refusal(written)
    assert "1 of " in text
    assert "gone.jpg" in text
    assert "fedreid data split" in text


def test_another_identity_than_the_datasets_is_refused(written: Path) -> None:
    edit(written / "client-001.csv", lambda rows: rows.assign(identity=rows["identity"] + 1))
    assert "the lists say identity" in refusal(written)


def test_an_unknown_source_is_named(written: Path) -> None:
    renamed = {name.replace("people", "crowd"): each for name, each in tables().items()}
    assert "the lists name the source 'people', and data.sources has crowd, small" in refusal(written, renamed)


def test_a_missing_client_is_named(written: Path) -> None:
    (written / "client-001.csv").unlink()
    assert "client-001.csv is missing" in refusal(written)


def test_no_client_at_all(written: Path) -> None:
    for file in written.glob("client-*.csv"):
        file.unlink()
    assert "no list of a client" in refusal(written)


def test_a_person_given_away_twice_is_refused(written: Path) -> None:
    public = pd.read_csv(written / "public.csv")
    edit(written / "client-002.csv", lambda rows: pd.concat([rows, public.assign(use="train")]))
    assert "an image is in two parts" in refusal(written)


def test_an_unknown_use_is_refused(written: Path) -> None:
    edit(written / "client-002.csv", lambda rows: rows.assign(use=["train", *["test"] * (len(rows) - 1)]))
    assert "client-002.csv has uses other than train and held_out" in refusal(written)


def test_a_client_without_training_images_is_refused(written: Path) -> None:
    edit(written / "client-002.csv", lambda rows: rows.assign(use="held_out"))
    assert "client-002.csv has no image to train on" in refusal(written)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    assert "no such folder" in refusal(tmp_path / "nowhere")
