"""Where the parallel engine's workers live: Ray on this machine, or a cluster that is already there."""

from __future__ import annotations

import logging
import os
import socket
from typing import Any

from fedreid.errors import UserError
from fedreid.simulation import allocator

# What Ray is told before it starts, unless the user has told it something else.
TOLD = {
    # Not to hide the GPUs of a worker that asks for none of them.
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    # Answers of small clients travel in the reply to the call: fetching a megabyte from the object store instead wakes
    # a dozen of Ray's threads, each of which interrupts a client's training (a tenth of it, for clients of 15 ms).
    "RAY_max_direct_call_object_size": str(4 << 20),
    # Workers, too, get the jemalloc that Ray gives its own processes, or what the user preloads.
    "RAY_LD_PRELOAD_ON_WORKERS": "1",
    allocator.SETTINGS: allocator.KEEPING,
}
for name, value in TOLD.items():
    os.environ.setdefault(name, value)

import ray  # noqa: E402  (it reads them from here on)


def connect(address: str, cores: int) -> bool:
    """Join a cluster or start Ray here; True when it is ours to end.

    Raises:
        UserError: no cluster answers at that address.
    """
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR, "configure_logging": False}
    if ray.is_initialized():
        return False
    if address:
        try:
            _knock(address)
            ray.init(address=address, **options)
        except (OSError, ValueError, RuntimeError) as error:
            cause = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise UserError(
                f"runtime.ray_address = {address}: no Ray cluster answers there ({cause}).\n"
                "  Start one with: ray start --head"
            ) from error
        return True
    ray.init(num_cpus=cores or None, include_dashboard=False, **options)
    return True


def _knock(address: str) -> None:
    """Ray itself keeps trying for minutes where nobody answers; names such as "auto" are left to it."""
    host, _, port = address.rpartition(":")
    if host and port.isdigit() and "/" not in host:
        socket.create_connection((host, int(port)), timeout=10).close()
