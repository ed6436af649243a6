"""What leaves a client where channels are scored, and what says which slice was trained."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from clients import mods
from fedreid import wire
from fedreid.scenario.pruning_schema import PruningSettings
from tests.messages import context, message, sent

SCORES = {"layer1": np.ones(8, np.float32), "layer2": np.ones(16, np.float32)}
ASKS = PruningSettings(tiers=(1.0, 0.5), scores="clients", criterion="taylor_batchnorm")


def test_scores_leave_in_answer_to_their_question_only() -> None:
    asked = message(wire.instruction(None, "/runs/a", 0), wire.SCORES)
    wire.check_reply(asked, wire.reply(asked, {wire.NUM_EXAMPLES: 3}, channel_scores=SCORES))
    training = sent({"theta": np.zeros(2)})
    with pytest.raises(wire.PrivacyError, match="record channel-scores"):
        wire.check_reply(training, wire.reply(training, {}, channel_scores=SCORES))


def test_more_than_one_number_for_each_channel_does_not_leave() -> None:
    asked = message(wire.instruction(None, "/runs/a", 0), wire.SCORES)
    with pytest.raises(wire.PrivacyError, match="one row of numbers"):
        wire.check_reply(asked, wire.reply(asked, {}, channel_scores={"layer1": np.ones((8, 100))}))


@pytest.mark.parametrize(("pruning", "passes"), [(ASKS, True), (PruningSettings(), False)])
def test_the_clients_own_scenario_has_to_ask(
    pruning: PruningSettings, passes: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    space = SimpleNamespace(scenario=SimpleNamespace(pruning=pruning))
    monkeypatch.setattr(mods, "workspace", {"/runs/a": space}.__getitem__)
    asked = message(wire.instruction(None, "/runs/a", 0), wire.SCORES)

    def handler(question, _):  # type: ignore[no-untyped-def]
        return wire.reply(question, {}, channel_scores=SCORES)

    if passes:
        assert wire.channel_scores_of(mods.allow_list(asked, context(), handler)).keys() == SCORES.keys()
        return
    with pytest.raises(wire.PrivacyError, match=r"pruning\.scores"):
        mods.allow_list(asked, context(), handler)


def test_a_reply_says_which_slice_it_is_and_nothing_else() -> None:
    content = wire.instruction(None, "/runs/a", 4, **{wire.TIER: 1, wire.MAP: "ab"})
    asked = message(content)
    wire.check_reply(asked, wire.reply(asked, {}, sub_network={wire.TIER: 1, wire.MAP: "ab", wire.ROUND: 4}))
    for other in ({wire.TIER: 1, wire.MAP: "ab", wire.ROUND: 3}, {wire.TIER: 1, wire.MAP: "cd", wire.ROUND: 4},
                  {wire.TIER: 1, wire.MAP: "ab", wire.ROUND: 4, "name": "Bo"}):  # fmt: skip
        with pytest.raises(wire.PrivacyError, match="stale or foreign"):
            wire.check_reply(asked, wire.reply(asked, {}, sub_network=other))
