"""How long a network takes for a batch, measured.

Multiplications don't tell: equal numbers of them in another depth or other widths take another time (chapter 8 of the
dissertation). A measured time belongs to one device, thread count and batch size.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import nn

from fedreid.pruning.layers import evaluating

Run = Callable[[], object]


@dataclass(frozen=True)
class Latency:
    """Seconds for one batch: the median of the repeats, and the quartiles around it."""

    median: float
    lower_quartile: float
    upper_quartile: float
    repeats: int


def latency(
    model: nn.Module,
    image_size: tuple[int, int],
    *,
    batch_size: int = 1,
    colours: int = 3,
    threads: int = 1,
    warm_up: int = 5,
    repeats: int = 21,
    clock: Callable[[], float] = time.perf_counter,
) -> Latency:
    """The time of a forward pass in evaluation mode, on the device that the model is on.

    Args:
        image_size: height and width.
        threads: of the CPU, during the measurement.
        warm_up: passes that don't count: memory is taken, kernels are chosen.
        repeats: passes that do; of an odd number the median is one of them.
        clock: seconds; a GPU has its own.

    Raises:
        ValueError: no image, thread or repeat.
    """
    if min(batch_size, threads, repeats) < 1 or warm_up < 0:
        raise ValueError(
            "expected at least 1 image, thread and repeat and no negative warm-up, found "
            f"{batch_size}, {threads}, {repeats} and {warm_up}"
        )
    device = next(model.parameters()).device
    images = torch.rand(batch_size, colours, *image_size, generator=torch.Generator().manual_seed(0))
    images = images.to(device, memory_format=torch.channels_last)
    with torch.inference_mode(), evaluating(model), limited_to(threads):
        return timed(lambda: model(images), device, warm_up=warm_up, repeats=repeats, clock=clock)


def timed(
    run: Run,
    device: torch.device,
    *,
    warm_up: int = 5,
    repeats: int = 21,
    clock: Callable[[], float] = time.perf_counter,
) -> Latency:
    """The time of anything that computes on a device: on CUDA by its events, which wait for the kernels' end."""
    for _ in range(warm_up):
        run()
    seconds = [_on_gpu(run) if device.type == "cuda" else _on_cpu(run, clock) for _ in range(repeats)]
    quartiles = statistics.quantiles(seconds, n=4, method="inclusive") if repeats > 1 else seconds * 3
    return Latency(quartiles[1], quartiles[0], quartiles[2], repeats)


@contextmanager
def limited_to(threads: int) -> Iterator[None]:
    """This many threads of the CPU, and afterwards as many as before."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _on_cpu(run: Run, clock: Callable[[], float]) -> float:
    started = clock()
    run()
    return clock() - started


def _on_gpu(run: Run) -> float:
    started, ended = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    started.record()  # type: ignore[no-untyped-call]
    run()
    ended.record()  # type: ignore[no-untyped-call]
    torch.cuda.synchronize()
    return float(started.elapsed_time(ended)) / 1000  # type: ignore[no-untyped-call]
