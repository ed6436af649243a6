"""FedRep's local step: first the private head on a fixed representation, then the representation under a fixed head.

Collins et al., Exploiting Shared Representations for Personalized Federated Learning, ICML 2021. The head is all that
the client keeps to itself: the private layers (`method.fedper.layers`), BatchNorm where the scenario makes it private,
and the class proxies. BatchNorm's running statistics are measured, not trained: they move in both phases, in the fixed
part as well, as in every pass in training mode.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from torch import Tensor

from clients.client import HEAD, Client
from clients.training import together, train
from fedreid.training import Classification, TrainingStats


def fedrep(client: Client) -> TrainingStats:
    """One round of FedRep on one client: `fedrep.head_epochs` on the head, then `method.epochs` on what is shared.

    Returns:
        Steps, images and seconds of both phases; loss and accuracy of the second one.
    """
    space, method = client.workspace, client.settings.method
    proxies = client.proxies()
    objective = Classification(client.settings.loss, proxies)
    shared, private = (
        [tensor for tensor in tensors.values() if tensor.requires_grad] for tensors in (space.shared, space.private)
    )
    with fixed(shared):
        head = train(client, objective, epochs=method.fedrep.head_epochs, purpose=HEAD, trained=private)
    with fixed([*private, proxies]):
        representation = train(client, objective, trained=shared)
    client.state["proxies"] = proxies.detach()
    return together(representation, head)


@contextmanager
def fixed(parameters: Iterable[Tensor]) -> Iterator[None]:
    """Parameters that get no gradient meanwhile: SGD leaves them alone, weight decay included.

    Leaving them out of the optimiser would not do: gradients would pile up in them until their own phase comes.
    """
    chosen = list(parameters)
    for parameter in chosen:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in chosen:
            parameter.requires_grad_(True)
