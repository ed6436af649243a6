"""One client in one round: what a learning method gets to work with."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch
from torch import Tensor, nn

from clients.workspace import Workspace
from fedreid.data.federation import ImageSet
from fedreid.evaluation import embed, percent_metrics, rank, rank_own
from fedreid.scenario import Scenario

# Streams of random numbers that must not meet: each starts at [seed, purpose, client, round].
TRAINING, PROXIES = 1, 2


@dataclass
class Client:
    """A client's images, its model as received, and its private tensors.

    Attributes:
        index: which client, from 0.
        round: the server's round, from 1.
        state: private tensors by name; a method reads and writes it, the app saves it.
        model: the backbone with this round's global weights in it; trained in place.
    """

    index: int
    round: int
    workspace: Workspace
    model: nn.Module
    state: dict[str, Tensor] = field(default_factory=dict)

    @property
    def settings(self) -> Scenario:
        return self.workspace.scenario

    @cached_property
    def images(self) -> ImageSet:
        return self.workspace.data.train(self.index)

    def generator(self, purpose: int) -> np.random.Generator:
        """Random numbers that depend on the scenario's seed, this client and this round only."""
        return np.random.default_rng([self.settings.seed, purpose, self.index, self.round])

    def proxies(self) -> nn.Parameter:
        """W_i: (K_i, dim), the client's own class proxies; drawn from N(0, 0.01^2) the first time."""
        saved = self.state.get("proxies")
        if saved is None:
            shape = (self.images.num_identities, self.settings.model.embedding_dim)
            rng = np.random.default_rng([self.settings.seed, PROXIES, self.index])
            saved = torch.from_numpy((0.01 * rng.standard_normal(shape)).astype(np.float32))
        return nn.Parameter(saved.to(self.workspace.device))

    def personalized_metrics(self) -> dict[str, float]:
        """The model as it is now, on held-out images of the client's own people."""
        held_out = self.workspace.data.held_out(self.index)
        ranking = rank_own(self._embed(held_out), held_out.identities, held_out.cameras)
        return percent_metrics(ranking)

    def generic_metrics(self) -> dict[str, float]:
        """The model as it is now, on every generic test set; keys `generic:<metric>:<dataset>`."""
        found: dict[str, float] = {}
        for name, (query, gallery) in self.workspace.data.generic.items():
            ranking = rank(
                self._embed(query), query.identities, query.cameras,
                self._embed(gallery), gallery.identities, gallery.cameras,
            )  # fmt: skip
            found |= {f"generic:{metric}:{name}": value for metric, value in percent_metrics(ranking).items()}
        return found

    def _embed(self, images: ImageSet) -> np.ndarray:
        space = self.workspace
        return embed(
            self.model, images, batch_size=self.settings.evaluation.batch_size, device=space.device, bf16=space.bf16
        )
