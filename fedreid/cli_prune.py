"""`fedreid prune`: a trained backbone in, a small one out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from fedreid.cli_options import Overrides, wide_console
from fedreid.progress import progress_for

if TYPE_CHECKING:
    import pandas as pd


def _limit(what: str) -> Any:
    panel = "What may remain: up to 1 a share of the network given, above 1 an amount"
    return typer.Option(help=what, show_default=False, rich_help_panel=panel)


def _how(what: str, metavar: str | None = None, *, is_open: bool = False) -> Any:
    """An option; an open one has a default that its help tells."""
    return typer.Option(help=what, metavar=metavar, show_default=not is_open, rich_help_panel="How")


Checkpoint = Annotated[
    Path,
    typer.Argument(
        help="run folder, its model.safetensors, a folder pruned before, or a file of weights", show_default=False
    ),
]
Data = Annotated[
    Path, typer.Option(help="scenario or run folder: whom to train on and to ask about", show_default=False)
]
CRITERION = (
    "l1, l2, sparsity, fpgm, bn_scale, taylor_activation, taylor_batchnorm or caie "
    "\\[the schedule's usual one, else caie]"
)
SCHEDULE = (
    "one_shot, uniform, iterative, caie, psfp, cpo, play_and_prune, or none: only fine-tune "
    "\\[the criterion's usual one]"
)


def prune(
    checkpoint: Checkpoint,
    data: Data,
    out: Annotated[Path, typer.Option(help="folder to write; new or empty", show_default=False)],
    macs: Annotated[float | None, _limit("multiplications")] = None,
    params: Annotated[float | None, _limit("parameters")] = None,
    memory: Annotated[float | None, _limit("memory of training; an amount is in MB")] = None,
    latency: Annotated[float | None, _limit("time of one image; an amount is in ms")] = None,
    criterion: Annotated[str, _how(CRITERION, is_open=True)] = "",
    schedule: Annotated[str, _how(SCHEDULE, is_open=True)] = "",
    drop: Annotated[float, _how("of cpo and play_and_prune: points of mAP that may go", is_open=True)] = 0.0,
    images: Annotated[str, _how("public: the scenario's public people; all: every training image")] = "public",
    fine_tune: Annotated[int, _how("epochs afterwards", "EPOCHS")] = 10,
    retrain: Annotated[
        int, _how("epochs of each training inside the schedule \\[1; of psfp 20]", "EPOCHS", is_open=True)
    ] = 0,
    batches: Annotated[int, _how("mini-batches that are scored; of caie in each step")] = 30,
    channels_per_step: Annotated[int, _how("of caie and iterative")] = 25,
    minimum_share: Annotated[float, _how("of its channels that a layer keeps; not of uniform and psfp")] = 0.1,
    learning_rate: Annotated[float, _how("peak of SGD \\[the scenario's method.learning_rate]", is_open=True)] = 0.0,
    latency_table: Annotated[
        Path | None, _how("of another device, for --latency \\[this one is measured]", is_open=True)
    ] = None,
    seed: Annotated[int | None, _how("of order and augmentation \\[the scenario's]", is_open=True)] = None,
    onnx: Annotated[bool, _how("export, and compare with torch")] = True,
    overrides: Overrides = [],  # noqa: B006  (typer reads the default, nobody changes it)
) -> None:
    """Prune a trained backbone, fine-tune it, and write a network that loads in plain torch."""
    from fedreid.compression import PruneOptions
    from fedreid.compression import prune as pruned

    given = {"macs": macs, "params": params, "memory": memory, "latency": latency}
    options = PruneOptions(
        criterion=criterion,
        schedule=schedule,
        limits={name: value for name, value in given.items() if value is not None},
        drop=drop,
        images=images,
        fine_tune=fine_tune,
        retrain=retrain,
        batches=batches,
        channels_per_step=channels_per_step,
        minimum_share=minimum_share,
        learning_rate=learning_rate,
        latency_table=latency_table,
        seed=seed,
        onnx=onnx,
    )
    progress = progress_for(Console(stderr=True))
    try:
        result = pruned(checkpoint, data, out, options, overrides=overrides, progress=progress)
    finally:
        progress.close()
    _print(result.table)
    Console(soft_wrap=True, highlight=False).print(f"pruned network: {result.out}", markup=False)


def _print(frame: pd.DataFrame) -> None:
    from fedreid.compression.measure import lines_of

    headings, lines = lines_of(frame)
    table = Table(box=None, pad_edge=False)
    for place, heading in enumerate(headings):
        table.add_column(heading, justify="right" if place else "left")
    for line in lines:
        table.add_row(*line)
    wide_console().print(table)
