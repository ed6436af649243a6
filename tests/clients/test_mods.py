"""What wraps every handler: a fixed number of threads, and the check of what leaves."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from flwr.app import Message

from clients import mods
from fedreid import wire
from tests.messages import context, message, sent


@pytest.fixture
def _three_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = SimpleNamespace(threads_per_client=3)
    space = SimpleNamespace(scenario=SimpleNamespace(runtime=runtime))
    monkeypatch.setattr(mods, "workspace", {"/runs/a": space}.__getitem__)


@pytest.mark.usefixtures("_three_threads")
def test_handlers_run_with_the_scenarios_threads_and_the_process_gets_its_own_back() -> None:
    before = torch.get_num_threads()
    assert before != 3
    seen: list[int] = []

    def handler(asked: Message, _: object) -> Message:
        seen.append(torch.get_num_threads())
        return wire.reply(asked, {})

    mods.fixed_threads(message(wire.instruction(None, "/runs/a", 1)), context(), handler)
    assert seen == [3]
    assert torch.get_num_threads() == before


@pytest.mark.usefixtures("_three_threads")
def test_a_handler_that_fails_gives_the_threads_back_too() -> None:
    before = torch.get_num_threads()

    def handler(asked: Message, _: object) -> Message:
        raise ValueError("loss is nan")

    with pytest.raises(ValueError, match="loss is nan"):
        mods.fixed_threads(message(wire.instruction(None, "/runs/a", 1)), context(), handler)
    assert torch.get_num_threads() == before


def test_what_must_not_leave_does_not_leave_the_client_app() -> None:
    def handler(asked: Message, _: object) -> Message:
        return wire.reply(asked, {}, {"proxies": np.zeros((3, 4))})

    with pytest.raises(wire.PrivacyError, match="proxies"):
        mods.allow_list(sent({"weight": np.zeros(2)}), context(), handler)


def test_what_may_leave_passes_unchanged() -> None:
    question = sent({"weight": np.zeros(2)})
    reply = wire.reply(question, {"loss": 1.0}, {"weight": np.ones(2)})
    assert mods.allow_list(question, context(), lambda *_: reply) is reply


@pytest.mark.parametrize(("method", "may_leave"), [("fedface", True), ("fedavg", False), ("fedfr", False)])
def test_private_proxies_leave_only_if_the_clients_own_scenario_says_so(
    method: str, may_leave: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server asks for them in every case; in a deployment it is somebody else's."""
    space = SimpleNamespace(scenario=SimpleNamespace(method=SimpleNamespace(name=method)))
    monkeypatch.setattr(mods, "workspace", {"/runs/a": space}.__getitem__)
    question = message(wire.instruction(None, "/runs/a", 1, **{wire.SHARES_PRIVATE_PROXIES: True}))
    reply = wire.reply(question, {}, private_proxies=np.zeros((3, 4), np.float32))
    if may_leave:
        assert mods.allow_list(question, context(), lambda *_: reply) is reply
        return
    with pytest.raises(wire.PrivacyError, match=f"method {method} must not send private class proxies"):
        mods.allow_list(question, context(), lambda *_: reply)


def test_the_client_app_checks_its_replies_on_any_engine(new_run, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    from clients import app as client_app

    metrics = client_app.training_metrics
    monkeypatch.setattr(client_app, "training_metrics", lambda *args: metrics(*args) | {"first-pixel": 17.0})
    run_dir = new_run()
    from clients.workspace import workspace
    from fedreid.models.sharing import copy_arrays
    from tests.messages import instruction

    arrays = copy_arrays(workspace(str(run_dir)).shared)
    with pytest.raises(wire.PrivacyError, match="metric first-pixel"):
        client_app.app(instruction(run_dir, arrays), context())
