"""Where networks run, and at which precision."""

from __future__ import annotations

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
