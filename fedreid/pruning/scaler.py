"""HeteroFL's scaler: while a sub-network trains, what a pruned convolution emits is divided by what is left of it.

Diao, Ding and Tarokh, HeteroFL: Computation and Communication Efficient Federated Learning for Heterogeneous Clients,
ICLR 2021: a layer with the share r of its channels emits 1/r times as much in training, and as it is in evaluation, so
that the next layer sees sums of about the same size in all tiers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from fedreid.pruning.channel_group import ChannelGroup
from fedreid.pruning.channel_map import ChannelMap


def scale_while_training(model: nn.Module, groups: Sequence[ChannelGroup], channel_map: ChannelMap) -> None:
    """Hang the scaler on a sub-network, in place; evaluation isn't changed.

    Behind a convolution with a BatchNorm it is that BatchNorm's epsilon times r^2, which is the same thing:

        (x/r - m/r) / sqrt(s2/r^2 + e) = (x - m) / sqrt(s2 + e r^2),

    and running statistics stay those of what evaluation sees. (HeteroFL has none in training.)

    Args:
        model: as wide as the map says.
        groups: of the whole network.
        channel_map: of the sub-network; r is each group's own share, that of all where they are cut alike.
    """
    for group in groups:
        share = len(channel_map.kept.get(group.name, range(group.width))) / group.width
        if share == 1:
            continue
        for layer in group.batchnorms:
            norm = model.get_submodule(layer)
            norm.register_forward_pre_hook(_epsilon(float(norm.eps), share))  # type: ignore[arg-type]
        for layer in () if group.batchnorms else group.producers:
            model.get_submodule(layer).register_forward_hook(_divided_by(share))


def _epsilon(own: float, share: float) -> Any:
    def set_epsilon(norm: nn.Module, inputs: Any) -> None:
        norm.eps = own * share**2 if norm.training else own  # type: ignore[assignment]

    return set_epsilon


def _divided_by(share: float) -> Any:
    def divide(layer: nn.Module, inputs: Any, output: Tensor) -> Tensor | None:
        return output / share if layer.training else None

    return divide
