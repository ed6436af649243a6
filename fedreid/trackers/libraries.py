"""The trackers there are, and whether their libraries are."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module

from fedreid.errors import UserError
from fedreid.trackers.tracker import TrackedRun, Tracker

MODULES = {
    "tensorboard": ("fedreid.trackers.tensorboard_events", "TensorBoard"),
    "mlflow": ("fedreid.trackers.mlflow_store", "MlflowStore"),
    "wandb": ("fedreid.trackers.wandb_offline", "WandbOffline"),
}
TITLES = {"tensorboard": "TensorBoard", "mlflow": "MLflow", "wandb": "Weights & Biases"}


def open_trackers(names: Iterable[str]) -> list[Tracker]:
    """A tracker for each name, none of them started.

    Raises:
        UserError: a library that can't be imported; the message names the extra to install.
    """
    return [_tracker_class(name)() for name in names]


def _tracker_class(name: str) -> type[Tracker]:
    module, class_name = MODULES[name]
    try:
        found: type[Tracker] = getattr(import_module(module), class_name)
    except Exception as error:  # a library of a version that doesn't suit the others raises anything
        raise UserError(
            f"tracking.to names {name!r}, but {TITLES[name]} can't be imported ({type(error).__name__}: {error}).\n"
            f"  Install it with: pip install 'fedreid[{name}]', or leave it out of tracking.to."
        ) from error
    return found


def refuse_places(run: TrackedRun) -> None:
    """Find out before anything starts that a folder can't be one.

    Raises:
        UserError: there is a file in its place.
    """
    if "mlflow" not in run.scenario.tracking.to:
        return
    from fedreid.trackers.mlflow_store import store_of

    if (folder := store_of(run)).exists() and not folder.is_dir():
        raise UserError(f"tracking.mlflow_folder: {folder} is a file. Name a folder, new or MLflow's own.")
