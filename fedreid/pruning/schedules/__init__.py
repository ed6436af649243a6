"""When channels go: schedules that turn a network, a criterion and a target into a small network, a map and a log."""

from fedreid.pruning.schedules.caie import caie_loop
from fedreid.pruning.schedules.caie_scoring import CaieOptions, loss_impacts
from fedreid.pruning.schedules.consumption import Consumption, is_met
from fedreid.pruning.schedules.cpo import cpo
from fedreid.pruning.schedules.cpo_search import CpoOptions
from fedreid.pruning.schedules.descent import descend
from fedreid.pruning.schedules.iterative import iterative
from fedreid.pruning.schedules.one_shot import one_shot
from fedreid.pruning.schedules.play_and_prune import play_and_prune
from fedreid.pruning.schedules.progressive_rate import ProgressiveRate
from fedreid.pruning.schedules.psfp import psfp, soft_pruned
from fedreid.pruning.schedules.records import Pruned, Step
from fedreid.pruning.schedules.tolerance import ToleranceController
from fedreid.pruning.schedules.uniform import uniform, uniform_rate

__all__ = [
    "CaieOptions",
    "Consumption",
    "CpoOptions",
    "ProgressiveRate",
    "Pruned",
    "Step",
    "ToleranceController",
    "caie_loop",
    "cpo",
    "descend",
    "is_met",
    "iterative",
    "loss_impacts",
    "one_shot",
    "play_and_prune",
    "psfp",
    "soft_pruned",
    "uniform",
    "uniform_rate",
]
