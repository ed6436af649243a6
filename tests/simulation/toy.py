"""A ClientApp without a model: adds to arrays, fails, dies or leaks on request. Workers import it by name."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import numpy as np
from flwr.app import Context, Message
from flwr.clientapp import ClientApp

from fedreid import wire

app = ClientApp()


@app.query()
def identify(message: Message, context: Context) -> Message:
    return wire.reply(message, {wire.CLIENT: int(context.node_config["partition-id"])})


@app.train()
def add_client_number(message: Message, context: Context) -> Message:
    """Adds i + 1 to every array, and what was sent to this client alone.

    The config tells which client sleeps, fails, dies or leaks.
    """
    client, config = int(context.node_config["partition-id"]), message.content[wire.CONFIG]
    if config.get("slow") == client:
        time.sleep(0.3)
    if config.get("fails") == client:
        raise ValueError("loss is nan (step 3)")
    if config.get("dies") == client:
        _die_once(Path(str(config["marker"])))
    if config.get("always-dies") == client:
        os.kill(os.getpid(), signal.SIGKILL)
    own = wire.private_proxies_of(message)
    added = np.float32(client + 1 + (0 if own is None else own.sum()))
    arrays = {name: array + added for name, array in wire.arrays_of(message).items()}
    if config.get("leaks") == client:
        arrays["proxies"] = np.zeros((3, 4), np.float32)
    return wire.reply(message, {wire.NUM_EXAMPLES: client + 1, "loss": 1.0}, arrays)


def _die_once(marker: Path) -> None:
    if not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
