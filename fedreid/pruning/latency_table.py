"""The time of a network as the sum of its layers' times, which a table holds for one device.

A step of pruning asks for the times of dozens of networks that differ in one width. Each of their layers is measured
once; a table from another device (measured there, or simulated) can be loaded instead. What lies between the layers
(rectifiers, sums, pooling) is left out, so that the sum is for comparing widths, not a forecast of a pass.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import torch
from torch import nn

from fedreid.errors import UserError
from fedreid.pruning.groups import ChannelGroup
from fedreid.pruning.latency import limited_to, timed
from fedreid.pruning.layer import Layer
from fedreid.pruning.layers import resized

FORMAT = 1
Measure = Callable[[Layer], float]


class LatencyTable:
    """Seconds for each kind of layer: operation, channels, kernel, stride, groups and size of the feature map.

    Attributes:
        device: for which it holds, in words.
        seconds: by `key_of` the layer.

    Args:
        device: what it is called.
        measure: gives the seconds of a layer that the table lacks; None: such a layer is refused.
        seconds: what is known already.
    """

    def __init__(self, device: str, measure: Measure | None = None, seconds: Mapping[str, float] | None = None) -> None:
        self.device, self.measure, self.seconds = device, measure, dict(seconds or {})

    def total(self, layers: Iterable[Layer]) -> float:
        """Seconds of all of these layers.

        Raises:
            UserError: a layer that the table lacks and can't measure.
        """
        return sum(self._of(layer) for layer in layers if layer.output_elements)

    def _of(self, layer: Layer) -> float:
        key = key_of(layer)
        if key not in self.seconds:
            if self.measure is None:
                raise UserError(
                    f"the latency table of {self.device} has no entry for {layer.name} ({key}).\n"
                    "  It was measured on another network, or never came to these widths. Measure there again."
                )
            self.seconds[key] = self.measure(layer)
        return self.seconds[key]

    def save(self, path: Path) -> None:
        """Write it as JSON."""
        content = {"format": FORMAT, "device": self.device, "seconds": self.seconds}
        path.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")

    @classmethod
    def load(cls, path: Path, measure: Measure | None = None) -> LatencyTable:
        """Read it back.

        Raises:
            UserError: the file is no such table.
        """
        try:
            content = json.loads(path.read_text())
            if content["format"] != FORMAT:
                raise ValueError(f"version {content['format']}, expected {FORMAT}")
            seconds = {key: float(value) for key, value in content["seconds"].items()}
            if wrong := [key for key, value in seconds.items() if not 0 <= value < math.inf]:
                raise ValueError(f"{seconds[wrong[0]]} seconds for {wrong[0]}")
            return cls(str(content["device"]), measure, seconds)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise UserError(f"{path} can't be read as a latency table ({error}).") from error


def key_of(layer: Layer) -> str:
    """What a layer's time depends on, in one line."""
    sizes = (layer.kernel_size, layer.stride, layer.padding, layer.input_size)
    return " ".join(
        [layer.kind, f"{layer.inputs}>{layer.outputs}", f"groups={layer.groups}", f"biases={layer.biases}"]
        + [
            f"{name}={'x'.join(map(str, size))}"
            for name, size in zip(("k", "s", "p", "in"), sizes, strict=True)
            if size
        ]
    )


def latency_impacts(
    layers: Sequence[Layer], groups: Sequence[ChannelGroup], table: LatencyTable, *, probe: int = 8
) -> dict[str, float]:
    """r(f) of eq. 6.6 of the dissertation for the time: the share that one channel less of each group saves.

    One channel changes less than can be measured, and widths that suit the device are faster than narrower ones: the
    saving is that of `probe` channels divided by as many, and at least 0.

    Args:
        layers: of the network as it is now.
        groups: as wide as they are now.
        probe: channels that are taken off together, fewer where a group hasn't more than that.

    Raises:
        ValueError: no channel to probe with.
        UserError: a layer that the table lacks and can't measure.
    """
    if probe < 1:
        raise ValueError(f"at least 1 channel is probed, found {probe}")
    now = table.total(layers)
    found = {}
    for group in groups:
        fewer = min(probe, group.width - 1)
        smaller = table.total(resized(layers, [group], {group.name: group.width - fewer}))
        found[group.name] = max(now - smaller, 0.0) / (fewer * now) if fewer else 0.0
    return found


def measure_on(
    device: torch.device | str, *, batch_size: int = 1, threads: int = 1, warm_up: int = 3, repeats: int = 11
) -> Measure:
    """What measures a layer by itself, on noise: the median of its forward passes."""
    place = torch.device(device)

    def measure(layer: Layer) -> float:
        module = _module(layer).to(place).eval()
        noise = torch.rand(batch_size, layer.inputs, *layer.input_size, generator=torch.Generator().manual_seed(0))
        noise = noise.to(place)
        if noise.dim() == 4:
            module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
            noise = noise.to(memory_format=torch.channels_last)
        with torch.inference_mode(), limited_to(threads):
            return timed(lambda: module(noise), place, warm_up=warm_up, repeats=repeats).median

    return measure


def _module(layer: Layer) -> nn.Module:
    """A layer of these shapes; what its weights are doesn't matter."""
    if layer.kind == "linear":
        made: nn.Module = nn.utils.skip_init(nn.Linear, layer.inputs, layer.outputs, bias=layer.biases > 0)
    elif layer.kind == "slope":
        made = nn.PReLU(layer.outputs)
    elif layer.kind == "norm":
        kind = nn.BatchNorm2d if layer.input_size else nn.BatchNorm1d
        made = kind(layer.outputs, affine=layer.biases > 0)
    else:
        shape = (layer.inputs, layer.outputs, layer.kernel_size, layer.stride, layer.padding)
        made = nn.utils.skip_init(nn.Conv2d, *shape, groups=layer.groups, bias=layer.biases > 0)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.fill_(0.01)
    return made
