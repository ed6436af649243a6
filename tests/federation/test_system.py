"""Absent and late clients, from the scenario to the files: strategies see only who answered in time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

import fedreid
from fedreid.errors import UserError
from fedreid.progress import Progress

Files = Callable[[Path], dict[str, bytes]]
SHORT = ("federation.rounds=2", "evaluation.local_only=false", "evaluation.open_set=never")
FAST = "{gmacs_per_second = 100, down_mbps = 1000, up_mbps = 1000, watts = 5}"
SLOW = "{clients = [2], gmacs_per_second = 0.001, down_mbps = 1000, up_mbps = 1000}"
TIMED = f"system.profiles=[{FAST}, {SLOW}]"
UNSTEADY = ("system.availability=0.6", "system.dropout=0.2", "system.stragglers=0.3", TIMED, "federation.rounds=3")


class StopInRound(Progress):
    """Presses Ctrl-C when a round begins."""

    def __init__(self, number: int) -> None:
        self.number = number

    def round_started(self, round: int, rounds: int, clients: object) -> None:
        if round == self.number:
            raise KeyboardInterrupt


def cost(rows: pd.DataFrame, metric: str) -> pd.DataFrame:
    return rows[(rows.scope == "cost") & (rows.metric == metric)]


def is_of_round(rows: pd.DataFrame) -> pd.Series:
    """Rows of no client."""
    return rows.client.isna() | (rows.client == "")


def model(run: fedreid.RunResult) -> bytes:
    return (run.run_dir / "model.safetensors").read_bytes()


@pytest.fixture
def without_the_third(scenario: Path, tmp_path: Path) -> bytes:
    """The model of a federation in which client 2 takes no part."""
    overrides = [*SHORT, "federation.participants=[0, 1]"]
    return model(fedreid.run(scenario, out=tmp_path / "two", overrides=overrides))


def test_a_late_answer_is_left_out(scenario: Path, tmp_path: Path, without_the_third: bytes) -> None:
    overrides = [*SHORT, TIMED, "system.deadline_seconds=1.5", "system.server_seconds=0.25"]
    late = fedreid.run(scenario, out=tmp_path / "late", overrides=overrides)
    assert model(late) == without_the_third
    rows = late.metrics
    assert cost(rows, "late")[["round", "client"]].astype(int).to_numpy().tolist() == [[1, 2], [2, 2]]
    of_rounds = cost(rows, "simulated_seconds").query(
        "client == ''" if rows.client.dtype == object else "client.isna()"
    )
    assert of_rounds.value.tolist() == [1.75, 1.75], "the deadline, and the server's time"
    assert late.summary["costs"]["simulated_seconds"] == 3.5


def test_without_a_deadline_the_slowest_is_waited_for(scenario: Path, tmp_path: Path) -> None:
    rows = fedreid.run(scenario, out=tmp_path / "run", overrides=[*SHORT, TIMED]).metrics
    seconds = cost(rows, "simulated_seconds")
    of_rounds, of_clients = seconds[is_of_round(seconds)], seconds[~is_of_round(seconds)]
    assert of_rounds.set_index("round").value.to_dict() == of_clients.groupby("round").value.max().to_dict()
    macs = cost(rows, "macs").set_index(["round", "client"]).value
    images = cost(rows, "images").set_index(["round", "client"]).value
    assert (macs / images).nunique() == 1, "FedAvg: the same for each image"
    joules = cost(rows, "joules").set_index(["round", "client"]).value
    assert (joules == 5 * macs[joules.index] / 100e9).all()
    assert set(joules.index.get_level_values("client").astype(int)) == {0, 1}, "nobody knows client 2's power"


def test_an_absent_client_is_not_asked(scenario: Path, tmp_path: Path, without_the_third: bytes) -> None:
    (tmp_path / "trace.csv").write_text("client,first_round,last_round,slowdown\n2,1,9,0\n")
    overrides = [*SHORT, f"system.trace={tmp_path / 'trace.csv'}"]
    assert model(fedreid.run(scenario, out=tmp_path / "absent", overrides=overrides)) == without_the_third


def test_a_round_without_anybody_leaves_the_model_as_it_is(scenario: Path, tmp_path: Path) -> None:
    (tmp_path / "trace.csv").write_text("client,first_round,last_round,slowdown\n0,2,2,0\n1,2,2,0\n2,2,2,0\n")
    one = fedreid.run(scenario, out=tmp_path / "one", overrides=[*SHORT, "federation.rounds=1"])
    overrides = [*SHORT, f"system.trace={tmp_path / 'trace.csv'}"]
    two = fedreid.run(scenario, out=tmp_path / "two", overrides=overrides)
    assert model(one) == model(two)
    assert two.summary["status"] == "finished"


@pytest.mark.parametrize(("settings", "seconds"), [(["system.dropout=0.999"], 1.75), ([], 0.25)])
def test_a_round_without_anybody_has_its_duration(
    scenario: Path, tmp_path: Path, settings: list[str], seconds: float
) -> None:
    """Who was asked and never answers is waited for until the deadline; where nobody is there, nobody is."""
    (tmp_path / "trace.csv").write_text(
        "client,first_round,last_round,slowdown\n" + ("" if settings else "0,1,9,0\n1,1,9,0\n2,1,9,0\n")
    )
    clock = [
        TIMED,
        "system.deadline_seconds=1.5",
        "system.server_seconds=0.25",
        f"system.trace={tmp_path / 'trace.csv'}",
    ]
    run = fedreid.run(scenario, out=tmp_path / "nobody", overrides=[*SHORT, *clock, *settings])
    assert cost(run.metrics, "simulated_seconds").value.tolist() == [seconds, seconds]
    assert run.summary["costs"]["simulated_seconds"] == 2 * seconds


def test_centralised_training_is_neither_late_nor_away(scenario: Path, tmp_path: Path) -> None:
    settings = [*SHORT, "method.name=centralised"]
    plain = fedreid.run(scenario, out=tmp_path / "plain", overrides=settings)
    (tmp_path / "trace.csv").write_text("client,first_round,last_round,slowdown\n0,1,9,0\n")
    strict = [TIMED, "system.deadline_seconds=1e-6", f"system.trace={tmp_path / 'trace.csv'}"]
    timed = fedreid.run(scenario, out=tmp_path / "timed", overrides=[*settings, *strict])
    assert model(timed) == model(plain)
    assert set(timed.metrics.loc[timed.metrics.scope == "cost", "metric"]) == {
        "bytes_down", "bytes_up", "images", "macs"
    }  # fmt: skip


@pytest.mark.parametrize("method", ["fedavg", "fedfr"])
def test_an_unsteady_federation_ends_with_the_same_bits_after_a_stop_and_on_ray(
    method: str, scenario: Path, tmp_path: Path, final_files: Files
) -> None:
    overrides = [*SHORT, *UNSTEADY, f"method.name={method}", "method.hard_negatives.select=quantile"]
    whole = fedreid.run(scenario, out=tmp_path / "whole", overrides=overrides)
    with pytest.raises(fedreid.Interrupted):
        fedreid.run(scenario, out=tmp_path / "stopped", overrides=overrides, progress=StopInRound(3))
    expected = final_files(whole.run_dir)
    assert final_files(fedreid.resume(tmp_path / "stopped").run_dir) == expected
    if method == "fedavg":
        ray = fedreid.run(scenario, out=tmp_path / "ray", engine="ray", overrides=[*overrides, "runtime.workers=2"])
        assert final_files(ray.run_dir) == expected
    assert len(cost(whole.metrics, "images")) < 3 * 3, "somebody was absent"


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["system.deadline_seconds=3"], r"system\.deadline_seconds needs a clock"),
        (["system.availability=0.2", "system.absence_rounds=2"], "too short for a share of 0.2 .* use 4 or more"),
        (["system.profiles=[{device='jetson-nano', link='mobil'}]"], "Did you mean mobile?"),
        (["system.trace=nowhere.csv"], r"nowhere\.csv can't be read"),
    ],
)
def test_mistakes_are_found_before_anything_is_trained(
    overrides: list[str], message: str, scenario: Path, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=message):
        fedreid.run(scenario, out=tmp_path / "run", overrides=overrides)
    assert not (tmp_path / "run" / "metrics.csv").exists()


def test_a_client_that_first_trains_late_has_no_previous_model_to_pay_for(
    scenario: Path, tmp_path: Path, final_files: Files
) -> None:
    """MOON's step takes three forward passes, and from a client's second training on two more, of frozen models."""
    overrides = [*SHORT, "federation.rounds=5", "federation.fraction=0.34", "method.name=moon"]
    run = fedreid.run(scenario, out=tmp_path / "run", overrides=overrides)
    table = cost(run.metrics, "macs").merge(cost(run.metrics, "images"), on=["round", "client"])
    passes = (table.value_x / table.value_y).round(3)
    forward = passes.min() / 3
    seen: set[float] = set()
    for client, value in zip(table.client, passes, strict=True):
        assert value == pytest.approx(forward * (5 if client in seen else 3))
        seen.add(client)
    assert table.client.iloc[1] != table.client.iloc[0], "somebody begins after the first round"
    assert table.client.duplicated().any()
    with pytest.raises(fedreid.Interrupted):
        fedreid.run(scenario, out=tmp_path / "stopped", overrides=overrides, progress=StopInRound(4))
    assert final_files(fedreid.resume(tmp_path / "stopped").run_dir) == final_files(run.run_dir)
