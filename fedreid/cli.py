"""The command line. Exit status: 0 done, 1 the run failed, 2 a mistake in what was given, 130 stopped with Ctrl-C."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from fedreid.cli_compare import compare
from fedreid.cli_data import data_app
from fedreid.cli_options import Overrides, ScenarioFile
from fedreid.cli_prune import prune
from fedreid.cli_track import track
from fedreid.errors import RunError, UserError
from fedreid.progress import progress_for

if TYPE_CHECKING:
    from fedreid.simulation.launch import RunResult

DONE, FAILED, MISTAKE, STOPPED = 0, 1, 2, 130

app = typer.Typer(
    name="fedreid",
    help="Federated-learning simulation for person re-identification.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
scenario_app = typer.Typer(help="Look at scenarios.", no_args_is_help=True)
app.add_typer(scenario_app, name="scenario")
app.add_typer(data_app, name="data")
app.command()(compare)
app.command()(prune)
app.command()(track)

RunFolder = Annotated[Path, typer.Argument(help="folder of a run", show_default=False)]
ReportFolder = Annotated[Path, typer.Argument(help="folder of a run or of a comparison", show_default=False)]


@app.command()
def run(
    scenario: ScenarioFile,
    overrides: Overrides = [],  # noqa: B006  (typer reads the default, nobody changes it)
    out: Annotated[Path | None, typer.Option(help="run folder [results/NAME/UTC TIME]", show_default=False)] = None,
    engine: Annotated[str | None, typer.Option(help="serial or ray [the scenario's]", show_default=False)] = None,
) -> None:
    """Run a federation and write its report."""
    from fedreid.simulation import launch

    if engine not in (None, "serial", "ray"):
        raise UserError(f"--engine {engine}: expected serial or ray.")
    _finish(launch.run(scenario, overrides=overrides, out=out, engine=engine, progress=progress_for(Console())))


@app.command()
def resume(run_dir: RunFolder) -> None:
    """Go on with a run that was stopped, killed or that failed."""
    from fedreid.simulation import launch

    _finish(launch.resume(run_dir, progress=progress_for(Console())))


@app.command()
def report(folder: ReportFolder) -> None:
    """Write the report of a run or of a comparison again, also of one that isn't finished; nothing is run."""
    from fedreid.reports import write_report

    Console().print(f"report: {write_report(folder)}", soft_wrap=True, highlight=False)


@scenario_app.command("show")
def show(scenario: ScenarioFile, overrides: Overrides = []) -> None:  # noqa: B006
    """Print the resolved scenario: every setting, its value, and where the value came from."""
    from fedreid.scenario import describe, load_scenario

    console, resolved = Console(), load_scenario(scenario, overrides)
    if not console.is_terminal:  # for grep and files: one setting a line, never folded
        for row in describe(resolved):
            console.print(
                f"{row.key} = {row.value}  # {row.origin}: {row.description}",
                soft_wrap=True,
                highlight=False,
                markup=False,
            )
        return
    table = Table(box=None, pad_edge=False)
    for heading, style in (("setting", "bold"), ("value", ""), ("from", "cyan"), ("what it does", "dim")):
        table.add_column(heading, style=style, overflow="fold")
    for row in describe(resolved):
        table.add_row(*map(str, row))
    console.print(table)


def _finish(result: RunResult) -> None:
    console = Console(soft_wrap=True, highlight=False)
    for key, value in result.final.items():
        if _is_told(key, result.final):
            figure = "no query has a match" if math.isnan(value) else f"{value:6.2f} %"
            console.print(f"{key:<40} {figure}")
    console.print(f"run folder: {result.run_dir}")
    console.print(f"report:     {result.report}")


def _is_told(key: str, final: Mapping[str, float]) -> bool:
    """Rankings and accuracies; of templates of faces, which have neither, verification."""
    test, _, metric = key.rpartition("/")
    if metric in ("mAP", "rank1", "accuracy"):
        return True
    return metric.startswith("TAR@FAR=") and not {f"{test}/mAP", f"{test}/accuracy"} & final.keys()


def main(arguments: list[str] | None = None) -> None:
    """Entry point: runs a command and turns every expected failure into one clear text and an exit status."""
    sys.exit(_status(arguments))


def _status(arguments: list[str] | None) -> int:
    errors = Console(stderr=True, soft_wrap=True, highlight=False, markup=False)
    try:
        status = app(arguments, standalone_mode=False)
    except UserError as error:
        errors.print(str(error))
        return MISTAKE
    except RunError as error:
        errors.print(str(error))
        return FAILED
    except KeyboardInterrupt:
        return STOPPED
    except Exception as error:
        return _other(error, errors)
    return status if isinstance(status, int) else DONE  # commands return nothing; typer itself 130 after Ctrl-C


def _other(error: Exception, errors: Console) -> int:
    import click

    if isinstance(error, click.exceptions.Exit):
        return error.exit_code
    if isinstance(error, click.ClickException):
        error.show()
        return MISTAKE
    if isinstance(error, click.exceptions.Abort):
        return STOPPED
    from fedreid.simulation.launch import Interrupted

    if isinstance(error, Interrupted):
        errors.print(str(error))
        return STOPPED
    raise error


if __name__ == "__main__":
    main()
