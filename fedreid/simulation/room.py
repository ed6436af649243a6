"""How many runs a machine has room for at the same time: cores and memory."""

from __future__ import annotations

from pathlib import Path

from fedreid.data.workers import usable_cores
from fedreid.scenario import Scenario

# Memory that a run is expected to take before one was seen: Python with torch and Flower takes 0.6 GB, a small
# network in training a few hundred MB more; with Ray each worker takes as much again.
FIRST_GUESS = 1_500_000_000
PER_WORKER = 1_000_000_000
MEMINFO, GROUP = Path("/proc/meminfo"), Path("/sys/fs/cgroup")


def cores_of_a_run(scenario: Scenario) -> int:
    """Cores that a run keeps busy."""
    runtime = scenario.runtime
    if runtime.engine == "ray":
        return (runtime.workers or usable_cores()) * runtime.threads_per_client
    return max(runtime.threads_per_client, runtime.server_threads)


def at_once(scenario: Scenario, *, has_gpu: bool = False) -> int:
    """Runs for which there are cores; with networks on the one GPU, a single one, since its memory isn't ours to judge.

    Runs on a Ray cluster elsewhere are one at a time: that is the cluster's room and not this machine's.
    """
    if has_gpu or (scenario.runtime.engine == "ray" and scenario.runtime.ray_address):
        return 1
    return max(1, usable_cores() // cores_of_a_run(scenario))


def expected_memory(scenario: Scenario) -> int:
    """Bytes that a run may take, before any was seen."""
    runtime = scenario.runtime
    workers = (runtime.workers or usable_cores()) if runtime.engine == "ray" else 0
    return FIRST_GUESS + workers * PER_WORKER


def available_memory() -> int | None:
    """Bytes that are free or could be; None where the system doesn't say."""
    try:
        lines = MEMINFO.read_text().splitlines()
        free = next(1024 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration, ValueError, IndexError):
        return None
    left = _left_in_group()
    return free if left is None else min(free, left)


def _left_in_group() -> int | None:
    """What a container may still take: its limit without what it has, of which file caches can be given back."""
    try:
        limit = int((GROUP / "memory.max").read_text())  # "max" is no number: no limit
        used = int((GROUP / "memory.current").read_text())
        facts = dict(line.split() for line in (GROUP / "memory.stat").read_text().splitlines())
        return max(0, limit - used + int(facts.get("inactive_file", 0)))
    except (OSError, ValueError):
        return None


def peak_memory(pid: int) -> int:
    """Most bytes that a process had at once so far; 0 where the system doesn't say. Its children don't count."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        return next(1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))
    except (OSError, StopIteration, ValueError, IndexError):
        return 0


def has_gpu(scenario: Scenario) -> bool:
    """Whether this scenario's networks run on a GPU here.

    Raises:
        UserError: it asks for one where there is none.
    """
    if scenario.runtime.device == "cpu":
        return False
    from fedreid.training.device import choose_device  # torch takes seconds to import

    return choose_device(scenario.runtime)[0].type == "cuda"
