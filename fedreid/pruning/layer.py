"""One layer's share of what a network costs, from its shapes alone."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

COUNTED = (nn.Conv2d, nn.Linear, _BatchNorm, nn.PReLU)


@dataclass(frozen=True)
class Layer:
    """One use of a layer.

    Attributes:
        name: of the module.
        kind: "conv", "linear", "norm" or "slope".
        inputs: channels that go in (features, of a linear layer).
        outputs: channels that come out.
        groups: of a convolution; and so are kernel_size, stride and padding.
        biases: learnable values for each output beside its weights.
        input_size: height and width of the feature map that goes in; none of a vector.
        output_size: of the one that comes out; 0 if the network never uses the layer.
        kept_inputs: values for each input channel that training keeps for its backward pass.
        kept_outputs: the same for each output channel. A feature map between two layers is counted with one of them.
        kept_besides: values that training keeps whatever the widths.
        is_first_use: the layer hasn't been used before, so its parameters count here.
    """

    name: str
    kind: str
    inputs: int
    outputs: int
    groups: int = 1
    kernel_size: tuple[int, ...] = ()
    stride: tuple[int, ...] = ()
    padding: tuple[int, ...] = ()
    biases: int = 0
    input_size: tuple[int, ...] = ()
    output_size: tuple[int, ...] = ()
    kept_inputs: int = 0
    kept_outputs: int = 0
    kept_besides: int = 0
    is_first_use: bool = True

    @property
    def weights(self) -> int:
        """Weights for each output."""
        return self.inputs // self.groups * prod(self.kernel_size) if self.kind in ("conv", "linear") else 0

    @property
    def macs(self) -> int:
        """Multiply-accumulate operations for one image: of convolutions and linear layers only."""
        return self.weights * self.output_elements

    @property
    def params(self) -> int:
        """Learnable values."""
        return self.outputs * (self.weights + self.biases) if self.is_first_use else 0

    @property
    def input_elements(self) -> int:
        """Values that go in, for one image."""
        return self.inputs * prod(self.input_size)

    @property
    def output_elements(self) -> int:
        """Values that come out, for one image."""
        return self.outputs * prod(self.output_size)

    @property
    def activations(self) -> int:
        """Values that training keeps for its backward pass, for one image."""
        return self.inputs * self.kept_inputs + self.outputs * self.kept_outputs + self.kept_besides


def record_of(name: str, module: nn.Module) -> Layer:
    """What the module alone tells."""
    if isinstance(module, nn.Linear):
        return Layer(name, "linear", module.in_features, module.out_features, biases=int(module.bias is not None))
    if isinstance(module, nn.PReLU):
        return Layer(name, "slope", module.num_parameters, module.num_parameters, biases=1)
    if isinstance(module, _BatchNorm):
        return Layer(name, "norm", module.num_features, module.num_features, biases=2 * int(module.affine))
    if not isinstance(module, nn.Conv2d):
        raise AssertionError(f"{name} is none of the layers that are counted")
    return Layer(
        name,
        "conv",
        module.in_channels,
        module.out_channels,
        groups=module.groups,
        kernel_size=module.kernel_size,
        stride=module.stride,
        padding=_padding(module),
        biases=int(module.bias is not None),
    )


def _padding(module: nn.Conv2d) -> tuple[int, ...]:
    """Of a convolution, in numbers: "same" pads half the kernel."""
    if isinstance(module.padding, str):
        return tuple(size // 2 if module.padding == "same" else 0 for size in module.kernel_size)
    return module.padding
