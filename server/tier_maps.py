"""Which channels each tier keeps, by the model as it is: the starting one, or the global one between two rounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from fedreid import run_folder, wire
from fedreid.data.image_set import ImageSet
from fedreid.evaluation import embed
from fedreid.models import build_backbone
from fedreid.models.sharing import load_tensors, shared_tensors
from fedreid.pruning import ChannelMap
from fedreid.pruning.channel_group import ChannelGroup
from fedreid.pruning.from_images import caie_on, image_scores
from fedreid.pruning.schedules.consumption import Consumption
from fedreid.pruning.schedules.records import Pruned
from fedreid.pruning.tier_maps import Scores, prunable, tier_maps
from fedreid.training.device import choose_device

if TYPE_CHECKING:
    from server.setup import Setup

PURPOSE = 10  # of the random numbers: [seed, PURPOSE] is no client's stream


class Current:
    """The whole network as it is before a round, on the CPU.

    Args:
        arrays: the global model's; None: the starting model's.
        server_round: the round; 0 for the starting model.
    """

    def __init__(self, setup: Setup, arrays: Mapping[str, np.ndarray] | None = None, server_round: int = 0) -> None:
        self.setup, self.round = setup, server_round
        self.model = whole_network(setup, arrays)
        self.arrays = arrays

    def generator(self) -> np.random.Generator:
        """Random numbers of this round, the same however often a run was stopped."""
        seed = [self.setup.scenario.seed, PURPOSE]
        return np.random.default_rng([*seed, self.round] if self.round else seed)

    def public_proxies(self, public: ImageSet, device: torch.device) -> Tensor:
        """Class proxies of the public people: the pre-trained ones, those that clients train, or means of features."""
        if self.arrays is None:
            return load_file(self.setup.run_dir / run_folder.PUBLIC_PROXIES)["proxies"]
        if wire.PUBLIC_PROXIES in self.arrays:
            return torch.from_numpy(np.array(self.arrays[wire.PUBLIC_PROXIES]))
        size = self.setup.scenario.evaluation.batch_size
        features = embed(self.model.to(device), public, batch_size=size, device=device)
        sums = np.zeros((public.num_identities, features.shape[1]), np.float64)
        np.add.at(sums, public.labels, features)
        return torch.from_numpy((sums / np.bincount(public.labels)[:, None]).astype(np.float32))


def whole_network(setup: Setup, arrays: Mapping[str, np.ndarray] | None = None) -> nn.Module:
    """The starting model on the CPU, or the global one: what clients keep to themselves is the start's."""
    scenario = setup.scenario
    backbone = build_backbone(scenario.model, image_size=scenario.data.image_size)
    backbone.load_state_dict(setup.start)
    if arrays is not None:
        load_tensors(shared_tensors(backbone, scenario.batchnorm, scenario.method.private_layers), arrays)
    return backbone


def maps_of(current: Current, scores: Scores | None = None) -> list[ChannelMap]:
    """Of all tiers.

    Args:
        scores: the clients', where they were asked.

    Raises:
        UserError: tiers that can't be reached.
    """
    setup, model = current.setup, current.model
    scenario, settings = setup.scenario, setup.scenario.pruning
    size = scenario.data.image_size
    if settings.maps != "importance" or settings.scores != "proxy":
        return tier_maps(model, settings, size, scores=scores)
    public = setup.data.public
    assert public is not None, "refuse_data sees to it"
    device, _ = choose_device(scenario.runtime)
    data: dict[str, Any] = {
        "images": public,
        "proxies": current.public_proxies(public, device),
        "scenario": scenario,
        "generator": current.generator(),
        "device": device,
    }
    model = model.to(device)
    if settings.criterion == "caie":
        return tier_maps(model, settings, size, loop=partial(_loop, model, data))
    found = image_scores(model, prunable(model, settings), **data)
    return tier_maps(model, settings, size, scores=found)


def _loop(
    model: nn.Module,
    data: Mapping[str, Any],
    groups: Sequence[ChannelGroup],
    costs: Consumption,
    limits: Sequence[Mapping[str, float]],
) -> Pruned:
    return caie_on(model, groups, costs, limits, **data)
