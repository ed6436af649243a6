"""`fedreid compare`: variants of a federation over several seeds, made and held against each other."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from fedreid.cli_options import Overrides
from fedreid.errors import UserError

if TYPE_CHECKING:
    from fedreid.simulation.compare import Comparison

FAILED, STOPPED = 1, 130  # exit status
MOST_SEEDS = 1000

What = Annotated[
    list[Path],
    typer.Argument(
        metavar="EXPERIMENTS|RUN...",
        help="an experiment file, the folder of a comparison, or folders of finished runs",
        show_default=False,
    ),
]


def compare(
    what: What,
    overrides: Overrides = [],  # noqa: B006  (typer reads the default, nobody changes it)
    seeds: Annotated[str, typer.Option(help="as in 0,1,2 or 0-4 \\[the file's]", show_default=False)] = "",
    reference: Annotated[
        str,
        typer.Option(
            help="the variant that others are held against \\[the file's, else the first]", show_default=False
        ),
    ] = "",
    at_once: Annotated[
        int | None,
        typer.Option(
            min=0, help="runs at the same time; 0: what the machine allows \\[the file's]", show_default=False
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="folder of the comparison \\[results/NAME]", show_default=False)
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="list the runs and how far they are, and do nothing")
    ] = False,
) -> None:
    """Run variants of a federation over several seeds, and say which is better; or compare finished runs.

    Runs what is missing, skips what is finished, goes on with what was stopped. Exit status: 1 if a run failed.
    """
    from fedreid.cli_comparison import print_comparison, print_plan
    from fedreid.simulation import compare as comparing
    from fedreid.simulation.runs_view import view_for

    numbers = seeds_in(seeds)
    if dry_run:
        file = comparing.experiment_file(what)
        if file is None:
            raise UserError("--dry-run is for experiment files: finished runs are not run again.")
        experiment, folder = comparing.opened(file, out=out, overrides=overrides, seeds=numbers, reference=reference)
        print_plan(experiment, folder, at_once)
        return
    try:
        result: Comparison = comparing.compare(
            what,
            out=out,
            overrides=overrides,
            seeds=numbers,
            reference=reference,
            at_once=at_once,
            view=view_for(Console()),
        )
    except comparing.ComparisonInterrupted as stopped:
        Console(stderr=True, soft_wrap=True, highlight=False, markup=False).print(str(stopped))
        raise typer.Exit(STOPPED) from None
    print_comparison(result)
    raise typer.Exit(FAILED if result.failures else 0)


def seeds_in(text: str) -> tuple[int, ...]:
    """The seeds that "0,1,2" or "0-4" lists.

    Raises:
        UserError: it lists none, or one twice.
    """
    found: list[int] = []
    for part in text.split(",") if text.strip() else []:
        match = re.fullmatch(r"\s*(\d+)\s*(?:-\s*(\d+)\s*)?", part)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if not first <= last < 2**32 or last - first >= MOST_SEEDS:
            raise UserError(f"--seeds {text}: expected whole numbers from 0 to 4294967295, as in 0,1,2 or 0-4")
        found += range(first, last + 1)
    if len(set(found)) < len(found):
        raise UserError(f"--seeds {text}: lists a seed twice")
    return tuple(found)
