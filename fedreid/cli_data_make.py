"""`fedreid data prepare`, `synth` and `split`: decoded images, synthetic datasets, lists of who gets which image."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from fedreid.cli_options import Overrides, ScenarioFile
from fedreid.errors import UserError
from fedreid.progress import Progress, progress_for

if TYPE_CHECKING:
    from fedreid.data.splits import Split
    from fedreid.scenario.schema import DataSettings

NewFolder = Annotated[Path, typer.Option("--out", help="folder to write; new or empty", show_default=False)]


def prepare(scenario: ScenarioFile, overrides: Overrides = []) -> None:  # noqa: B006
    """Decode the images of all sources of a scenario into the cache, so that runs start at once."""
    from fedreid.scenario import load_scenario

    data = load_scenario(scenario, overrides).scenario.data
    for name in data.sources:
        progress = progress_for(Console(stderr=True))
        try:
            text = _decoded(name, data, progress)
        finally:
            progress.close()
        _say(text)


def _decoded(name: str, data: DataSettings, progress: Progress) -> str:
    """Fill one source's cache; what to say of it."""
    from fedreid.data.cache import build_cache
    from fedreid.data.locations import cache_folder
    from fedreid.data.sources import read_source

    progress.stage(f"reading {name}")
    table = read_source(name, data.sources[name], data)
    started, decoded = time.monotonic(), 0

    def count(done: int, total: int) -> None:
        nonlocal decoded
        decoded = done
        progress.stage(f"decoding {name}", done, total)

    cache = build_cache(
        table, data.image_size, cache_folder(data), skip_bad_images=data.skip_bad_images, on_progress=count
    )
    seconds = max(time.monotonic() - started, 1e-6)
    speed = f"decoded now, {decoded / seconds:,.0f} images/s" if decoded else "all there already"
    bad = f"; {len(cache.bad_images):,} can't be decoded and are left out" if cache.bad_images else ""
    megabytes = cache.images.nbytes / 1e6
    return f"{name}: {len(cache.images):,} images, {megabytes:,.1f} MB, {speed}{bad}\n  {cache.path}"


def synth(
    format: Annotated[str, typer.Argument(help="whose layout; see `fedreid data list`", show_default=False)],
    out: Annotated[Path, typer.Argument(help="folder to write; new or empty", show_default=False)],
    identities: Annotated[int, typer.Option(min=1, help="people for training")] = 24,
    test_identities: Annotated[int, typer.Option(min=1, help="further people, for query and gallery")] = 12,
    cameras: Annotated[int, typer.Option(min=1, help="cameras, where the format leaves that open")] = 4,
    images: Annotated[int, typer.Option(min=1, help="images of each person on each camera, where open")] = 4,
    seed: Annotated[int, typer.Option(min=0, help="other people")] = 0,
    domain: Annotated[int, typer.Option(min=0, help="another site: clothing, light, colour, backgrounds")] = 0,
    variant: Annotated[
        str, typer.Option(help="of formats with several: V2, labelled, IJB-B, ...", show_default=False)
    ] = "",
) -> None:
    """Write synthetic pedestrians in the layout of a dataset, to try things out without it."""
    from fedreid.data.checking.catalogue import entry
    from fedreid.data.synthetic.writing import LayoutSize, write_layout

    if entry(format).name == "synthetic":
        raise UserError("synthetic: it has no layout of its own; name the format to write, such as market1501.")
    _refuse_full(out)
    size = LayoutSize(identities, test_identities, cameras, images, seed, domain)
    progress = progress_for(Console(stderr=True))
    try:
        number = write_layout(
            format,
            out,
            size,
            variant=variant,
            on_progress=lambda done, total: progress.stage(f"rendering {format}", done, total),
        )
    finally:
        progress.close()
    _say(f"{out}: {number:,} images in the layout of {entry(format).title}; they show nobody real")
    _say(f"  fedreid data check {_quoted(out)} --format {format}")


def split(scenario: ScenarioFile, out: NewFolder, overrides: Overrides = []) -> None:  # noqa: B006
    """Write down who gets which image, as lists that other machines and later runs use as they are."""
    import tomli_w

    from fedreid.data.federation import split_of
    from fedreid.data.splits import write_split
    from fedreid.scenario import load_scenario

    resolved = load_scenario(scenario, overrides).scenario
    _refuse_full(out)
    progress = progress_for(Console(stderr=True))
    try:
        found = split_of(resolved, progress.stage)
    finally:
        progress.close()
    try:
        out.mkdir(parents=True, exist_ok=True)
        write_split(found, out)
    except OSError as error:
        raise UserError(f"can't write {out}: {error.strerror or error}") from error
    _say(f"{out}: {_parts(found)}\n")
    _say("To use them, put this in the place of [partition] in a scenario with the same sources:\n")
    _say(tomli_w.dumps({"partition": {"by": "lists", "lists": str(out.absolute())}}).rstrip())


def _parts(found: Split) -> str:
    """3 clients, the public set and 1 test set in 5 files"""
    tests = {part.partition("@")[0] for part in found.parts if part.startswith("generic-")}
    names = [_number(len(found.clients), "client")]
    names += ["the public set"] if "public" in found.parts else []
    names += [_number(len(tests), "test set")] if tests else []
    images = len(found.frame.drop_duplicates(["source", "row"]))  # random halves share images
    listed = " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
    return f"{images:,} images for {listed}, in {_number(len(found.parts), 'file')}"


def _number(count: int, what: str) -> str:
    return f"{count:,} {what}" + ("" if count == 1 else "s")


def _refuse_full(folder: Path) -> None:
    """Nothing that is there is ever written over.

    Raises:
        UserError: the folder holds something, or can't be looked into, or is a file.
    """
    try:
        is_full = folder.exists() and any(folder.iterdir())
    except OSError as error:
        raise UserError(f"{folder}: can't be written: {error.strerror or error}") from error
    if is_full:
        raise UserError(f"{folder}: holds something already. Name a new folder, or an empty one.")


def _quoted(path: Path) -> str:
    import shlex

    return shlex.quote(str(path))


def _say(text: str) -> None:
    Console(soft_wrap=True, highlight=False, markup=False).print(text)
