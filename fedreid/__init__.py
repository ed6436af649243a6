"""fedreid: federated-learning simulation for person re-identification.

The same federation, serial or parallel, simulated or deployed, gives the same numbers, resumes exactly, and writes its
own report. Every command is one function call away::

    result = fedreid.run("scenarios/quickstart.toml", out="results/mine", engine="ray")
    result.final["generic/synthetic/mAP"]
    result.metrics                                   # a pandas frame
    fedreid.compare("scenarios/experiments/quick.toml").table
    fedreid.prune("results/mine", data="results/mine", out="small", options=fedreid.PruneOptions(limits={"macs": 0.5}))
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fedreid.compression import PruneOptions, PruneResult, prune
    from fedreid.simulation.compare import Comparison, ComparisonInterrupted, compare
    from fedreid.simulation.launch import Interrupted, RunResult, resume, run
    from fedreid.trackers import track

__version__ = "0.1.0"
__all__ = [
    "Comparison", "ComparisonInterrupted", "Interrupted", "PruneOptions", "PruneResult", "RunResult", "compare",
    "prune", "resume", "run", "track",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    # Importing the domain must not import Flower: the engine is loaded when it is asked for.
    if name in ("PruneOptions", "PruneResult", "prune"):
        from fedreid import compression

        return getattr(compression, name)
    if name == "track":
        from fedreid.trackers import track

        return track
    if name in ("Comparison", "ComparisonInterrupted", "compare"):
        from fedreid.simulation import compare

        return getattr(compare, name)
    if name in __all__:
        from fedreid.simulation import launch

        return getattr(launch, name)
    raise AttributeError(f"module 'fedreid' has no attribute {name!r}")
