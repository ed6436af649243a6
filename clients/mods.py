"""What wraps every handler of the ClientApp, on any engine: a fixed number of threads, and the privacy check."""

from __future__ import annotations

from flwr.app import Context, Message
from flwr.clientapp.typing import ClientAppCallable

from clients.workspace import workspace
from fedreid import wire
from fedreid.training.device import torch_threads


def fixed_threads(message: Message, context: Context, call_next: ClientAppCallable) -> Message:
    """Run with `runtime.threads_per_client` threads: another number would sum in another order and give other bits."""
    run_dir = str(wire.config_of(message)[wire.RUN_DIR])
    with torch_threads(workspace(run_dir).scenario.runtime.threads_per_client):
        return call_next(message, context)


def allow_list(message: Message, context: Context, call_next: ClientAppCallable) -> Message:
    """Refuse to send what must not leave, before it leaves: real deployments have no grid of ours to check it."""
    answer = call_next(message, context)
    wire.check_reply(message, answer)
    if not answer.has_error() and wire.CHANNEL_SCORES in answer.content:
        run_dir = str(wire.config_of(message)[wire.RUN_DIR])
        if not workspace(run_dir).scenario.pruning.asks_clients:  # the client's own scenario must say so
            raise wire.PrivacyError(
                "a client's scores of channels must not leave it: pruning.scores doesn't ask for them"
            )
    if not answer.has_error() and wire.PRIVATE_PROXIES in answer.content:
        run_dir = str(wire.config_of(message)[wire.RUN_DIR])
        method = workspace(run_dir).scenario.method.name
        if method != "fedface":  # a server that asks for them isn't enough: the client's own scenario must say so
            raise wire.PrivacyError(f"method {method} must not send private class proxies")
    return answer
