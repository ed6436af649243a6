"""Clients that only watch: nothing of theirs is trained on, and they are tested in every round all the same."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from flwr.app import Message

import fedreid
from fedreid import wire
from fedreid.errors import UserError
from server.evaluation import GlobalModel
from server.setup import Setup
from server.sub_networks import open_sub_networks
from tests.federation.runs import QUICK

ONLY_TWO = ("federation.participants=[2, 0]", "federation.rounds=2", "evaluation.local_only=false")


@pytest.mark.parametrize("method", ["fedavg", "fedfr"])
def test_who_takes_no_part_is_tested_and_not_trained(method: str, scenario: Path, tmp_path: Path) -> None:
    overrides = [*ONLY_TWO, f"method.name={method}", "method.hard_negatives.select=quantile"]
    result = fedreid.run(scenario, out=tmp_path / "run", overrides=overrides)
    rows = result.metrics
    assert set(rows[rows.scope == "train"].client.dropna().astype(int)) == {0, 2}
    tested = rows[(rows.scope == "personalized") & (rows.metric == "mAP")]
    assert tested.groupby("round").client.apply(lambda clients: sorted(clients.astype(int))).to_dict() == {
        number: [0, 1, 2] for number in range(3)
    }
    if method == "fedavg":  # whoever trained has a model of its own, the third one has the global one
        shared = result.references[
            (result.references.reference == "global_model") & (result.references.metric == "mAP")
        ]
        final = tested[tested["round"] == 2].set_index(tested.client.astype(int)[tested["round"] == 2])["value"]
        assert final[1] == shared.set_index(shared.client.astype(int))["value"][1]


TIERS = (
    *QUICK, "federation.rounds=1", "evaluation.open_set=never", "pruning.tiers=[1.0,0.5,0.25]",
    "pruning.budgets=[{clients=[1],macs=0.5},{clients=[2],macs=0.25}]",
)  # fmt: skip


@pytest.mark.parametrize(("scores", "asked"), [("clients", 2), ("local", 3)])
def test_channels_are_chosen_by_who_takes_part(
    scores: str, asked: int, scenario: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With maps of their own, those that are only tested have one, too."""
    answered: list[int] = []
    read = wire.channel_scores_of

    def noted(answer: Message) -> Mapping[str, np.ndarray]:
        answered.append(answer.metadata.src_node_id)
        return read(answer)

    monkeypatch.setattr(wire, "channel_scores_of", noted)
    own = (f"pruning.scores={scores}", "pruning.criterion=taylor_batchnorm", "pruning.batches=1")
    fedreid.run(scenario, out=tmp_path / "run", overrides=[*TIERS, *own, "federation.participants=[2,0]"])
    assert len(set(answered)) == asked


def test_statistics_of_a_tier_whose_clients_only_watch_are_nobodys(scenario: Path, tmp_path: Path) -> None:
    overrides = [*TIERS, "federation.participants=[1]"]
    run_dir = fedreid.run(scenario, out=tmp_path / "run", overrides=overrides).run_dir
    setup = Setup.open(run_dir)
    parts = open_sub_networks(setup, GlobalModel(setup))
    assert parts is not None
    assert [parts.is_measured(place) for place in range(3)] == [False, True, False]
    assert not parts.is_whole_measured
    assert "no client that takes part trains the whole network" in (run_dir / "log.txt").read_text()


def test_a_client_that_is_not_there_is_refused(scenario: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"federation\.participants names client 3, .* has 0 to 2"):
        fedreid.run(scenario, out=tmp_path / "run", overrides=["federation.participants=[0, 3]"])
