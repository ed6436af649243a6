"""The tables of a run: exact numbers, whole batches, and back to the last checkpoint after a kill."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.records import METRICS_HEADER, Records, Table


def three_rounds(folder: Path) -> Records:
    records = Records(folder)
    for server_round in range(4):
        records.ranking(server_round, "generic", {"mAP": 10.0 + server_round}, dataset="tiny")
        records.timing.add(server_round, "", "train_phase_seconds", 0.5)
        records.commit()
    return records


def rounds_of(table: Table) -> list[int]:
    return [int(row["round"]) for row in table.rows()]


def test_a_row_is_written_as_it_is_documented(tmp_path: Path) -> None:
    records = Records(tmp_path)
    records.ranking(2, "personalized", {"mAP": 12.5, "queries": 6.0}, dataset="tiny", client=1)
    records.commit()
    assert (tmp_path / "metrics.csv").read_text() == (
        "round,scope,client,dataset,metric,value\n2,personalized,1,tiny,mAP,12.5\n2,personalized,1,tiny,queries,6.0\n"
    )


def test_nothing_is_written_before_the_commit_and_nothing_twice(tmp_path: Path) -> None:
    records = Records(tmp_path)
    records.ranking(1, "generic", {"mAP": 1.0}, dataset="a,b")
    assert not (tmp_path / "metrics.csv").exists()
    records.commit()
    records.commit()
    assert [row["dataset"] for row in records.metrics.rows()] == ["a,b"]


@given(value=st.floats(allow_nan=False, allow_infinity=False))
def test_floats_come_back_bit_for_bit(tmp_path_factory: pytest.TempPathFactory, value: float) -> None:
    table = Table(tmp_path_factory.mktemp("table") / "metrics.csv", METRICS_HEADER)
    table.add(1, "generic", "", "tiny", "mAP", value)
    table.commit()
    assert float(table.rows()[0]["value"]).hex() == value.hex()


def test_numpys_floats_are_written_like_pythons(tmp_path: Path) -> None:
    table = Table(tmp_path / "metrics.csv", METRICS_HEADER)
    table.add(1, "generic", "", "tiny", "mAP", np.float64(1 / 3))
    table.commit()
    assert table.rows()[0]["value"] == repr(1 / 3)


def test_rewinding_drops_what_came_after_the_checkpoint(tmp_path: Path) -> None:
    records = three_rounds(tmp_path)
    before = (tmp_path / "metrics.csv").read_bytes()
    records.rewind(3)
    assert (tmp_path / "metrics.csv").read_bytes() == before
    records.rewind(1)
    assert rounds_of(records.metrics) == rounds_of(records.timing) == [0, 1]
    records.rewind(None)
    assert rounds_of(records.metrics) == []
    assert (tmp_path / "metrics.csv").read_text() == ",".join(METRICS_HEADER) + "\n"


def test_rewinding_a_run_that_wrote_nothing_makes_no_files(tmp_path: Path) -> None:
    Records(tmp_path).rewind(None)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "torn", ["4", "4,gener", "4,generic,,tiny,mAP", "4,generic,,tiny,mAP,", "4,generic,,tiny,mAP,1"]
)
def test_a_last_line_that_a_kill_tore_is_dropped(tmp_path: Path, torn: str) -> None:
    """The last one is the treacherous one: it looks whole, but its value may have had more digits."""
    records = three_rounds(tmp_path)
    whole = (tmp_path / "metrics.csv").read_bytes()
    with (tmp_path / "metrics.csv").open("a") as file:
        file.write(torn)
    assert rounds_of(records.metrics) == [0, 1, 2, 3]
    records.rewind(4)
    assert (tmp_path / "metrics.csv").read_bytes() == whole


@pytest.mark.parametrize("torn", ["", "round,sco"])
def test_a_header_that_a_kill_tore_is_written_again(tmp_path: Path, torn: str) -> None:
    (tmp_path / "metrics.csv").write_text(torn)
    records = Records(tmp_path)
    records.rewind(None)
    records.ranking(1, "generic", {"mAP": 1.0}, dataset="tiny")
    records.commit()
    assert rounds_of(records.metrics) == [1]


def test_a_full_disk_leaves_no_part_of_a_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    records = three_rounds(tmp_path)
    whole = (tmp_path / "metrics.csv").read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    records.ranking(4, "generic", {"mAP": 1.0}, dataset="tiny")
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            records.commit()
    assert (tmp_path / "metrics.csv").read_bytes() == whole
