"""Clients that only watch: nothing of theirs is trained on, and they are tested in every round all the same."""

from __future__ import annotations

from pathlib import Path

import pytest

import fedreid
from fedreid.errors import UserError

ONLY_TWO = ("federation.participants=[2, 0]", "federation.rounds=2", "evaluation.local_only=false")


@pytest.mark.parametrize("method", ["fedavg", "fedfr"])
def test_who_takes_no_part_is_tested_and_not_trained(method: str, scenario: Path, tmp_path: Path) -> None:
    overrides = [*ONLY_TWO, f"method.name={method}", "method.hard_negatives.select=quantile"]
    result = fedreid.run(scenario, out=tmp_path / "run", overrides=overrides)
    rows = result.metrics
    assert set(rows[rows.scope == "train"].client.astype(int)) == {0, 2}
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


def test_a_client_that_is_not_there_is_refused(scenario: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"federation\.participants names client 3, .* has 0 to 2"):
        fedreid.run(scenario, out=tmp_path / "run", overrides=["federation.participants=[0, 3]"])
