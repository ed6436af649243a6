"""A run seen from outside: what its tables say of its round, its scores and the time that is left."""

from __future__ import annotations

from pathlib import Path

import pytest

from fedreid.simulation.watched_run import WatchedRun

HEADER = "round,scope,client,dataset,metric,value\n"


class Clock:
    """Stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def write(path: Path, *lines: str) -> None:
    with path.open("a") as file:
        file.write("".join(lines))


def test_rounds_and_scores_are_read_as_they_are_written(tmp_path: Path) -> None:
    table, run = tmp_path / "metrics.csv", WatchedRun(tmp_path, 3)
    run.look()
    assert (run.round, run.score(), run.stage) == (-1, None, "images")
    write(table, HEADER, "0,generic,,a,mAP,10.0\n", "0,generic,,b,mAP,20.0\n", "0,generic,,b,rank1,99.0\n")
    run.look()
    assert (run.round, run.score()) == (0, ("mAP", 15.0))
    write(table, "1,train,0,,loss,1.0\n", "1,personalized,0,a,mAP,30.0\n1,personalized,1,a,mAP,50.0\n1,gen")
    run.look()
    assert (run.round, run.score(), run.score("personalized")) == (1, ("mAP", 15.0), ("mAP", 40.0))
    write(table, "eric,,a,mAP,12.5\n")  # the rest of a line that was half there
    run.look()
    assert run.score() == ("mAP", 12.5), "of the last evaluation alone"


def test_stages(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    run = WatchedRun(folder, 1)
    stages = [run.stage]

    def look() -> None:
        run.look()
        stages.append(run.stage)

    folder.mkdir()
    look()
    (folder / "splits").mkdir()
    (folder / "splits" / "data.json").touch()
    look()
    (folder / "setup.json").touch()
    look()
    write(folder / "metrics.csv", HEADER, "0,generic,,a,accuracy,50.0\n")
    look()
    write(folder / "metrics.csv", "1,train,0,,loss,1.0\n")
    look()
    assert stages == ["starting", "images", "pre-training", "start", "rounds", "references"]
    assert run.score() == ("accuracy", 50.0)


def test_a_run_that_goes_on_drops_what_came_after_its_checkpoint(tmp_path: Path) -> None:
    table, clock = tmp_path / "metrics.csv", Clock()
    write(table, HEADER, "0,generic,,a,mAP,1.0\n", "1,generic,,a,mAP,2.0\n")
    run = WatchedRun(tmp_path, 5, clock)
    run.look()
    assert (run.round, run.score()) == (1, ("mAP", 2.0))
    table.write_text(HEADER + "0,generic,,a,mAP,1.0\n")
    clock.now += 7
    run.look()
    assert (run.round, run.score()) == (0, ("mAP", 1.0))
    assert run.seconds_left() is None


def test_the_time_left_follows_the_last_rounds(tmp_path: Path) -> None:
    table, clock = tmp_path / "metrics.csv", Clock()
    run = WatchedRun(tmp_path, 20, clock)
    write(table, HEADER, "0,generic,,a,mAP,1.0\n")
    run.look()
    assert run.seconds_left() is None
    clock.now += 4
    write(table, "1,train,0,,loss,1.0\n")
    run.look()
    assert run.seconds_left() == 19 * 4
    clock.now += 3  # in the middle of the next round
    assert run.seconds_left() == 19 * 4 - 3
    assert run.seconds() == 7
    for number in range(2, 13):  # eleven rounds of ten seconds: the four seconds are forgotten
        clock.now += 10
        write(table, f"{number},train,0,,loss,1.0\n")
        run.look()
    assert run.seconds_left() == pytest.approx(8 * 10)
    clock.now += 1000
    assert run.seconds_left() == 0
    write(table, *(f"{number},train,0,,loss,1.0\n" for number in range(13, 21)))
    run.look()
    assert run.seconds_left() is None, "after the last round nobody knows"


def test_a_query_without_a_match_and_a_strange_line_are_no_score(tmp_path: Path) -> None:
    table, run = tmp_path / "metrics.csv", WatchedRun(tmp_path, 1)
    write(table, HEADER, "0,generic,,a,mAP,nan\n", "what is this\n", "x,generic,,a,mAP,3\n")
    run.look()
    assert (run.round, run.score()) == (0, None)


def test_a_look_at_nothing_new_reads_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "metrics.csv", HEADER, "0,generic,,a,mAP,1.0\n")
    run = WatchedRun(tmp_path, 1)
    run.look()

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("read again")

    monkeypatch.setattr(Path, "open", refuse)
    run.look()
    assert run.round == 0
