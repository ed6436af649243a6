"""Tables that a reader sorts in the page, with DataTables; the page needs no network, and reads as well without it.

The library is the bundle in PyPI's itables (MIT), read from the installed package: DataTables with its licences in the
bundle's own last comment. Only its ordering is used; the look is page.css's.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.metadata import version
from importlib.resources import files

from markupsafe import Markup

# Numbers by data-order, which is the unrounded value; a cell without one stays last, whichever way it is sorted.
START = """
const figure = (way) => (one, other) => (one === "") - (other === "") || (one === "" ? 0 : way * (one - other));
DataTable.type("figure", { order: { pre: (data) => data, asc: figure(1), desc: figure(-1) } });
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  const numeric = heads.flatMap((cell, place) => (cell.dataset.kind === "figure" ? [place] : []));
  new DataTable(table, {
    paging: false, searching: false, info: false, autoWidth: false, order: [],
    layout: { topStart: null, topEnd: null, bottomStart: null, bottomEnd: null },
    columnDefs: [{ targets: numeric, type: "figure", orderSequence: ["desc", "asc", ""] },
                 { targets: "_all", orderSequence: ["asc", "desc", ""] }],
  });
}
"""


@cache
def sorting_script() -> Markup:
    """A <script> that makes every <table class="sortable"> of the page sortable."""
    return Markup(
        f'<script type="module">\n/* itables {version("itables")}, MIT licence */\n{_bundle()}\n{START}</script>'
    )


@cache
def _bundle() -> str:
    """The library as text that may stand inside a <script>, with its default export known as DataTable."""
    text = (files("itables") / "html" / "dt_bundle.js").read_text(encoding="utf-8")
    exported = re.search(r"export\s*\{[^}]*?([\w$]+) as default\b[^}]*\};?", text)
    if exported is None:
        raise RuntimeError(f"itables {version('itables')}: its bundle exports no default; another version is needed")
    text = text[: exported.start()] + f"const DataTable={exported[1]};" + text[exported.end() :]
    return re.sub(r"<(?=!--|/?script)", r"\\x3c", text, flags=re.IGNORECASE)  # in strings and patterns only
