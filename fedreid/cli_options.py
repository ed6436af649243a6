"""What several commands of the command line share."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

ScenarioFile = Annotated[Path, typer.Argument(help="scenario file (TOML)", show_default=False)]
Overrides = Annotated[
    list[str], typer.Option("--set", metavar="KEY.PATH=VALUE", help="change a setting; may be given again")
]
PLAIN_WIDTH = 100  # columns where there is no terminal to ask


def wide_console() -> Console:
    """For tables: as wide as the terminal; where there is none, wide enough for them."""
    is_known = sys.stdout.isatty() or "COLUMNS" in os.environ
    return Console(highlight=False, width=None if is_known else PLAIN_WIDTH)


def cache_in_use() -> Path:
    """Folder of all caches where no scenario says: FEDREID_CACHE, else ~/.cache/fedreid."""
    from fedreid.data.locations import cache_folder
    from fedreid.scenario.schema import DataSettings

    return cache_folder(DataSettings.model_construct())
