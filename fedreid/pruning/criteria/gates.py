"""Loss impacts of every group of a model, read off the gradients that a training step leaves behind."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from fedreid.errors import UserError
from fedreid.pruning.criteria.taylor_batchnorm import GroupMode, RunningMean, gate_gradient, group_impact
from fedreid.pruning.groups import ChannelGroup


class LossImpacts:
    """Running loss impacts of one pruning step; call `update` between `backward` and the optimiser's step.

    It costs a few operations on vectors of channels for each mini-batch, whatever the images: scoring is training
    with a look at gradients that are there anyway.

    Args:
        model: the network in training.
        groups: of this network, as wide as it is now.
        mode: how the layers of a group count together, see `group_impact`. With "shared_gate" the model has to run
            inside `watching`.
        decay: of the running mean.

    Raises:
        UserError: a group without BatchNorm, which this criterion can't judge.
        ValueError: "shared_gate" where a group of several layers isn't made of blocks.
    """

    def __init__(
        self,
        model: nn.Module,
        groups: Sequence[ChannelGroup],
        *,
        mode: GroupMode = "sum_of_squares",
        decay: float = 0.9,
    ) -> None:
        without = [group.name for group in groups if not group.batchnorms]
        if without:
            raise UserError(
                f"this criterion reads BatchNorms, and there is none in {', '.join(without)}: take another."
            )
        self.mode = mode
        self._layers = {group.name: [_norm(model, layer) for layer in group.batchnorms] for group in groups}
        shared = [group for group in groups if mode == "shared_gate" and len(group.batchnorms) > 1]
        self._blocks = {group.name: [model.get_submodule(name) for name in blocks_of(group)] for group in shared}
        self._sums: dict[str, list[Tensor]] = {}
        self._means = {group.name: RunningMean(decay) for group in groups}

    def update(self) -> None:
        """Fold in the gradients of one mini-batch.

        Raises:
            ValueError: a layer without a gradient: the loss doesn't depend on it, or `backward` wasn't called.
        """
        for name, norms in self._layers.items():
            gates = self._sums.pop(name, []) if name in self._blocks else [_gate(name, norm) for norm in norms]
            if not gates:
                raise ValueError(f"no gradient reached a block of group {name}: run the model inside watching()")
            self._means[name].update(group_impact(gates, self.mode))

    def values(self) -> dict[str, Tensor]:
        """{group: (width,)}.

        Raises:
            ValueError: no mini-batch was seen.
        """
        values = {name: mean.value for name, mean in self._means.items()}
        seen = {name: value for name, value in values.items() if value is not None}
        if len(seen) < len(values):
            raise ValueError("no mini-batch was scored: this criterion needs data")
        return seen

    @contextmanager
    def watching(self) -> Iterator[None]:
        """While open, "shared_gate" notes a · dL/da at the outputs of residual blocks; other modes need nothing."""
        handles = [
            block.register_forward_hook(self._note(name)) for name, blocks in self._blocks.items() for block in blocks
        ]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def _note(self, name: str) -> Any:
        def hook(module: nn.Module, inputs: Any, output: Tensor) -> None:
            if not output.requires_grad:
                return

            def keep(gradient: Tensor) -> None:
                gate = (output.detach() * gradient).sum(dim=(0, 2, 3))
                self._sums.setdefault(name, []).append(gate)

            output.register_hook(keep)

        return hook


def blocks_of(group: ChannelGroup) -> tuple[str, ...]:
    """The residual blocks whose outputs a group is, from the names of its producers ("layer2.0.conv3").

    A stem that joins the first stage stands outside the blocks and has no gate of its own.

    Raises:
        ValueError: no producer is inside a block.
    """
    inside = [layer.split(".downsample")[0] for layer in group.producers if layer.count(".") >= 2]
    blocks = dict.fromkeys(".".join(layer.split(".")[:2]) for layer in inside)
    if not blocks:
        raise ValueError(
            f"shared_gate: group {group.name} is no output of residual blocks: {', '.join(group.producers)}"
        )
    return tuple(blocks)


def _gate(name: str, norm: nn.Module) -> Tensor:
    weight, bias = norm.weight, norm.bias
    if weight.grad is None or bias.grad is None:  # type: ignore[union-attr]
        raise ValueError(f"a BatchNorm of group {name} has no gradient: the loss doesn't depend on it")
    return gate_gradient(weight, bias, weight.grad, bias.grad)  # type: ignore[arg-type, union-attr]


def _norm(model: nn.Module, layer: str) -> nn.Module:
    norm = model.get_submodule(layer)
    if not (isinstance(norm.weight, Tensor) and isinstance(norm.bias, Tensor)):
        raise ValueError(f"layer {layer} has no scale and shift to read")
    return norm
