"""`fedreid data`: what is known of datasets, checking and preparing one's own, pictures, synthetic copies, splits."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fedreid.cli_data_check import check
from fedreid.cli_data_list import list_formats
from fedreid.cli_data_make import prepare, split, synth
from fedreid.cli_options import Overrides, cache_in_use, wide_console
from fedreid.errors import UserError

if TYPE_CHECKING:
    from fedreid.data.tables import ImageTable

data_app = typer.Typer(help="Know, check and prepare datasets.", no_args_is_help=True)


data_app.command("list")(list_formats)
data_app.command("check")(check)
data_app.command("prepare")(prepare)


@data_app.command("show")
def show(
    what: Annotated[Path, typer.Argument(metavar="SCENARIO|PATH", help="scenario file, or a dataset's folder")],
    out: Annotated[Path, typer.Option(help="picture to write")] = Path("contact-sheet.png"),
    source: Annotated[str, typer.Option(help="a source of the scenario; else the first", show_default=False)] = "",
    identities: Annotated[int, typer.Option(min=1, help="rows")] = 8,
    format: Annotated[
        str | None,
        typer.Option(help="of the dataset in PATH; else it is recognised", metavar="FORMAT", show_default=False),
    ] = None,
    camera_pattern: Annotated[
        str, typer.Option(help="of a folder per identity: regular expression", show_default=False)
    ] = "",
    overrides: Overrides = [],  # noqa: B006  (typer reads the default, nobody changes it)
) -> None:
    """Write a contact sheet: rows of identities across cameras."""
    from fedreid.data.contact_sheet import contact_sheet

    if what.is_dir():
        if source or overrides:
            raise UserError(f"{what} is a folder: --source and --set are for scenario files.")
        table = _dataset(what, format, camera_pattern)
    else:
        if format or camera_pattern:
            raise UserError(f"{what} is no folder: --format and --camera-pattern are for a dataset's folder.")
        table = _source_of(what, source, overrides)
    try:
        contact_sheet(table, identities=identities).save(out)
    except (OSError, ValueError) as error:
        raise UserError(f"can't write {out}: {error}") from error
    people = table.frame["identity"].nunique()
    wide_console().print(f"{out}: {len(table.frame):,} images of {people:,} identities", markup=False, soft_wrap=True)


data_app.command("synth")(synth)
data_app.command("split")(split)


def _source_of(scenario: Path, source: str, overrides: list[str]) -> ImageTable:
    from fedreid.data.sources import read_source
    from fedreid.scenario import load_scenario

    data = load_scenario(scenario, overrides).scenario.data
    name = source or next(iter(data.sources))
    if name not in data.sources:
        raise UserError(f"{scenario}: there is no source {name}; it has {', '.join(data.sources)}.")
    return read_source(name, data.sources[name], data)


def _dataset(path: Path, format: str | None, camera_pattern: str) -> ImageTable:
    from fedreid.data.checking.check import images_at

    return images_at(path, format, camera_pattern=camera_pattern, cache=cache_in_use())
