"""What a process that runs clients keeps between them: the scenario, the images and one resident model.

Simulating a thousand clients means overwriting one model's weights a thousand times, not building a thousand models.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from fedreid import run_folder, wire
from fedreid.data.federation import FederationData
from fedreid.data.image_set import ImageSet
from fedreid.errors import RunError, UserError
from fedreid.models import build_backbone
from fedreid.models.flat import flattened
from fedreid.models.sharing import load_tensors, private_names, shared_tensors
from fedreid.pruning import ChannelGroup, ChannelMap, groups_of, slice_state, sub_network, tensor_map
from fedreid.pruning.scaler import scale_while_training
from fedreid.pruning.tiers import Tiers
from fedreid.scenario import Scenario, load_scenario
from fedreid.training.device import choose_device

MOST_TIERS = 8  # parts of the network that a process keeps resident


class Workspace:
    """Everything a client needs that isn't its own, opened once for each process and run.

    Raises:
        UserError: the run folder, or a data folder it names, isn't here.
    """

    def __init__(self, run_dir: Path) -> None:
        if not (run_dir / run_folder.SCENARIO).is_file():
            raise UserError(f"the run folder {run_dir} is not here. Put it on a file system that every node sees.")
        self.run_dir = run_dir
        self.scenario: Scenario = load_scenario(run_dir / run_folder.SCENARIO).scenario
        self.data = FederationData.open(run_dir)
        self.device, self.bf16 = choose_device(self.scenario.runtime)
        self._others: dict[str, nn.Module] = {}
        self._maps: Tiers | None = None
        self._tiers: OrderedDict[int, TierWorkspace] = OrderedDict()

    @property
    def kind(self) -> str:
        """Tells apart what clients of different tiers make of the same images."""
        return ""

    def in_tier(self, place: int, server_round: int, digest: str) -> TierWorkspace:
        """The workspace of a part of the network; the parts that were used last stay resident.

        Raises:
            RunError: the server's map of it is not the one in the run folder.
        """
        tiers = self._maps
        if tiers is None or tiers.map_in(place, server_round).digest != digest:
            self._maps = tiers = Tiers.load(self.run_dir, server_round)  # the first, or maps were made again
            self._tiers.clear()
            if tiers is None or tiers.map_in(place, server_round).digest != digest:
                raise RunError(
                    f"the server sent a slice by map {digest[:12]}, which is not tier {place} of {self.run_dir}"
                )
        if place not in self._tiers:
            if len(self._tiers) >= MOST_TIERS:
                self._tiers.popitem(last=False)
            self._tiers[place] = TierWorkspace(self, tiers, place)
        self._tiers.move_to_end(place)
        return self._tiers[place]

    @cached_property
    def groups(self) -> tuple[ChannelGroup, ...]:
        """The channel groups of the whole network."""
        return groups_of(self.new_backbone(0), frozen=())

    @cached_property
    def model(self) -> nn.Module:
        """The resident backbone. Its weights belong to whoever loaded theirs last."""
        return self.new_backbone(0).to(self.device)

    @cached_property
    def start(self) -> dict[str, Tensor]:
        """State of the backbone before the first round."""
        return load_file(self.run_dir / run_folder.START)

    @cached_property
    def first_public_proxies(self) -> Tensor:
        """Phi before the first round."""
        return load_file(self.run_dir / run_folder.PUBLIC_PROXIES)["proxies"]

    @cached_property
    def shared(self) -> dict[str, Tensor]:
        """The resident model's tensors that travel, in one block of memory."""
        return flattened(self._shared() | self.public_proxies)

    def _shared(self) -> dict[str, Tensor]:
        return shared_tensors(self.model, self.scenario.batchnorm, self.scenario.method.private_layers)

    @cached_property
    def public_proxies(self) -> dict[str, Tensor]:
        """Phi, the class proxies of the public identities, which travel beside the backbone; {} where they don't.

        They are (public identities, dim) under one name, resident like the model.

        Raises:
            UserError: the method needs public images, and there are none.
        """
        if not self.scenario.method.has("public") or not len(self.public):
            return {}
        start = load_file(self.run_dir / run_folder.PUBLIC_PROXIES)["proxies"]
        return {wire.PUBLIC_PROXIES: nn.Parameter(start.to(self.device))}

    @cached_property
    def public(self) -> ImageSet:
        """The public images.

        Raises:
            UserError: there are none.
        """
        if self.data.public is None:
            raise UserError(f"the method {self.scenario.method.name} needs public images, and this run has none.")
        return self.data.public

    @cached_property
    def held_out(self) -> list[ImageSet]:
        """Every client's held-out images, which a simulation may look at to evaluate the others, and only for that."""
        return [self.data.held_out(client) for client in range(self.data.num_clients)]

    def new_backbone(self, seed: int) -> nn.Module:
        """One with random weights, on the CPU."""
        generator = torch.Generator().manual_seed(seed)
        return build_backbone(self.scenario.model, image_size=self.scenario.data.image_size, generator=generator)

    def another(self, name: str) -> nn.Module:
        """Another resident backbone, which nothing of travels: a client's personal one."""
        if name not in self._others:
            self._others[name] = self.new_backbone(0).to(self.device)
        return self._others[name]

    def frozen(self, name: str) -> nn.Module:
        """Another resident backbone that is only looked at: the global model, or a client's previous one."""
        return self.another(name).requires_grad_(False).eval()

    @cached_property
    def private(self) -> dict[str, Tensor]:
        """The resident model's tensors that stay with each client (BatchNorm, if the scenario says so)."""
        names = private_names(self.model, self.scenario.batchnorm, self.scenario.method.private_layers)
        return {name: tensor for name, tensor in self.model.state_dict(keep_vars=True).items() if name in names}

    def receive(self, arrays: Mapping[str, np.ndarray], private: dict[str, Tensor]) -> nn.Module:
        """The resident model with the server's arrays and one client's own tensors in it."""
        load_tensors(self.shared, arrays)
        if self.private:
            own = {name: private.get(name, self.start[name]).numpy() for name in self.private}
            load_tensors(self.private, own)
        if self.public_proxies and self.scenario.faithful.freeze_public_proxies:
            self.public_proxies[wire.PUBLIC_PROXIES].data.copy_(self.first_public_proxies)
        return self.model


