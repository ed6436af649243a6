"""Ditto's local step: FedAvg's, and beside it a personal model that is held near the global one.

Li et al., Ditto: Fair and Robust Federated Learning Through Personalization, ICML 2021: the personal model v minimises
F_i(v) + lambda/2 |v - w_t|^2, where w_t is the model that the round started with; each step's gradient gets
lambda (v - w_t). It never leaves the client, and is the one that is evaluated on the client's own people.

As in FedProx here, the pull is on the parameters that are shared. The personal model has class proxies of its own,
which start where the others do, and private layers and BatchNorm statistics of its own.
"""

from __future__ import annotations

from torch import nn

from clients.client import PERSONAL as PERSONAL_STREAM
from clients.client import Client
from clients.methods.fedavg import fedavg
from clients.methods.fedprox import Proximal, shared_parameters
from clients.methods.kept_models import PERSONAL, copy_tensors, floats, kept, load_kept
from clients.training import check_finite, together, train
from fedreid.training import Classification, TrainingStats

PERSONAL_PROXIES = "personal_proxies"


def ditto(client: Client) -> TrainingStats:
    """One round of Ditto on one client.

    The personal model is another resident one, so the first one still holds what is sent, and the private layers that
    belong to it, when the round is saved.

    Returns:
        Steps, images and seconds of both trainings; loss and accuracy of the one whose result is sent.
    """
    settings = client.settings.method.ditto
    personal, pull = _personal(client), settings.strength
    near = dict(personal.named_parameters())
    received = {name: parameter.detach().clone() for name, parameter in shared_parameters(client).items()}
    proximal = Proximal([near[name] for name in received], list(received.values()), pull)
    start = client.proxies()
    saved = client.state.get(PERSONAL_PROXIES, start.detach())
    proxies = nn.Parameter(saved.clone().to(client.workspace.device))
    client.state["proxies"] = start.detach()
    sent = fedavg(client)
    own = train(
        client, Classification(client.settings.loss, proxies), model=personal, epochs=settings.epochs or None,
        purpose=PERSONAL_STREAM, on_gradient=proximal,
    )  # fmt: skip
    check_finite(floats(personal), own)
    client.state |= kept(personal, PERSONAL) | {PERSONAL_PROXIES: proxies.detach()}
    client.model = personal
    return together(sent, own)


def _personal(client: Client) -> nn.Module:
    """v as this client's last round left it; the first time, the received model."""
    model = client.workspace.another("personal")
    if not load_kept(model, PERSONAL, client.state):
        copy_tensors(floats(model), floats(client.model))
    return model
