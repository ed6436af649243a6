"""`fedreid data check`: looks at a dataset before it is used."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from fedreid.cli_options import cache_in_use, wide_console
from fedreid.progress import progress_for

UNUSABLE = 1  # exit status


def check(
    path: Annotated[Path, typer.Argument(help="folder of a dataset", show_default=False)],
    format: Annotated[
        str | None, typer.Option(metavar="FORMAT", help="what it is; else it is recognised", show_default=False)
    ] = None,
    camera_pattern: Annotated[
        str,
        typer.Option(
            metavar="REGEX", help="of a folder per identity: its first group is the camera", show_default=False
        ),
    ] = "",
    lines: Annotated[int, typer.Option(min=0, help="files shown of a folder per identity, as understood")] = 10,
    fast: Annotated[bool, typer.Option("--fast", help="don't decode the images")] = False,
) -> None:
    """Look at a dataset before it is used: its layout, its counts, every file that makes trouble.

    Exit status: 0 it can be used, 1 problems are in the way, 2 there is nothing to check.
    """
    from fedreid.cli_data_report import print_report
    from fedreid.data.checking.check import check as look_at

    progress = progress_for(Console(stderr=True))
    stage = "comparing files" if fast else "decoding"
    try:
        report = look_at(
            path,
            format,
            camera_pattern=camera_pattern,
            fast=fast,
            cache=cache_in_use(),
            on_progress=lambda done, total: progress.stage(stage, done, total),
        )
    finally:
        progress.close()
    print_report(report, wide_console(), lines=lines, fast=fast)
    raise typer.Exit(0 if report.is_usable else UNUSABLE)
