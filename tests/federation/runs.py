"""Settings and helpers that tests of whole federations share."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

import fedreid
from fedreid.progress import Progress

SHORT = ("federation.rounds=2", "evaluation.local_only=false")
QUICK = ("pretrain.epochs=0", *SHORT)
METHODS = {
    "fedfr": ("method.name=fedfr", "method.hard_negatives.select=quantile", "method.hard_negatives.quantile=0.5"),
    "fedfr_cosface": ("method.name=fedfr", "method.branch.loss=cosface", "method.hard_negatives.threshold=0.1"),
    "fedfr_balanced": (
        "method.name=fedfr", "method.hard_negatives.threshold=0.1", "loss.triplet=weighted", "sampling.identities=2",
        "sampling.images=2", "augment.erasing=0.5", "loss.label_smoothing=0.1", "method.schedule=cosine",
        "method.warmup=0.2",
    ),
    "fedprox": ("method.name=fedprox",),
    "moon": ("method.name=moon",),
    "fedper": ("method.name=fedper",),
    "fedrep": ("method.name=fedrep",),
    "fedbn": ("method.name=fedbn",),
    "ditto": ("method.name=ditto",),
    "fedpav_weights": ("method.name=fedpav", "method.fedpav.weights=cosine_distance"),
    "fedpav_distillation": ("method.name=fedpav", "method.fedpav.distillation=true"),
    "fedface": ("method.name=fedface",),
    "local_only": ("method.name=local_only",),
    "centralised": ("method.name=centralised",),
}  # fmt: skip


class StopInRound(Progress):
    """Presses Ctrl-C when the first client of a round is done."""

    def __init__(self, number: int) -> None:
        self.number, self.round = number, 0

    def round_started(self, round: int, rounds: int, clients: object) -> None:
        self.round = round

    def client_done(self, client: int, images: int, loss: float) -> None:
        if self.round == self.number:
            raise KeyboardInterrupt


def stop(scenario: Path, out: Path, overrides: Sequence[str] = (), *, number: int = 2, engine: str = "serial") -> None:
    """Start a run into `out`, which Ctrl-C ends in a round."""
    with pytest.raises(fedreid.Interrupted, match=f"fedreid resume {out}"):
        fedreid.run(scenario, out=out, overrides=overrides, engine=engine, progress=StopInRound(number))
    finished = sorted(path.name for path in (out / "checkpoints").glob("round-*"))
    assert finished[-1:] == [f"round-{number - 1:04d}"]


SLOW_RUN = """
import sys, time
import fedreid
from fedreid.progress import Progress
class Slow(Progress):
    def round_started(self, round, rounds, clients):
        if round == 2:
            print("round 2", flush=True)
    def client_done(self, client, images, loss):
        time.sleep(0.2)
fedreid.run(sys.argv[1], out=sys.argv[2], engine=sys.argv[3], overrides=sys.argv[4:], progress=Slow())
"""


def kill_in_round_2(scenario: Path, out: Path, overrides: Sequence[str] = (), *, engine: str) -> None:
    """Start a run into `out`, which kill -9 ends, with all its processes, in the middle of round 2."""
    command = [sys.executable, "-c", SLOW_RUN, str(scenario), str(out), engine, *overrides]
    errors = out.with_suffix(".stderr")
    with (
        errors.open("w") as log,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, start_new_session=True) as process,
    ):
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "round 2", errors.read_text()[-3000:]
        time.sleep(0.3)
        os.killpg(process.pid, signal.SIGKILL)
    assert not (out / "checkpoints" / "round-0002").exists(), "it was killed within the round"


def same(found: dict[str, bytes], expected: dict[str, bytes]) -> None:
    """Two runs have the same files, bit for bit."""
    assert found.keys() == expected.keys()
    assert [name for name, content in found.items() if content != expected[name]] == []
