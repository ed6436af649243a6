"""What a network consists of, as far as its costs go: one record for each use of a layer in a forward pass.

The records come from one pass of a made-up image without values (torch's meta device), so they cost neither memory nor
arithmetic; every smaller network's costs then follow from its widths alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

import torch
from torch import nn

from fedreid.pruning.channel_group import ChannelGroup
from fedreid.pruning.layer import COUNTED, Layer, record_of
from fedreid.pruning.trace import IMAGES, Trace


def layers_of(
    model: nn.Module, image_size: tuple[int, int], *, without: Sequence[str] = (), colours: int = 3
) -> tuple[Layer, ...]:
    """The layers that an image of this height and width passes through, in order. The model stays as it is.

    Args:
        without: modules that don't count (and all below them), such as a classifier.
        colours: channels of the image.

    Raises:
        ValueError: naming a layer with learnable values that isn't a convolution, linear, BatchNorm or PReLU, and so
            can't be counted; or a module left out that there isn't.
    """
    counted = _counted(model, without)
    trace = Trace({module: name for name, module in counted.items()})
    left_out = [model.get_submodule(name) for name in without]
    with trace.following(left_out), evaluating(model):
        _pass(model, (IMAGES, colours, *image_size), trace)
    used = {layer.name for layer in trace.layers}
    idle = [record_of(name, module) for name, module in counted.items() if name not in used]
    return (*trace.layers_with_activations(), *(replace(idler, input_size=(0,), output_size=(0,)) for idler in idle))


def _counted(model: nn.Module, without: Sequence[str]) -> dict[str, nn.Module]:
    """The layers by name."""
    modules = dict(model.named_modules())
    if unknown := [name for name in without if name not in modules]:
        raise ValueError(f"the model has no module {', '.join(unknown)}")
    counted = {
        name: module for name, module in modules.items() if not _is_within(name, without) and _has_values(module)
    }
    for name, module in counted.items():
        if not isinstance(module, COUNTED):
            raise ValueError(
                f"can't count the costs of {name or 'the model'}: expected convolution, linear, BatchNorm or PReLU, "
                f"found {type(module).__name__}"
            )
    return counted


def resized(layers: Sequence[Layer], groups: Sequence[ChannelGroup], widths: Mapping[str, int]) -> tuple[Layer, ...]:
    """The layers of the same network with other numbers of channels.

    Args:
        layers: of the network with the groups' widths.
        groups: by which its layers hang together.
        widths: channels of some groups; the others stay.
    """
    outputs: dict[str, int] = {}
    inputs: dict[str, int] = {}
    depthwise: dict[str, int] = {}
    for group in groups:
        width = widths.get(group.name, group.width)
        outputs |= dict.fromkeys((*group.producers, *group.batchnorms, *group.depthwise, *group.slopes), width)
        inputs |= dict.fromkeys((*group.batchnorms, *group.depthwise, *group.slopes), width)
        inputs |= {layer: width * group.positions.get(layer, 1) for layer in group.consumers}
        depthwise |= dict.fromkeys(group.depthwise, width)
    return tuple(
        replace(
            layer,
            inputs=inputs.get(layer.name, layer.inputs),
            outputs=outputs.get(layer.name, layer.outputs),
            groups=depthwise.get(layer.name, layer.groups),
        )
        if layer.name in outputs or layer.name in inputs
        else layer
        for layer in layers
    )


def _pass(model: nn.Module, shape: tuple[int, ...], trace: Trace) -> None:
    """Send images without values through a copy of the model without values."""
    values = {name: torch.empty_like(tensor, device="meta") for name, tensor in model.named_buffers()}
    for name, parameter in model.named_parameters():
        values[name] = torch.empty_like(parameter, device="meta", requires_grad=True)
    images = torch.empty(shape, device="meta", memory_format=torch.channels_last)
    trace.ignore(values.values())
    with torch.enable_grad(), torch.autograd.graph.saved_tensors_hooks(trace.save, lambda tensor: tensor):
        torch.func.functional_call(model, values, (images,))


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Evaluation mode, and afterwards for each module the mode that it was in."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode


def _is_within(name: str, modules: Sequence[str]) -> bool:
    return any(name == module or name.startswith(f"{module}.") for module in modules)


def _has_values(module: nn.Module) -> bool:
    """Whether it is a layer: something with learnable values of its own, or a BatchNorm."""
    return isinstance(module, COUNTED) or next(module.parameters(recurse=False), None) is not None
