"""FedAvg's local step: CosFace over the client's own identities; the proxies stay at home.

McMahan et al., Communication-Efficient Learning of Deep Networks from Decentralized Data, AISTATS 2017; with CosFace
(Wang et al., CVPR 2018) over K_i private classes, eq. 7.1 of the dissertation. Classifiers of different clients have
nothing in common, so only the backbone is averaged.
"""

from __future__ import annotations

from clients.client import TRAINING, Client
from fedreid.training import TrainingStats, train_epochs


def fedavg(client: Client, epochs: int | None = None) -> TrainingStats:
    """Train the received backbone and the client's own proxies for some epochs of SGD.

    Args:
        epochs: instead of the scenario's `method.epochs`.
    """
    scenario, method = client.settings, client.settings.method
    proxies = client.proxies()
    stats = train_epochs(
        client.model,
        proxies,
        client.images,
        epochs=epochs or method.epochs,
        batch_size=method.batch_size,
        learning_rate=method.learning_rate,
        momentum=method.momentum,
        weight_decay=method.weight_decay,
        loss=scenario.loss,
        augment=scenario.augment,
        generator=client.generator(TRAINING),
        device=client.workspace.device,
        bf16=client.workspace.bf16,
    )
    client.state["proxies"] = proxies.detach()
    return stats
