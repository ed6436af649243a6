"""`fedreid track`: runs that are over, into TensorBoard, MLflow or Weights & Biases."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

Runs = Annotated[list[Path], typer.Argument(metavar="RUN_DIR...", help="folders of runs", show_default=False)]
To = Annotated[
    list[str],
    typer.Option(help="tensorboard, mlflow or wandb; may be given again \\[the run's tracking.to]", show_default=False),
]
Store = Annotated[
    str, typer.Option(help="MLflow's file store, which runs may share \\[mlruns in the run folder]", show_default=False)
]
Project = Annotated[
    str, typer.Option(help="MLflow's experiment and W&B's project \\[the scenario's name]", show_default=False)
]


def track(runs: Runs, to: To = [], mlflow_folder: Store = "", project: Project = "") -> None:  # noqa: B006
    """Give runs to trackers afterwards."""
    from fedreid.trackers.push import track as push

    console = Console(soft_wrap=True, highlight=False)
    for run_dir in runs:
        for pushed in push(run_dir, to=to, mlflow_folder=mlflow_folder, project=project):
            text = pushed.command if pushed.is_new else "had it already"
            console.print(f"{run_dir}: {pushed.tracker}: {text}", markup=False)
