"""Rounds of single clients of the tiny federation, asked through the ClientApp."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from flwr.app import Message
from safetensors.torch import load_file
from torch import Tensor

from clients.app import app
from clients.workspace import workspace
from fedreid import run_folder, wire
from tests.messages import context, message

IDENTITIES, PUBLIC, DIM, IMAGES = 3, 4, 16, 12  # K_i, K_g, the embedding's dimension and N_i in the tiny scenario

Arrays = Mapping[str, np.ndarray]


def start_of(run_dir: Path) -> dict[str, np.ndarray]:
    """The arrays that the server sends in round 1."""
    tensors = load_file(run_dir / run_folder.START)
    tensors[wire.PUBLIC_PROXIES] = load_file(run_dir / run_folder.PUBLIC_PROXIES)["proxies"]
    return {name: tensors[name].numpy() for name in workspace(str(run_dir)).shared}


def train(
    run_dir: Path,
    arrays: Arrays,
    client: int = 0,
    server_round: int = 1,
    *,
    message_type: str = "train",
    proxies: np.ndarray | None = None,
    **config: Any,
) -> Message:
    """A client's answer.

    Args:
        proxies: the client's own, from a server that sends them.
        config: what else the instruction says.
    """
    settings = workspace(str(run_dir)).scenario
    config = {wire.EVALUATE: False, wire.SHARES_PRIVATE_PROXIES: settings.method.name == "fedface"} | config
    content = wire.instruction(wire.to_record(arrays), str(run_dir), server_round, **config)
    if proxies is not None:
        content[wire.PRIVATE_PROXIES] = wire.to_record({wire.PROXIES: proxies})
    answer = app(message(content, message_type, client), context(client))
    assert not answer.has_error()
    return answer


def arrays_of(answer: Message) -> Arrays:
    return wire.arrays_of(answer)


def kept_by(run_dir: Path, client: int, server_round: int) -> dict[str, Tensor]:
    """A client's private state as a round left it."""
    return load_file(state_file(run_dir, client, server_round))


def state_file(run_dir: Path, client: int, server_round: int) -> Path:
    return run_dir / "checkpoints" / "clients" / f"{client:04d}" / f"round-{server_round:04d}.safetensors"


def evaluated(run_dir: Path, arrays: Arrays, **options: Any) -> dict[str, float]:
    """The scalars of a round whose model is evaluated, verification and identification included."""
    return wire.metrics_of(train(run_dir, arrays, **{wire.EVALUATE: True, wire.OPEN_SET: True}, **options))
