"""Trackers: TensorBoard, MLflow and Weights & Biases show a run's figures beside those of other experiments.

A run folder has everything already; what is here copies its figures, under the names of summary.json, and changes none.
The libraries are optional extras and nothing leaves the machine.
"""

from fedreid.trackers.progress import tracked
from fedreid.trackers.push import Pushed, track
from fedreid.trackers.tracker import Bookmark, TrackedRun, Tracker

__all__ = ["Bookmark", "Pushed", "TrackedRun", "Tracker", "track", "tracked"]
