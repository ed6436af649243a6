"""A client whose network is two matrices, so that a plain loop can say what its training must lead to.

Batches hold all images, nothing is augmented: the order of images is of no matter, and every epoch is one step.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from clients.client import Client
from clients.workspace import Workspace
from fedreid.data.image_set import ImageSet
from fedreid.models.sharing import copy_arrays
from fedreid.scenario import Scenario
from fedreid.training.inputs import MEAN, STD
from tests.training.made_up import made_up_images

DIM, SCALE, MARGIN = 4, 4.0, 0.4
RATE, MOMENTUM, DECAY = 0.1, 0.9, 5e-4
PIXELS = 2 * 1 * 3

Named = dict[str, Tensor]


class Network(nn.Module):
    """(B, 3, 2, 1) -> (B, 4): embedding(body(x)), both of them matrices."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.body, self.embedding = nn.Linear(PIXELS, 5, bias=False), nn.Linear(5, DIM, bias=False)
        for layer in (self.body, self.embedding):
            layer.weight.data = torch.randn(layer.weight.shape, generator=generator) / 2

    def forward(self, x: Tensor) -> Tensor:
        return self.embedding(self.body(x.flatten(1)))


class ToyWorkspace(Workspace):
    """A workspace without a run folder."""

    def __init__(self, clients: list[ImageSet], public: ImageSet | None, **method: Any) -> None:
        self.scenario = Scenario.model_validate(
            {
                "data": {"sources": {"toy": {"format": "synthetic"}}},
                "model": {"embedding_dim": DIM},
                "loss": {"scale": SCALE, "margin": MARGIN},
                "augment": {"flip": False, "crop_padding": 0},
                "method": {"batch_size": 1000, "learning_rate": RATE, "weight_decay": DECAY, "epochs": 3} | method,
            }
        )
        self.data = SimpleNamespace(train=clients.__getitem__, num_clients=len(clients), public=public)  # type: ignore[assignment]
        self.device, self.bf16 = torch.device("cpu"), False
        self.model = Network()
        self.start = {name: tensor.clone() for name, tensor in self.model.state_dict().items()}
        self.sent = copy_arrays(self.shared)
        self.others: dict[str, nn.Module] = {}

    def another(self, name: str) -> nn.Module:  # type: ignore[override]
        return self.others.setdefault(name, copy.deepcopy(self.model))


def toy_workspace(clients: int = 1, *, identities: int = 3, public: int = 0, **method: Any) -> ToyWorkspace:
    """Clients with 4 images of each of so many people, who are all different; as many of public people if any."""
    count = identities * clients + public
    everybody = made_up_images(max(2, count), 4, height=2, width=1, noise=60)
    bounds = [range(identities * client, identities * (client + 1)) for client in range(clients)]
    parts = [everybody.subset(np.flatnonzero(np.isin(everybody.identities, list(people)))) for people in bounds]
    rest = everybody.subset(np.flatnonzero(everybody.identities >= identities * clients)) if public else None
    return ToyWorkspace(parts, rest, **method)


def toy_client(
    space: ToyWorkspace,
    state: Mapping[str, Tensor] | None = None,
    *,
    index: int = 0,
    server_round: int = 1,
    **more: Any,
) -> Client:
    """A client that just received the toy's starting weights, and read its private state."""
    kept = {name: tensor.clone() for name, tensor in (state or {}).items()}
    model = space.receive(space.sent, kept)
    return Client(index, server_round, space, model, space.sent, kept, **more)


def pixels(images: ImageSet) -> Tensor:
    """(n, 6) float64: what the network is shown, from the definition."""
    raw = images.batch(np.arange(len(images))) / 255
    return torch.from_numpy(((raw - np.array(MEAN)) / np.array(STD)).transpose(0, 3, 1, 2).reshape(len(images), -1))


def weights(model: nn.Module) -> Named:
    """The two matrices in float64."""
    return doubled(model.state_dict())


def doubled(tensors: Mapping[str, Tensor], prefix: str = "") -> Named:
    """Copies in float64 of those whose names start so."""
    chosen = {name[len(prefix) :]: tensor for name, tensor in tensors.items() if name.startswith(prefix)}
    return {name: tensor.detach().double().clone() for name, tensor in chosen.items()}


def features(network: Mapping[str, Tensor], x: Tensor) -> Tensor:
    return x @ network["body.weight"].T @ network["embedding.weight"].T


def unit(rows: Tensor) -> Tensor:
    return rows / rows.norm(dim=1, keepdim=True)


def plain_cosface(embeddings: Tensor, proxies: Tensor, labels: np.ndarray) -> Tensor:
    """Eq. 7.1, term by term."""
    cosines = unit(embeddings) @ unit(proxies).T
    losses = []
    for row, label in zip(cosines, labels, strict=True):
        own = torch.exp(SCALE * (row[label] - MARGIN))
        others = sum(torch.exp(SCALE * cosine) for k, cosine in enumerate(row) if k != label)
        losses.append(-torch.log(own / (own + others)))
    return torch.stack(losses).mean()


def cosface_of(*sets: ImageSet) -> Callable[[Named], Tensor]:
    """The loss of a network and its proxies on some sets, each of whose people come after those of the sets before."""
    x = torch.cat([pixels(images) for images in sets])
    before = np.cumsum([0, *(images.num_identities for images in sets)])
    labels = np.concatenate([images.labels + offset for images, offset in zip(sets, before, strict=False)])

    def loss(live: Named) -> Tensor:
        proxies = [live[name] for name in ("proxies", "public_proxies") if name in live]
        return plain_cosface(features(live, x), torch.cat(proxies), labels)

    return loss


Pull = Callable[[str, Tensor], Tensor | float]


def plain_sgd(trained: Named, loss: Callable[[Named], Tensor], steps: int, pull: Pull | None = None) -> Named:
    """SGD with momentum and weight decay; `pull(name, value)` is added to a gradient."""
    values, velocity = dict(trained), {name: torch.zeros_like(value) for name, value in trained.items()}
    for _ in range(steps):
        live = {name: value.clone().requires_grad_() for name, value in values.items()}
        gradients = torch.autograd.grad(loss(live), list(live.values()))
        for (name, value), gradient in zip(values.items(), gradients, strict=True):
            full = gradient + DECAY * value + (pull(name, value) if pull else 0.0)
            velocity[name] = MOMENTUM * velocity[name] + full
            values[name] = value - RATE * velocity[name]
    return values


def plain_round(network: Named, proxies: Tensor, images: ImageSet, steps: int = 3, pull: Pull | None = None) -> Named:
    """FedAvg's step on the network and its proxies."""
    return plain_sgd(network | {"proxies": proxies}, cosface_of(images), steps, pull)


def drawn_proxies(identities: int, *, index: int = 0) -> Tensor:
    """Where proxies start: N(0, 0.01^2) from seed 0, stream 2."""
    rows = 0.01 * np.random.default_rng([0, 2, index]).standard_normal((identities, DIM))
    return torch.from_numpy(rows.astype(np.float32)).double()


def assert_close(found: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> None:
    """float32 training against float64."""
    assert found.keys() == expected.keys()
    for name, tensor in expected.items():
        torch.testing.assert_close(found[name].detach().double(), tensor, rtol=1e-4, atol=1e-5, msg=name)
