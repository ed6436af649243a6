"""The one sentence: serial or parallel, stopped or not, the same federation gives the same bits."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from flwr.app import Message

import fedreid
from fedreid.errors import ClientError
from tests.federation.conftest import Finished, Lender
from tests.federation.runs import SHORT, kill_in_round_2, same, stop

Files = Callable[[Path], dict[str, bytes]]


@pytest.fixture(scope="module")
def whole(finished: Finished, final_files: Files) -> dict[str, bytes]:
    """Files of the uninterrupted serial run."""
    return final_files(finished().run_dir)


def test_ray_gives_the_bits_of_the_serial_engine(
    own_ray: None, scenario: Path, tmp_path: Path, final_files: Files, whole: dict[str, bytes]
) -> None:
    result = fedreid.run(scenario, out=tmp_path / "ray", engine="ray", overrides=["runtime.workers=2"])
    same(final_files(result.run_dir), whole)


def test_the_same_scenario_twice_gives_the_same_bits_and_another_seed_does_not(
    scenario: Path, tmp_path: Path, final_files: Files, finished: Finished
) -> None:
    first = finished(*SHORT)
    again = fedreid.run(first.run_dir / "scenario.toml", out=tmp_path / "again")
    same(final_files(again.run_dir), final_files(first.run_dir))
    other = fedreid.run(scenario, out=tmp_path / "other", overrides=[*SHORT, "seed=1"])
    models = [(result.run_dir / "model.safetensors").read_bytes() for result in (first, other)]
    assert models[0] != models[1]


def test_ctrl_c_in_round_2_saves_and_the_resumed_run_ends_with_the_same_bits(
    scenario: Path, tmp_path: Path, final_files: Files, whole: dict[str, bytes]
) -> None:
    stop(scenario, tmp_path / "stopped")
    same(final_files(fedreid.resume(tmp_path / "stopped").run_dir), whole)


@pytest.mark.parametrize("engine", ["serial", "ray"])
def test_kill_9_in_round_2_and_resume_gives_the_same_bits(
    engine: str, scenario: Path, tmp_path: Path, final_files: Files, whole: dict[str, bytes]
) -> None:
    out = tmp_path / "killed"
    kill_in_round_2(scenario, out, engine=engine)
    # Half-written leftovers must not matter.
    (out / "checkpoints" / ".round-0002.1.tmp").mkdir()
    with (out / "metrics.csv").open("a") as file:
        file.write("2,generic,,tiny,mA")
    same(final_files(fedreid.resume(out).run_dir), whole)


def test_a_run_killed_while_its_references_are_made_resumes(
    scenario: Path, tmp_path: Path, final_files: Files, whole: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    from server.references import References

    def stop(self: References, *_: object) -> None:
        raise KeyboardInterrupt

    out = tmp_path / "references"
    with monkeypatch.context() as patch:
        patch.setattr(References, "_train", stop)
        with pytest.raises(fedreid.Interrupted):
            fedreid.run(scenario, out=out)
    same(final_files(fedreid.resume(out).run_dir), whole)


@pytest.mark.parametrize("policy", ["local", "statistics_local"])
def test_engines_agree_whatever_the_batchnorm_policy(
    policy: str, scenario: Path, tmp_path: Path, final_files: Files
) -> None:
    overrides = [*SHORT, f"federation.batchnorm={policy}"]
    serial = fedreid.run(scenario, out=tmp_path / "serial", overrides=overrides)
    parallel = fedreid.run(scenario, out=tmp_path / "parallel", engine="ray", overrides=overrides)
    same(final_files(parallel.run_dir), final_files(serial.run_dir))


def test_a_worker_killed_in_the_middle_of_a_round_changes_nothing(
    scenario: Path, tmp_path: Path, final_files: Files, whole: dict[str, bytes]
) -> None:
    from fedreid.simulation.ray_grid import RayGrid

    killed: list[int] = []
    stream = RayGrid._stream

    def stream_and_kill(self: RayGrid, messages: list[Message]):  # type: ignore[no-untyped-def]
        for number, answer in enumerate(stream(self, messages)):
            if messages[0].metadata.message_type == "train" and not killed and number == 1:
                killed.append(self.process_ids()[0])
                os.kill(killed[0], signal.SIGKILL)
            yield answer

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RayGrid, "_stream", stream_and_kill)
        result = fedreid.run(scenario, out=tmp_path / "wounded", engine="ray")
    assert killed
    same(final_files(result.run_dir), whole)


def test_partial_participation_is_the_same_on_both_engines_and_after_a_resume(
    scenario: Path, tmp_path: Path, final_files: Files, lender: Lender
) -> None:
    overrides = ["federation.fraction=0.67", "federation.rounds=4", "evaluation.local_only=false"]
    serial = fedreid.run(scenario, out=tmp_path / "serial", overrides=overrides)
    stop(scenario, tmp_path / "ray", overrides, number=3, engine="ray")
    lender.end()  # who resumes has another process, with other workers
    resumed = fedreid.resume(tmp_path / "ray")
    same(final_files(resumed.run_dir), final_files(serial.run_dir))
    metrics = serial.metrics.query("scope == 'train' and metric == 'loss'")
    assert metrics.groupby("round").client.nunique().tolist() == [2, 2, 2, 2]
    assert metrics.client.nunique() == 3


def test_a_client_that_fails_stops_the_run_and_can_be_resumed(
    scenario: Path, tmp_path: Path, final_files: Files, whole: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    from clients.methods import METHODS

    method = METHODS["fedavg"]

    def fails_once(client, epochs=None):  # type: ignore[no-untyped-def]
        if client.index == 1 and client.round == 2:
            raise ValueError("loss is nan (step 2)")
        return method(client, epochs)

    with monkeypatch.context() as patch:
        patch.setitem(METHODS, "fedavg", fails_once)
        with pytest.raises(ClientError, match=r"client 1 failed in round 2 while training: ValueError: loss is nan"):
            fedreid.run(scenario, out=tmp_path / "failed")
    same(final_files(fedreid.resume(tmp_path / "failed").run_dir), whole)
