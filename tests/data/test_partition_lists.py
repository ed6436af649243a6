"""Partitions that files describe: what `fedreid data split` wrote is read back, and every mistake in it is named."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from fedreid.data.partition import partition
from fedreid.data.partition_lists import refuse_too_few
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


def test_people_may_have_other_numbers_than_in_the_lists(written: Path) -> None:
    """As they get when a folder of another person is added in front of them."""
    more = tables()
    people = more["people"].frame
    more["people"] = replace(more["people"], frame=people.assign(identity=people["identity"] + 1))
    before, after = by_lists(written, tables()).frame, by_lists(written, more).frame
    shift = (before["source"] == "people").astype("int64")
    assert after.equals(before.assign(identity=before["identity"] + shift))


@pytest.mark.parametrize(
    ("rows_changed", "says"),
    [
        (1, r"the lists say identity 5 and 50 of \S+ and \S+, and /data/people says that they show one person"),
        (99, r"the lists say identity 50 of both \S+ and \S+, and /data/people says \d and \d"),
    ],
    ids=["one as two", "two as one"],
)
def test_other_people_than_the_datasets_are_refused(written: Path, rows_changed: int, says: str) -> None:
    edit(
        written / "client-001.csv",
        lambda rows: rows.assign(identity=rows["identity"].where(rows.index >= rows_changed, 50)),
    )
    assert re.search(says, refusal(written))


def test_another_camera_than_the_datasets_is_refused(written: Path) -> None:
    edit(written / "client-001.csv", lambda rows: rows.assign(camera=rows["camera"] + 1))
    assert re.search(r"the lists say camera 2 of \S+, and /data/people says 1", refusal(written))


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


# Test sets


def move(file: Path, rows: pd.DataFrame) -> None:
    """Add rows to a list."""
    edit(file, lambda found: pd.concat([found, rows]))


def test_training_on_people_of_a_test_set_is_refused(written: Path) -> None:
    test = pd.read_csv(written / "generic-people.csv")
    moved = test["path"] == "q"  # "g", of the same person, stays
    edit(written / "generic-people.csv", lambda rows: rows[~moved])
    move(written / "client-000.csv", test[moved].assign(use="train"))
    assert "client-000.csv trains on somebody who is in generic-people.csv, too (as q)" in refusal(written)
    (written / "generic-people.csv").unlink()
    assert (by_lists(written, tables()).part("client-000")["path"] == "q").any()  # nobody is tested by these lists


@pytest.mark.parametrize("use", ["query", "gallery"])
def test_a_test_set_of_one_half_is_refused(written: Path, use: str) -> None:
    edit(written / "generic-people.csv", lambda rows: rows[rows["use"] != use])
    assert f"generic-people.csv has no {use}: a test set needs query and gallery" in refusal(written)


def test_a_test_set_of_an_unknown_source_or_of_anothers_images_is_refused(written: Path) -> None:
    rows = (written / "generic-people.csv").read_text()
    (written / "generic-zzz.csv").write_text(rows)
    assert "the lists name the source 'zzz', and data.sources has people, small" in refusal(written)
    (written / "generic-zzz.csv").unlink()
    (written / "generic-small@03.csv").write_text(rows)
    assert "generic-small@03.csv has images of the source 'people', and is about 'small'" in refusal(written)
    (written / "generic-small@03.csv").unlink()
    (written / "generic-people@00.csv").write_text(rows)
    assert "generic-people@00.csv and generic-people.csv are one test set" in refusal(written)


def test_public_images_are_not_held_out(written: Path) -> None:
    edit(written / "public.csv", lambda rows: rows.assign(use=["train", *["held_out"] * (len(rows) - 1)]))
    assert "public.csv has uses other than train." in refusal(written)


def test_an_image_may_be_query_and_in_the_gallery(tmp_path: Path) -> None:
    """As MARS has it with queries_in_gallery."""
    people = table("people", people=8).frame.itertuples(index=False, name=None)
    tests = [("q", 100, 1, "query"), ("q", 100, 1, "gallery"), ("r", 100, 2, "query"), ("r", 100, 2, "gallery")]
    both = {"people": of_rows("people", [*people, *tests])}
    split = partition(both, PartitionSettings(clients=3), seed=3)
    write_split(split, tmp_path)
    assert by_lists(tmp_path, both) == split
    edit(tmp_path / "generic-people.csv", lambda rows: pd.concat([rows, rows]))
    assert "an image is in two parts" in refusal(tmp_path, both)


def test_lists_need_no_share_that_is_held_out(written: Path) -> None:
    none = PartitionSettings(by="lists", lists=str(written), held_out=0)
    assert partition(tables(), none, seed=1) == by_lists(written, tables())


def test_a_client_without_held_out_images_is_told_what_helps(written: Path) -> None:
    edit(written / "client-001.csv", lambda rows: rows.assign(use="train"))
    split = by_lists(written, tables())
    refuse_too_few(split, written, held_out=False)
    with pytest.raises(UserError) as caught:
        refuse_too_few(split, written, held_out=True)
    assert str(caught.value).splitlines() == [
        f"{written}/client-001.csv holds out no image, which personalized evaluation is about.",
        "  Set evaluation.personalized = 'test_set', or write held_out in the column use of some images.",
    ]


def test_a_client_with_one_image_to_train_on_is_named(written: Path) -> None:
    edit(written / "client-002.csv", lambda rows: rows[rows["use"] == "train"].head(1))
    with pytest.raises(UserError, match=r"client-002\.csv has one image to train on; a client needs two\.\n  Add some"):
        refuse_too_few(by_lists(written, tables()), written, held_out=False)
