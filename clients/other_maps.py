"""Private tensors of a client whose part of the network has changed since it saved them.

Maps are made again (`pruning.refresh_rounds`), move on (FedRolex), or come only after the last round (soft pruning).
What a client keeps of its own network then has other channels than its next network. Those that are in both keep the
client's values; the others start as the shared ones do. An optimiser has nothing to forget here: momentum lasts for
one round. Class proxies and branches belong to the embedding, which is as wide in all tiers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from clients.methods.kept_models import PERSONAL, PREVIOUS
from clients.workspace import TierWorkspace, Workspace
from fedreid.pruning import ChannelMap, TensorMap, sliced, tensor_map
from fedreid.pruning.channel_group import ChannelGroup
from fedreid.pruning.places import WHOLE, is_within
from fedreid.pruning.slicing import scatter
from fedreid.pruning.tiers import Tiers
from fedreid.scenario.pruning_schema import PruningSettings

WholeOrPart = ChannelMap | None
"""None: all channels."""


def changes_maps(settings: PruningSettings) -> bool:
    """Whether a client may get another part of the network than it had."""
    return settings.is_on and (settings.is_progressive or settings.refresh_rounds > 0 or settings.maps == "fedrolex")


def in_current_map(
    state: Mapping[str, Tensor],
    saved: int | None,
    space: Workspace,
    client: int,
    server_round: int,
    received: Mapping[str, np.ndarray],
) -> dict[str, Tensor]:
    """A client's private state, for the part of the network that it just received.

    Args:
        saved: the round that the state is of; None: there is none yet.
        space: of the part.
    """
    private = set(space.private)
    if not private and not any(name.startswith((PERSONAL, PREVIOUS)) for name in state):
        return dict(state)
    whole, now = (space.whole, space.map_in(server_round)) if isinstance(space, TierWorkspace) else (space, None)
    before = now if saved is None else _map_of(whole, client, saved)
    found = fitted(state, whole.groups, before, now, whole.start, received)
    tensors = {} if now is None else tensor_map(whole.groups, now)
    first = {name: sliced(whole.start[name], *tensors.get(name, WHOLE), key=name) for name in private - found.keys()}
    return found | first


def _map_of(whole: Workspace, client: int, server_round: int) -> WholeOrPart:
    """What a client had in an earlier round."""
    if whole.scenario.pruning.is_progressive:
        return None
    tiers = Tiers.load(whole.run_dir, server_round)
    if tiers is None or tiers.is_trivial:
        return None
    return tiers.map_in(tiers.of_client[client], server_round)


def fitted(
    state: Mapping[str, Tensor],
    groups: Sequence[ChannelGroup],
    before: WholeOrPart,
    now: WholeOrPart,
    start: Mapping[str, Tensor],
    received: Mapping[str, np.ndarray],
) -> dict[str, Tensor]:
    """The private state for another part of the network.

    Args:
        state: as it was saved, under the map `before`.
        groups: of the whole network.
        now: the map of the model that was received.
        start: the whole network before the first round: new channels of private layers and BatchNorms start there.
        received: the model of this round: new channels of a kept model (Ditto's, MOON's) start there.
    """
    if _digest(before) == _digest(now):
        return dict(state)
    old, new = (tensor_map(groups, each) if each is not None else {} for each in (before, now))
    found = {}
    for name, tensor in state.items():
        prefix = next((each for each in (PERSONAL, PREVIOUS) if name.startswith(each)), "")
        key = name.removeprefix(prefix)
        if key not in start:  # proxies, a branch
            found[name] = tensor
            continue
        fresh = sliced(start[key], *new.get(key, WHOLE), key=key)
        if prefix and key in received:
            fresh = torch.from_numpy(np.array(received[key]))
        found[name] = _merged(key, tensor, fresh, start[key], old, new)
    return found


def _merged(key: str, own: Tensor, fresh: Tensor, like: Tensor, old: TensorMap, new: TensorMap) -> Tensor:
    """The client's values in channels that it had, fresh ones in the others."""
    whole = torch.zeros_like(like)
    scatter(whole, own.to(like.dtype), *old.get(key, WHOLE), key=key)
    shape = tuple(like.shape)
    had = torch.from_numpy(np.broadcast_to(is_within(shape, *old.get(key, WHOLE)), shape).copy())
    rows, columns = new.get(key, WHOLE)
    return torch.where(sliced(had, rows, columns), sliced(whole, rows, columns), fresh)


def _digest(channel_map: WholeOrPart) -> str:
    return "" if channel_map is None else channel_map.digest
