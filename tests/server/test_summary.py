"""summary.json: the mean over clients by hand, the last evaluated round, and the best one."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from server.records import Records
from server.summary import final_metrics, versions, write_summary

NewRun = Callable[..., Path]


def write(folder: Path, rows: Sequence[tuple[int, str, object, str, str, float]]) -> None:
    table = Records(folder).metrics
    for row in rows:
        table.add(*row)  # type: ignore[arg-type]
    table.commit()


def test_final_scores_are_means_over_the_clients_of_the_last_evaluated_round(tmp_path: Path) -> None:
    write(
        tmp_path,
        [
            (1, "personalized", 0, "tiny", "mAP", 1.0),
            (2, "personalized", 0, "tiny", "mAP", 50.0),
            (2, "personalized", 1, "tiny", "mAP", 60.0),
            (2, "personalized", 2, "tiny", "mAP", 85.0),
            (2, "personalized", 0, "tiny", "queries", 6.0),
            (2, "generic", "", "tiny", "mAP", 30.0),
            (2, "generic", "", "shop", "rank1", 40.0),
            (2, "generic", "", "tiny", "skipped", 2.0),
            (3, "train", 0, "", "loss", 0.1),
        ],
    )
    final, best = final_metrics(tmp_path)
    assert final == {
        "personalized/tiny/mAP": pytest.approx(65.0),  # (50 + 60 + 85) / 3
        "generic/tiny/mAP": 30.0,
        "generic/shop/rank1": 40.0,
    }
    assert best == 2


def test_clients_of_two_datasets_are_averaged_apart(tmp_path: Path) -> None:
    rows = [(1, "personalized", client, dataset, "mAP", value) for client, dataset, value in
            [(0, "a", 10.0), (1, "a", 20.0), (2, "b", 70.0)]]  # fmt: skip
    write(tmp_path, rows)
    assert final_metrics(tmp_path)[0] == {"personalized/a/mAP": 15.0, "personalized/b/mAP": 70.0}


@pytest.mark.parametrize(("values", "best"), [([5, 9, 7], 1), ([5, 9, 9], 1), ([5, 4, 3], 0), ([1, 2, 3], 2)])
def test_the_best_round_has_the_highest_generic_map_the_first_of_equals(
    tmp_path: Path, values: list[float], best: int
) -> None:
    write(tmp_path, [(number, "generic", "", "tiny", "mAP", value) for number, value in enumerate(values)])
    assert final_metrics(tmp_path)[1] == best


def test_the_best_round_is_that_of_the_mean_over_test_sets(tmp_path: Path) -> None:
    """Round 1 is the best on a, round 2 on the mean: (10 + 10) / 2 < (9 + 20) / 2."""
    rows = [(1, "a", 10.0), (1, "b", 10.0), (2, "a", 9.0), (2, "b", 20.0)]
    write(tmp_path, [(number, "generic", "", dataset, "mAP", value) for number, dataset, value in rows])
    assert final_metrics(tmp_path)[1] == 2


def test_without_a_test_set_there_is_no_best_round(tmp_path: Path) -> None:
    assert final_metrics(tmp_path) == ({}, None)


def test_a_run_that_has_not_begun(new_run: NewRun) -> None:
    run_dir = new_run()
    summary = write_summary(run_dir, "running", engine="serial", command="fedreid run x", seconds=0.0)
    assert summary == json.loads((run_dir / "summary.json").read_text())
    assert (summary["status"], summary["rounds"], summary["rounds_planned"]) == ("running", 0, 3)
    assert (summary["final"], summary["best_round"], summary["failures"]) == ({}, None, [])


def test_a_resumed_run_keeps_its_command_and_adds_its_seconds(new_run: NewRun) -> None:
    run_dir = new_run()
    write_summary(run_dir, "failed", engine="serial", command="fedreid run x", seconds=2.0, error="no space")
    summary = write_summary(run_dir, "finished", engine="serial", command="", seconds=3.0)
    assert summary["command"] == "fedreid run x"
    assert summary["timing"]["total_seconds"] == 5.0
    assert summary["error"] == ""


@pytest.mark.parametrize("text", ["", "{", "[]", '{"timing": 3}', '{"timing": {"total_seconds": "long"}}'])
def test_a_damaged_summary_is_written_anew(new_run: NewRun, text: str) -> None:
    """A run must be able to go on, whatever became of what it said of itself."""
    run_dir = new_run()
    (run_dir / "summary.json").write_text(text)
    summary = write_summary(run_dir, "running", engine="serial", command="", seconds=2.0)
    assert summary == json.loads((run_dir / "summary.json").read_text())
    assert summary["timing"]["total_seconds"] == 2.0
    assert summary["command"] == f"fedreid run {run_dir / 'scenario.toml'}"


def test_versions_of_what_decides_the_numbers() -> None:
    import torch

    found = versions()
    assert found["torch"] == torch.__version__
    assert {"python", "fedreid", "flwr", "ray", "numpy"} <= found.keys()


def test_the_start_counts_only_where_nothing_was_scored_after_it(tmp_path: Path) -> None:
    rows = [(0, 0, "mAP", 10.0), (0, 1, "mAP", 20.0), (1, 1, "mAP", 60.0), (0, 0, "rank1", 5.0)]
    write(tmp_path, [(number, "personalized", client, "a", metric, value) for number, client, metric, value in rows])
    assert final_metrics(tmp_path)[0] == {"personalized/a/mAP": 60.0, "personalized/a/rank1": 5.0}


def test_counts_are_no_scores(tmp_path: Path) -> None:
    names = ("mAP", "queries", "genuine_pairs", "local_model/mated_probes", "local_model/mAP")
    write(tmp_path, [(1, "personalized", 0, "a", name, 3.0) for name in names])
    assert final_metrics(tmp_path)[0] == {"personalized/a/mAP": 3.0, "personalized/a/local_model/mAP": 3.0}
