"""Which dataset a user means by a folder, and what to say where none lies there: too deep, too high, or several."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from fedreid.data.checking.catalogue import entry
from fedreid.data.checking.layout import FOLDER, Layout, is_folder_of_people
from fedreid.data.checking.layouts import layouts_in
from fedreid.data.checking.near import is_vendors_part, what_is_around, what_is_there
from fedreid.data.checking.texts import shown
from fedreid.errors import UserError


def recognised(path: Path, format: str | None = None) -> Layout:
    """The one layout that lies in a folder.

    Args:
        path: what the user gave.
        format: which one the user says it is; None: to be found out.

    Raises:
        UserError: there is no such folder or format, nothing is recognised there, or several layouts are.
    """
    if format is not None:
        _refuse_unknown(format)
    refuse_no_folder(path)
    found = layouts_in(path)
    if format is not None:
        return next((layout for layout in found if layout.format == format), Layout(format))
    if len(found) > 1:
        raise UserError(_several(path, found))
    if found:
        return found[0]
    if above := what_is_around(path):
        raise UserError(above)
    if is_folder_of_people(path) and not any(is_vendors_part(path, part) for part in os.listdir(path)):  # noqa: PTH208
        return Layout(FOLDER)
    raise UserError(what_is_there(path))


def refuse_no_folder(path: Path) -> None:
    """Raises:
    UserError: there is no such folder, or it is a file, a link that leads nowhere, or closed to the user.
    """
    if path.is_dir():
        if path.resolve() == Path(path.resolve().anchor):
            raise UserError(f"{shown(path)}: is everything on this machine. Give the folder of a dataset.")
        try:
            os.listdir(path)  # noqa: PTH208
        except OSError as error:
            raise UserError(f"{shown(path)}: can't be looked into: {error.strerror or error}.") from None
        return
    if path.is_symlink():
        raise UserError(f"{shown(path)}: is a link to {shown(os.readlink(path))}, which leads nowhere.")  # noqa: PTH115
    if path.exists():
        raise UserError(f"{shown(path)}: is a file. Unpack it if it is an archive, and give the folder.")
    raise UserError(f"{shown(path)}: there is no such folder.")


def _refuse_unknown(format: str) -> None:
    if entry(format).name == "synthetic":
        raise UserError("synthetic: there is nothing to check: it is rendered when first needed.")


def _several(path: Path, found: Sequence[Layout]) -> str:
    places = {layout.inside for layout in found}
    title = "mixed layouts in one folder" if len(places) == 1 else "several datasets"
    lines = [f"  {layout.format:<10} {_place(path, layout)}" for layout in found]
    remedy = (
        "Move one of them out, or say which one is meant: --format NAME."
        if len(places) == 1
        else "Give the folder of one of them, or say which one is meant: --format NAME."
    )
    return "\n".join([f"{shown(path)}: {title}:", *lines, f"  {remedy}"])


def _place(path: Path, layout: Layout) -> str:
    return shown(path / layout.inside) + " " + f"({entry(layout.format).title})"
