"""Pruning of a trained backbone outside any federation: the work behind `fedreid prune`."""

from fedreid.compression.command import PruneResult, prune
from fedreid.compression.options import CRITERIA, IMAGES, SCHEDULES, PruneOptions

__all__ = ["CRITERIA", "IMAGES", "SCHEDULES", "PruneOptions", "PruneResult", "prune"]
