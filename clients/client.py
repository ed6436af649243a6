"""One client in one round: what a learning method gets to work with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch
from torch import Tensor, nn

from clients import shared_features
from clients.shared_features import SharedFeatures, row_parts
from clients.workspace import Workspace
from fedreid import wire
from fedreid.data.federation import ImageSet
from fedreid.evaluation import embed
from fedreid.models.branch import Branch
from fedreid.scenario import Scenario

# Streams of random numbers that must not meet: each starts at [seed, purpose, client, round].
TRAINING, PROXIES, PERSONAL, HEAD, PREVIOUS = 1, 2, 6, 7, 8


@dataclass
class Client:
    """A client's images, its model as received, and its private tensors.

    Attributes:
        index: which client, from 0.
        round: the server's round, from 1.
        model: the backbone with this round's global weights in it; trained in place. What is here when the method
            returns is the client's own model, which is evaluated on the client's own people: a method that has a
            personal model beside the resident one puts it here.
        received: the server's arrays, by name; read-only.
        state: private tensors by name; a method reads and writes it, the app saves it.
        update: what is sent back, if that isn't what travels of the resident model when the method returns.
        reported: further scalars for the server; their names are on the list in `fedreid.wire`.
        branch: what stands behind the model when it is evaluated on the client's own people.
        given_proxies: FedFace only: the client's own proxies as the server spread them out.
        sent_proxies: FedFace only: the client's own proxies for the server.
    """

    index: int
    round: int
    workspace: Workspace
    model: nn.Module
    received: Mapping[str, np.ndarray]
    state: dict[str, Tensor] = field(default_factory=dict)
    update: Mapping[str, np.ndarray] | None = None
    reported: dict[str, float] = field(default_factory=dict)
    branch: Branch | None = None
    given_proxies: np.ndarray | None = None
    sent_proxies: np.ndarray | None = None

    @property
    def settings(self) -> Scenario:
        return self.workspace.scenario

    @cached_property
    def images(self) -> ImageSet:
        return self.workspace.data.train(self.index)

    def generator(self, purpose: int) -> np.random.Generator:
        """Random numbers that depend on the scenario's seed, this client and this round only."""
        return np.random.default_rng([self.settings.seed, purpose, self.index, self.round])

    def proxies(self, images: ImageSet | None = None) -> nn.Parameter:
        """W_i: (K_i, dim), the client's own class proxies; the first time, as `method.proxies` says.

        "normal": N(0, 0.01^2); "class_mean": the mean of each identity's features under the received model.

        Args:
            images: whose identities they are for, instead of the client's own.
        """
        chosen = self.images if images is None else images
        saved = self.state.get("proxies")
        if saved is None and self.settings.method.proxies == "class_mean":
            saved = torch.from_numpy(self.class_means(chosen))
        if saved is None:
            shape = (chosen.num_identities, self.settings.model.embedding_dim)
            rng = np.random.default_rng([self.settings.seed, PROXIES, self.index])
            saved = torch.from_numpy((0.01 * rng.standard_normal(shape)).astype(np.float32))
        return nn.Parameter(saved.to(self.workspace.device))

    def class_means(self, images: ImageSet | None = None) -> np.ndarray:
        """(K_i, dim) float32: mean feature of each identity's training images under the model as it is now."""
        chosen = self.images if images is None else images
        features, labels = self.embed(chosen), chosen.labels
        sums = np.zeros((chosen.num_identities, features.shape[1]), np.float64)
        np.add.at(sums, labels, features)
        return (sums / np.bincount(labels)[:, None]).astype(np.float32)

    def public_features(self) -> list[np.ndarray]:
        """(N_g, dim) float32 features of the public images under the received model, in parts; before training."""
        public = self.workspace.public

        def rows(chosen: np.ndarray) -> np.ndarray:
            return self.embed(public.subset(chosen))

        if self.workspace.private:  # this client's model isn't everybody's
            return [self.embed(public)]
        pieces, use = row_parts(len(public)), shared_features.TRAINING + self.workspace.kind
        return SharedFeatures(self.workspace.run_dir, self.round, use, pieces, rows).parts()

    def embed(self, images: ImageSet, model: nn.Module | None = None, *, is_unit: bool = True) -> np.ndarray:
        """(n, dim) float32 features under the model as it is now."""
        space = self.workspace
        return embed(
            model or self.model,
            images,
            batch_size=self.settings.evaluation.batch_size,
            device=space.device,
            bf16=space.bf16,
            is_unit=is_unit,
        )

    @property
    def public_proxies(self) -> nn.Parameter:
        """Phi: (K_g, dim), the received class proxies of the public identities."""
        return self.workspace.public_proxies[wire.PUBLIC_PROXIES]  # type: ignore[return-value]
