"""What the benchmarks share: where results go, how a table is written, and memory of a process."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import torch

from fedreid.simulation.room import peak_memory

RESULTS = Path(__file__).parents[2] / "results" / "benchmarks"


def say(text: str) -> None:
    """A line for whoever watches."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def write_result(name: str, title: str, command: str, text: Iterable[str]) -> Path:
    """results/benchmarks/<name>.md, with the machine and the versions that the figures belong to."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    packages = ", ".join(f"{package} {version(package)}" for package in ("torch", "flwr", "ray", "numpy"))
    lines = [
        f"# {title}",
        "",
        f"`{command}`, {datetime.now(UTC):%Y-%m-%d}, {torch.get_num_threads()} threads on {platform.machine()}, "
        f"Python {platform.python_version()}, {packages}.",
        "",
        *text,
        "",
    ]
    path = RESULTS / f"{name}.md"
    path.write_text("\n".join(lines))
    say("\n".join(lines))
    return path


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """A Markdown table."""
    cells = [header, ["---"] * len(header), *rows]
    return ["| " + " | ".join(str(cell) for cell in row) + " |" for row in cells]


def resident_bytes() -> int:
    """Memory of this process that is its own: resident, without what it shares (files, shared memory)."""
    for line in Path("/proc/self/smaps_rollup").read_text().splitlines():
        if line.startswith("Private_Dirty:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("no Private_Dirty in smaps_rollup")


def peak_bytes() -> int:
    """Peak resident memory of this process so far; `ru_maxrss` would start from that of the process it comes from."""
    return peak_memory(os.getpid())