class TierWorkspace(Workspace):
    """A workspace whose backbone is a part of the network; images and settings are those of the whole one's.

    Args:
        place: of the tier.
    """

    def __init__(self, whole: Workspace, tiers: Tiers, place: int) -> None:
        self.whole, self.tiers, self.place = whole, tiers, place
        self.run_dir, self.scenario, self.data = whole.run_dir, whole.scenario, whole.data
        self.device, self.bf16 = whole.device, whole.bf16
        self.channel_map = tiers.tiers[place].channel_map
        self._others = {}

    def map_in(self, server_round: int) -> ChannelMap:
        """Of this part in a round: a window moves on."""
        return self.tiers.map_in(self.place, server_round)

    @property
    def kind(self) -> str:
        return f"-tier-{self.tiers.tiers[self.place].name}"

    @cached_property
    def start(self) -> dict[str, Tensor]:
        """The part of the backbone's first state."""
        return slice_state(self.whole.start, tensor_map(self.whole.groups, self.channel_map))

    @property
    def public(self) -> ImageSet:  # type: ignore[override]
        return self.whole.public

    @property
    def held_out(self) -> list[ImageSet]:  # type: ignore[override]
        return self.whole.held_out

    def new_backbone(self, seed: int) -> nn.Module:
        """One of this tier's size, with random weights, on the CPU; with HeteroFL's scaler where that is wanted."""
        backbone = sub_network(
            self.scenario.model,
            self.channel_map,
            image_size=self.scenario.data.image_size,
            generator=torch.Generator().manual_seed(seed),
        )
        if self.scenario.pruning.scaler:
            scale_while_training(backbone, self.whole.groups, self.channel_map)
        return backbone


@lru_cache(maxsize=1)
def workspace(run_dir: str) -> Workspace:
    """The process's workspace for this run; opening another run closes it."""
    return Workspace(Path(run_dir))
