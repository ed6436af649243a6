"""What a pruning command was asked for; every contradiction is refused before anything is read."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from fedreid.errors import UserError
from fedreid.pruning.criteria import WITH_DATA, WITHOUT_DATA

CRITERIA = (*WITHOUT_DATA, *WITH_DATA, "caie")
USUAL_CRITERION = {
    "one_shot": "taylor_batchnorm",
    "uniform": "sparsity",
    "iterative": "taylor_batchnorm",
    "caie": "caie",
    "psfp": "l2",
    "cpo": "sparsity",
    "play_and_prune": "l1",
    "none": "",
}
SCHEDULES = tuple(USUAL_CRITERION)
USUAL_SCHEDULE = dict.fromkeys(WITHOUT_DATA, "uniform") | dict.fromkeys(WITH_DATA, "one_shot") | {"caie": "caie"}
SUITABLE: Mapping[str, tuple[str, ...]] = {
    "iterative": (*WITHOUT_DATA, *WITH_DATA),
    "caie": ("caie", "taylor_batchnorm"),  # without its division: loss impacts alone
    "psfp": WITHOUT_DATA,
    "cpo": WITHOUT_DATA,
    "play_and_prune": ("l1",),
}
"""Criteria of the schedules that don't take them all."""
BY_BATCHNORM = ("bn_scale", "taylor_batchnorm", "caie")
RESOURCES = ("macs", "params", "memory", "latency")
BY_DROP = ("cpo", "play_and_prune")  # they are told how much quality may go, not how much may remain
USUAL_RETRAIN = {"psfp": 20}
IMAGES = ("public", "all")


@dataclass(frozen=True)
class PruneOptions:
    """How a backbone is pruned.

    Attributes:
        criterion: one of `CRITERIA`; "": the schedule's usual one, or CAIE.
        schedule: one of `SCHEDULES`; "": the criterion's usual one.
        limits: what may remain, by `RESOURCES`: up to 1 a share of what the network given takes, above 1 an amount, of
            memory in megabytes and of latency in milliseconds.
        drop: points of mAP that may go, for the schedules that ask for it.
        images: "public": the scenario's public people; "all": every training image.
        fine_tune: epochs after pruning.
        retrain: epochs of each training inside the schedule, of psfp of the only one; 0: the schedule's usual number.
        batches: mini-batches that are scored, of CAIE in each step.
        channels_per_step: of CAIE and iterative pruning.
        minimum_share: of its channels that each group keeps whatever its scores.
        learning_rate: of all training but CAIE's; 0: the scenario's `method.learning_rate`.
        latency_table: of another device, for a limit on latency; None: this one is measured.
        seed: of order, augmentation and validation people; None: the scenario's.
        onnx: whether to export.
    """

    criterion: str = ""
    schedule: str = ""
    limits: Mapping[str, float] = field(default_factory=dict)
    drop: float = 0.0
    images: str = "public"
    fine_tune: int = 10
    retrain: int = 0
    batches: int = 30
    channels_per_step: int = 25
    minimum_share: float = 0.1
    learning_rate: float = 0.0
    latency_table: Path | None = None
    seed: int | None = None
    onnx: bool = True

    def resolved(self) -> PruneOptions:
        """The same with nothing left open.

        Raises:
            UserError: an unknown name, a number out of range, or settings that contradict each other.
        """
        _known("criterion", self.criterion, CRITERIA)
        _known("schedule", self.schedule, SCHEDULES)
        _known("images", self.images, IMAGES)
        schedule = self.schedule or USUAL_SCHEDULE[self.criterion or "caie"]
        criterion = self.criterion or USUAL_CRITERION[schedule]
        suitable = SUITABLE.get(schedule, CRITERIA)
        if schedule != "none" and criterion not in suitable:
            raise UserError(
                f"--schedule {schedule} doesn't take --criterion {criterion}: it takes {', '.join(suitable)}."
            )
        found = replace(
            self, criterion=criterion, schedule=schedule, retrain=self.retrain or USUAL_RETRAIN.get(schedule, 1)
        )
        _refuse_numbers(found)
        _refuse_targets(found)
        return found


def _known(what: str, name: str, names: tuple[str, ...]) -> None:
    if name and name not in names:
        raise UserError(f"--{what} {name}: expected one of {', '.join(names)}.")


def _refuse_numbers(options: PruneOptions) -> None:
    for name in ("fine_tune", "retrain", "drop", "learning_rate", "seed"):
        if not 0 <= (getattr(options, name) or 0) < math.inf:
            raise UserError(f"--{name.replace('_', '-')} {getattr(options, name)}: expected a number of at least 0.")
    for name in ("batches", "channels_per_step"):
        if getattr(options, name) < 1:
            raise UserError(f"--{name.replace('_', '-')} {getattr(options, name)}: expected at least 1.")
    if not 0 <= options.minimum_share <= 1:
        raise UserError(f"--minimum-share {options.minimum_share}: expected 0 to 1.")
    for name, limit in options.limits.items():
        _known("limits", name, RESOURCES)
        if not 0 < limit < math.inf:
            raise UserError(f"--{name} {limit}: expected above 0: up to 1 a share, above 1 an amount.")


def _refuse_targets(options: PruneOptions) -> None:
    """Each schedule has one kind of target."""
    schedule = options.schedule
    takes_limits = schedule != "none" and schedule not in BY_DROP
    if takes_limits and not options.limits:
        raise UserError(
            "how much may remain? Give at least one of --macs, --params, --memory and --latency, as in --macs 0.5."
        )
    if options.limits and not takes_limits:
        given = ", ".join(f"--{name}" for name in options.limits)
        remedy = "give --drop instead" if schedule in BY_DROP else "leave it out"
        raise UserError(f"--schedule {schedule} has no use for {given}: {remedy}.")
    if schedule in BY_DROP and not options.drop:
        raise UserError(f"--schedule {schedule} needs --drop: how many points of mAP may go, as in --drop 1.")
    if options.drop and schedule not in BY_DROP:
        raise UserError(f"--drop is for --schedule {' and '.join(BY_DROP)}, not for {schedule}.")
    if options.latency_table and "latency" not in options.limits:
        raise UserError("--latency-table is for --latency, which isn't given.")
