"""FedFR's local step: public data, hard negatives, closeness to the global model, and a personalized branch.

Liu et al., FedFR: Joint Optimization Federated Framework for Generic and Personalized Face Recognition, AAAI 2022;
chapter 7 of the dissertation: L = L_cos + alpha_2 L_con + alpha_3 L_BCE (eq. 7.7) over D_i and the hard negatives
among D_g. Each part can be switched off (`method.parts`); without all of them this is FedAvg.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
from torch import Tensor

from clients.client import Client
from clients.hard_negatives import hard_negatives
from clients.methods.contrast import Contrast
from clients.training import train
from fedreid import wire
from fedreid.data.image_set import Images, JoinedImages
from fedreid.losses import balanced_bias, cosface, sphere_binary
from fedreid.models.branch import Branch
from fedreid.scenario.method_schema import BranchSettings
from fedreid.scenario.schema import SamplingSettings
from fedreid.training import Batch, Classification, TrainingStats, batch_maker
from fedreid.training.epochs import Batches, batch_bounds

BRANCH = "branch."  # in front of its tensors' names in the private state


def fedfr(client: Client) -> TrainingStats:
    """One round of FedFR on one client."""
    method = client.settings.method
    proxies = client.proxies()
    joined = joined_images(client) if method.has("public") else None
    images: Images = client.images if joined is None else joined
    stacked = (proxies,) if joined is None else (proxies, client.public_proxies)
    contrast = None
    if method.has("contrastive"):
        is_random = client.settings.faithful.random_previous
        contrast = Contrast.of(client, method.contrastive, is_random_at_first=is_random)
    branch = _branch(client, proxies, images) if method.has("branch") else None
    objective = FedFR(Classification(client.settings.loss, *stacked), contrast, branch, method.branch, len(proxies))
    stats = train(client, objective, images, batches=_batches(client, images) if joined is not None else None)
    client.state["proxies"] = proxies.detach()
    if branch is not None:
        client.branch = branch
        client.state |= {BRANCH + name: tensor.detach() for name, tensor in branch.state_dict().items()}
    if method.has("contrastive"):
        Contrast.keep(client)
    return stats


class FedFR:
    """Eq. 7.7 as an objective.

    Args:
        contrast: L_con; None in a client's first round, when there is no previous model and the term is zero.
        branch: the personalized branch; None without.
        identities: K_i; labels from here on are public people's, who are nobody's positives in the branch.
    """

    def __init__(
        self,
        classification: Classification,
        contrast: Contrast | None,
        branch: Branch | None,
        settings: BranchSettings,
        identities: int,
    ) -> None:
        self.classification, self.contrast, self.branch = classification, contrast, branch
        self.settings, self.identities = settings, identities

    def parameters(self) -> Sequence[Tensor]:
        return [*self.classification.parameters(), *(self.branch.parameters() if self.branch is not None else ())]

    def check(self, images: Images) -> None:
        self.classification.check(images)

    def __call__(self, batch: Batch) -> tuple[Tensor, Tensor]:
        loss, similarity = self.classification(batch)
        if self.contrast is not None:
            loss = loss + self.contrast(batch)
        if self.branch is not None:
            loss = loss + self.settings.weight * self._branch_loss(self.branch, batch)
        return loss, similarity

    def _branch_loss(self, branch: Branch, batch: Batch) -> Tensor:
        settings, is_public = self.settings, batch.labels >= self.identities
        if settings.loss == "binary":
            return sphere_binary(
                branch.cosines(batch.embeddings), batch.labels.masked_fill(is_public, -1), branch.biases,
                scale=settings.scale, margin=settings.margin, balance=settings.balance, exponent=settings.exponent,
            )  # fmt: skip
        own = batch.embeddings[~is_public]  # "CosFace (w/ branch)", table 7.2: public people have no class there
        if not len(own):
            return batch.embeddings.new_zeros(())
        loss = self.classification.settings
        return cosface(branch(own), branch.classifiers, batch.labels[~is_public], scale=loss.scale, margin=loss.margin)


def joined_images(client: Client) -> JoinedImages:
    """D_i and the public images that the scenario wants: the hard negatives, or all of them."""
    public, settings = client.workspace.public, client.settings
    chosen = np.arange(len(public))
    if settings.method.has("hard_negatives"):
        chosen = hard_negatives(client.embed(client.images), client.public_features(), settings.method.hard_negatives)
    people = len(np.unique(public.labels[chosen]))
    client.reported |= dict(
        zip(wire.HARD_NEGATIVES, (len(chosen), people, 100 * len(chosen) / len(public)), strict=True)
    )
    if settings.faithful.weights_include_hard_negatives:
        client.reported[wire.WEIGHT] = len(client.images) + len(chosen)
    return JoinedImages(client.images, public, chosen)


def _batches(client: Client, images: Images) -> Batches | None:
    """Batches of mixed images; None: as every method's."""
    settings = client.settings
    if settings.sampling.identities and isinstance(images, JoinedImages):
        return partial(balanced_and_public, images, settings.sampling, settings.method.batch_size)
    if settings.faithful.drop_last and not settings.sampling.identities:
        return partial(whole_batches, len(images), settings.method.batch_size)
    return None


def balanced_and_public(
    images: JoinedImages, settings: SamplingSettings, batch_size: int, generator: np.random.Generator
) -> list[np.ndarray]:
    """P x K batches of the client's own people, and the public images spread evenly over them.

    Public people are there as negatives: few of the chosen images show the same one, so K of each would be copies.
    What doesn't fit into `batch_size` beside the client's own images makes batches of its own, at the end.
    """
    private = batch_maker(settings, images.labels[: images.num_private])
    assert private is not None
    batches = private(generator)
    public = images.num_private + generator.permutation(len(images) - images.num_private)
    room = sum(max(0, batch_size - len(batch)) for batch in batches)
    parts = np.array_split(public[:room], len(batches))
    left = public[room:]
    return [
        *(np.concatenate([batch, part]) for batch, part in zip(batches, parts, strict=True)),
        *(left[start:end] for start, end in batch_bounds(len(left), batch_size)),
    ]


def whole_batches(images: int, batch_size: int, generator: np.random.Generator) -> list[np.ndarray]:
    """Shuffled images without an incomplete last batch, unless it is the only one."""
    order = generator.permutation(images)
    return [order[start : start + batch_size] for start in range(0, images - batch_size + 1, batch_size)] or [order]


def _branch(client: Client, proxies: Tensor, images: Images) -> Branch:
    """The client's branch as its last round left it, or a new one."""
    saved = {name[len(BRANCH) :]: tensor for name, tensor in client.state.items() if name.startswith(BRANCH)}
    branch = Branch(proxies, 0.0 if saved else _first_bias(client, len(proxies), len(images)))
    if saved:
        branch.load_state_dict(saved)
    return branch


def _first_bias(client: Client, identities: int, images: int) -> float:
    settings = client.settings.method.branch
    positives = len(client.images) / identities
    negatives = images - positives
    if settings.bias == "zeros" or settings.loss != "binary" or not negatives:  # one person, and no stranger to meet
        return 0.0
    return balanced_bias(
        positives, negatives, scale=settings.scale, margin=settings.margin,
        balance=settings.balance, exponent=settings.exponent,
    )  # fmt: skip
