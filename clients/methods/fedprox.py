"""FedProx's local step: FedAvg's, held near the model that the round started with.

Li et al., Federated Optimization in Heterogeneous Networks, MLSys 2020: the local objective is F_i(w) + mu/2
|w - w_t|^2, so each step's gradient gets mu (w - w_t). The term is on what the server knows: the backbone's shared
parameters. Class proxies and private layers have no global value to be near to, and BatchNorm's running statistics are
measured, not trained.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from clients.client import Client
from clients.training import train
from fedreid.training import Classification, TrainingStats


def fedprox(client: Client) -> TrainingStats:
    """One round of FedProx on one client; mu = 0 is FedAvg."""
    proxies, shared = client.proxies(), list(shared_parameters(client).values())
    pull = Proximal(shared, [parameter.detach().clone() for parameter in shared], client.settings.method.fedprox.mu)
    stats = train(client, Classification(client.settings.loss, proxies), on_gradient=pull)
    client.state["proxies"] = proxies.detach()
    return stats


def shared_parameters(client: Client) -> dict[str, Tensor]:
    """What of the resident model is both trained and sent, by name."""
    return {name: tensor for name, tensor in client.workspace.shared.items() if tensor.requires_grad}


class Proximal:
    """Adds the gradient of weight/2 |w - anchor|^2, once a loss has been differentiated.

    Args:
        parameters: w; those that got no gradient from the loss don't move, and need none.
        anchor: tensors of the same shapes, which stay as they are.
    """

    def __init__(self, parameters: Sequence[Tensor], anchor: Sequence[Tensor], weight: float) -> None:
        self.pairs, self.weight = list(zip(parameters, anchor, strict=True)), weight

    @torch.no_grad()
    def __call__(self) -> None:
        moving = [(one.grad, one, start) for one, start in self.pairs if one.grad is not None]
        gradients, parameters, anchor = ([row[column] for row in moving] for column in range(3))
        torch._foreach_add_(gradients, torch._foreach_sub(parameters, anchor), alpha=self.weight)
