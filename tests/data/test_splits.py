"""A split is text that reads back as the same split, and a changed one is noticed."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedreid.data.partition import partition
from fedreid.data.splits import COLUMNS, Split, read_part, read_split, refuse_changes, write_split
from fedreid.errors import UserError
from fedreid.scenario.schema import PartitionSettings
from tests.data.made_up import table


@pytest.fixture
def split() -> Split:
    tables = {"b": table("b"), "a": table("a", people=5)}
    return partition(tables, PartitionSettings(clients=3, public_identities=4), 0)


@pytest.fixture
def folder(split: Split, tmp_path: Path) -> Path:
    write_split(split, tmp_path)
    return tmp_path


def test_a_split_is_one_text_file_for_each_part(folder: Path, split: Split) -> None:
    assert sorted(file.name for file in folder.iterdir()) == [
        "client-000.csv", "client-001.csv", "client-002.csv", "generic-a.csv", "generic-b.csv", "public.csv",
    ]  # fmt: skip
    header, first, *_ = (folder / "public.csv").read_text().splitlines()
    assert header == "source,row,path,identity,camera,use"
    row = split.part("public").iloc[0]
    assert first == f"{row['source']},{row['row']},{row['path']},{row['identity']},{row['camera']},train"


def test_a_written_split_reads_back_the_same(folder: Path, split: Split) -> None:
    assert read_split(folder) == split
    assert read_split(folder).frame.dtypes.to_dict() == split.frame.dtypes.to_dict()
    assert read_split(folder) != Split(split.frame.iloc[1:])


def test_clients_beyond_a_thousand_read_back_in_order(tmp_path: Path) -> None:
    split = partition({"a": table("a", people=2002, cameras=1, images=1)}, PartitionSettings(clients=1001), 0)
    write_split(split, tmp_path)
    assert read_split(tmp_path) == split


@given(st.lists(st.text("a,\"'\n é\udcff;", min_size=1, max_size=8), min_size=1, max_size=5))
def test_any_file_name_survives(tmp_path_factory: pytest.TempPathFactory, paths: list[str]) -> None:
    frame = pd.DataFrame(
        {"source": "a", "row": range(len(paths)), "path": paths, "identity": 1, "camera": -1, "use": "train"}
    )
    folder = tmp_path_factory.mktemp("split")
    write_split(Split(frame.assign(part="public")[["part", *COLUMNS]]), folder)
    assert read_part(folder / "public.csv")["path"].tolist() == paths


def test_the_same_split_again_is_no_change(folder: Path, split: Split) -> None:
    refuse_changes(split, folder)


def test_a_changed_file_is_named_with_what_changed(folder: Path, split: Split) -> None:
    file = folder / "client-001.csv"
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(lines[:1] + lines[2:]))
    with pytest.raises(UserError) as caught:
        refuse_changes(split, folder)
    message = str(caught.value)
    assert f"client-001.csv lost 0 rows and got 1 (as {lines[1].strip()})" in message
    assert "client-000.csv" not in message


def test_missing_and_surplus_parts_are_named(folder: Path, split: Split) -> None:
    (folder / "client-002.csv").rename(folder / "client-003.csv")
    with pytest.raises(UserError, match=r"client-002\.csv is new; client-003\.csv is gone"):
        refuse_changes(split, folder)


def test_many_changes_are_counted(folder: Path, split: Split) -> None:
    for file in folder.iterdir():
        file.write_text("")
    with pytest.raises(UserError, match="and 3 more files"):
        refuse_changes(split, folder)


def test_a_missing_folder_and_an_empty_one_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such folder"):
        read_split(tmp_path / "none")
    with pytest.raises(UserError, match="no split in this folder"):
        read_split(tmp_path)


@pytest.mark.parametrize(
    "text",
    ["", "a,b\n", ",".join(COLUMNS) + "\na,x,p,1,1,train\n", ",".join(COLUMNS) + "\na,1,p,1\n"],
    ids=["empty", "other columns", "no number", "short row"],
)
def test_a_file_that_is_no_part_is_refused_by_name(tmp_path: Path, text: str) -> None:
    (tmp_path / "public.csv").write_text(text)
    with pytest.raises(UserError, match=r"public\.csv: not a part of a split"):
        read_split(tmp_path)


def test_a_missing_part_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"client-000\.csv: no such file"):
        read_part(tmp_path / "client-000.csv")
