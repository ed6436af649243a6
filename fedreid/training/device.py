"""Where networks run, and at which precision."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from fedreid.errors import UserError
from fedreid.scenario.schema import RuntimeSettings


def choose_device(runtime: RuntimeSettings) -> tuple[torch.device, bool]:
    """The device, and whether to train in bfloat16 there.

    Raises:
        UserError: CUDA is asked for where there is none.
    """
    has_cuda = torch.cuda.is_available()
    if runtime.device == "cuda" and not has_cuda:
        raise UserError("runtime.device = cuda, but torch sees no GPU here. Use runtime.device = auto or cpu.")
    device = torch.device("cuda" if has_cuda and runtime.device != "cpu" else "cpu")
    bf16 = runtime.precision == "bf16" or (runtime.precision == "auto" and device.type == "cuda")
    return device, bf16


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """A fixed number of threads: sums in another order would give other bits."""
    before = torch.get_num_threads()
    _use_threads(count)
    try:
        yield
    finally:
        _use_threads(before)


def _use_threads(count: int) -> None:
    if torch.get_num_threads() != count:  # telling torch takes longer than asking it, and small clients don't take long
        torch.set_num_threads(count)
