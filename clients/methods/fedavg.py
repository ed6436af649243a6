"""FedAvg's local step: CosFace over the client's own identities; the proxies stay at home.

McMahan et al., Communication-Efficient Learning of Deep Networks from Decentralized Data, AISTATS 2017; with CosFace
(Wang et al., CVPR 2018) over K_i private classes, eq. 7.1 of the dissertation. Classifiers of different clients have
nothing in common, so only the backbone is averaged.
"""

from __future__ import annotations

from clients.client import Client
from clients.training import train
from fedreid.training import Classification, TrainingStats


def fedavg(client: Client, epochs: int | None = None) -> TrainingStats:
    """Train the received backbone and the client's own proxies for some epochs of SGD.

    Args:
        epochs: instead of the scenario's `method.epochs`; a training of its own, with no part in the schedule of the
            rounds.
    """
    proxies = client.proxies()
    stats = train(client, Classification(client.settings.loss, proxies), epochs=epochs, is_round=epochs is None)
    client.state["proxies"] = proxies.detach()
    return stats
