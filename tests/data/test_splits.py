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


HEADER = ",".join(COLUMNS) + "\n"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "it is empty"),
        (HEADER, "no image follows its first line"),
        ("a,b\n", "its columns, in line 1, are 'a, b'"),
        (HEADER + "a,1,p,1,1,train\na,x,p,1,1,train\n", "line 3 has the row 'x', which is no whole number"),
        (HEADER + "a,1,p,1\n", "line 2 has 4 values, not 6"),
        (HEADER + f"a,1,p,{2**63},1,train\n", f"line 2 has the identity {2**63}, which is too large a number"),
        (HEADER + f"a,{-(2**80)},p,1,1,train\n", f"line 2 has the row {-(2**80)}, which is too large a number"),
        (HEADER + "a,1,p,1,1,train\n\na,1,p,1,1,train\n", "line 3 is empty"),
        (HEADER + "a,1," + "p" * 200_000 + ",1,1,train\n", "line 2: field larger than field limit"),
    ],
    ids=["empty", "header", "other columns", "no number", "short row", "large", "small", "empty line", "long"],
)
def test_a_file_that_is_no_part_is_refused_by_name_and_line(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "public.csv").write_text(text)
    with pytest.raises(UserError) as caught:
        read_split(tmp_path)
    assert f"public.csv: not a part of a split ({HEADER.strip()}): {says}" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_byte_order_mark_is_no_part_of_the_first_column(folder: Path, split: Split) -> None:
    for file in folder.iterdir():
        file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    assert read_split(folder) == split


@pytest.mark.parametrize("name", ["PUBLIC", "client-1", "client-0001", "clients-000", "generic", "generic-", "notes"])
def test_a_file_of_another_name_is_refused(folder: Path, name: str) -> None:
    (folder / f"{name}.csv").write_text((folder / "client-000.csv").read_text())
    with pytest.raises(UserError, match=rf"{name}\.csv: not a part of a split: expected public\.csv"):
        read_split(folder)


def test_a_missing_part_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"client-000\.csv: no such file"):
        read_part(tmp_path / "client-000.csv")
