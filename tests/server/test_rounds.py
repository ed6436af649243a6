"""The round loop with clients that add numbers: hand-computed models, tables, failures and resumes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from flwr.app import Message
from safetensors.numpy import load_file

from fedreid.errors import ClientError, RunError
from fedreid.reports import write_report
from server.checkpoints import Checkpoint, latest_checkpoint
from server.nodes import cause_of, discover
from server.summary import write_summary
from tests.server.toy import federation, toy_app

NewRun = Callable[..., Path]
MEAN = (1 * 1 + 2 * 2 + 3 * 3) / 6  # client i adds i + 1 and has i + 1 images
WITHOUT_1 = (1 * 1 + 3 * 3) / 4


def shift(run_dir: Path) -> float:
    """How much every value of the model has grown since the start."""
    start, final = load_file(run_dir / "start.safetensors"), load_file(run_dir / "model.safetensors")
    grown = {float(np.round((final[name] - start[name]).mean(), 4)) for name in start if start[name].dtype.kind == "f"}
    assert len(grown) == 1
    return grown.pop()


def newest(run_dir: Path) -> Checkpoint:
    found = latest_checkpoint(run_dir)
    assert found is not None
    return found


def metrics(run_dir: Path) -> pd.DataFrame:
    return pd.read_csv(run_dir / "metrics.csv")


def test_three_rounds_give_three_times_the_weighted_mean(new_run: NewRun) -> None:
    run_dir = new_run()
    federation(run_dir, toy_app()).run()
    assert shift(run_dir) == pytest.approx(3 * MEAN, abs=1e-3)


def test_the_tables_tell_what_clients_said(new_run: NewRun) -> None:
    run_dir = new_run("federation.rounds=2")
    federation(run_dir, toy_app()).run()
    table = metrics(run_dir)
    losses = table.query("scope == 'train' and metric == 'loss'")
    assert losses[["round", "client", "value"]].values.tolist() == [[r, c, c] for r in (1, 2) for c in range(3)]
    scores = table.query("scope == 'personalized' and metric == 'mAP'")
    assert scores[["round", "client", "value"]].values.tolist() == [[r, c, 50 + c] for r in (0, 1, 2) for c in range(3)]
    assert table.query("scope == 'generic' and metric == 'queries'")["round"].tolist() == [0, 1, 2]
    sizes = load_file(run_dir / "checkpoints" / "round-0002" / "global.safetensors")
    traffic = table.query("metric in ('bytes_up', 'bytes_down')").value.unique().tolist()
    assert traffic == [4 * sum(array.size for array in sizes.values())]
    assert newest(run_dir).totals["images"] == 2 * (2 + 4 + 6)


@pytest.mark.parametrize(("every", "evaluated"), [(0, [0, 5]), (1, [0, 1, 2, 3, 4, 5]), (2, [0, 2, 4, 5])])
def test_evaluations_come_as_often_as_the_scenario_says_and_after_the_last_round(
    every: int, evaluated: list[int], new_run: NewRun
) -> None:
    run_dir = new_run("federation.rounds=5", f"evaluation.every={every}")
    federation(run_dir, toy_app()).run()
    table = metrics(run_dir)
    for scope in ("generic", "personalized"):
        assert sorted(table.query(f"scope == '{scope}'")["round"].unique()) == evaluated


def test_references_score_the_final_model_on_every_client(new_run: NewRun) -> None:
    run_dir = new_run("federation.rounds=1")
    federation(run_dir, toy_app()).run()
    table = pd.read_csv(run_dir / "references.csv").query("metric == 'mAP'")
    assert table[["reference", "client", "value"]].values.tolist() == [["global_model", c, 50 + c] for c in range(3)]


def test_a_failing_client_stops_the_run_by_default(new_run: NewRun) -> None:
    run_dir = new_run()
    with pytest.raises(ClientError) as caught:
        federation(run_dir, toy_app({2: [1]})).run()
    assert (caught.value.client, caught.value.round, caught.value.stage) == (1, 2, "training")
    assert caught.value.cause == "ValueError: loss is nan (step 3)"
    assert "Its learning rate is 0.01" in str(caught.value)
    assert f"Resume with: fedreid resume {run_dir}" in str(caught.value)
    assert newest(run_dir).round == 1


def test_a_skipped_client_is_left_out_of_the_mean_and_listed(new_run: NewRun) -> None:
    run_dir = new_run("federation.on_client_failure=skip")
    federation(run_dir, toy_app({2: [1]})).run()
    assert shift(run_dir) == pytest.approx(2 * MEAN + WITHOUT_1, abs=1e-3)
    losses = metrics(run_dir).query("scope == 'train' and metric == 'loss'")
    assert losses.groupby("round").client.apply(list).to_dict() == {1: [0, 1, 2], 2: [0, 2], 3: [0, 1, 2]}
    summary = write_summary(run_dir, "finished", engine="serial", command="x", seconds=1.0)
    cause = "ValueError: loss is nan (step 3)"
    assert summary["failures"] == [{"round": 2, "client": 1, "stage": "training", "cause": cause}]
    write_report(run_dir)
    assert cause in (run_dir / "report.md").read_text()


def test_a_failure_while_the_references_are_made_is_listed_too(new_run: NewRun) -> None:
    run_dir = new_run("federation.on_client_failure=skip", "federation.rounds=1")
    federation(run_dir, toy_app({2: [0]})).run()  # references are told that they are of the round after the last
    summary = write_summary(run_dir, "finished", engine="serial", command="x", seconds=1.0)
    assert [(failure["client"], failure["stage"]) for failure in summary["failures"]] == [(0, "evaluating")]


def test_a_run_in_which_everybody_fails_is_no_success(new_run: NewRun) -> None:
    run_dir = new_run("federation.on_client_failure=skip")
    with pytest.raises(RunError, match="no client answered in round 2: there is nothing to aggregate"):
        federation(run_dir, toy_app({2: [0, 1, 2]})).run()
    assert newest(run_dir).round == 1


def test_failures_before_a_stop_are_still_listed_after_the_resume(new_run: NewRun) -> None:
    run_dir = new_run("federation.on_client_failure=skip")
    with pytest.raises(RunError):
        federation(run_dir, toy_app({1: [1], 2: [0, 1, 2]})).run()
    federation(run_dir, toy_app()).run()
    assert shift(run_dir) == pytest.approx(WITHOUT_1 + 2 * MEAN, abs=1e-3)
    state = json.loads((run_dir / "checkpoints" / "round-0003" / "state.json").read_text())
    assert [(failure["round"], failure["client"]) for failure in state["failures"]] == [(1, 1)]


def test_replies_as_flowers_engine_gives_them_are_folded_by_rising_client(new_run: NewRun) -> None:
    """A list in any order, with whole tracebacks as reasons; floating-point sums depend on the order."""
    run_dir, other = new_run(), new_run(name="other")
    flower, ours = federation(run_dir, toy_app()), federation(other, toy_app())
    send = flower.grid.send_and_receive
    flower.grid.send_and_receive = lambda messages, **_: list(send(messages))[::-1]  # type: ignore[method-assign]
    flower.run()
    ours.run()
    assert (run_dir / "model.safetensors").read_bytes() == (other / "model.safetensors").read_bytes()
    assert (run_dir / "metrics.csv").read_bytes() == (other / "metrics.csv").read_bytes()


def test_the_cause_is_the_last_line_of_a_traceback() -> None:
    from flwr.app import Error

    from tests.messages import sent

    reason = "Traceback (most recent call last):\n  File x\nValueError: loss is nan (step 3)\n\n"
    assert cause_of(Message(Error(code=0, reason=reason), reply_to=sent({}))) == "ValueError: loss is nan (step 3)"


def test_too_few_nodes_are_counted(new_run: NewRun) -> None:
    grid = federation(new_run(), toy_app()).grid
    with pytest.raises(RunError, match="has 5 clients, but only 3 nodes are connected: client 3 has none"):
        discover(grid, "unused", 5)
    assert discover(grid, "unused", 2) == {0: 2, 1: 3}, "more nodes than clients are of no use"
