"""The pages in a real browser: no errors, no network, no sideways scrolling, tables that sort, true numbers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from fedreid.reports import write_report
from fedreid.reports.comparison_page import write_comparison_report
from tests.reports.browser import Seen, looks, needs_browser, opened
from tests.reports.comparison_page.made_up import two_methods
from tests.reports.expected_tables import client_rows, cost_rows, generic_rows, model_rows
from tests.reports.made_up import make_run
from tests.reports.made_up_examples import add_examples
from tests.reports.made_up_open_set import append, make_fedfr
from tests.reports.page import Page

pytestmark = needs_browser
WIDTHS = (390, 820, 1280)
SORT = """
const table = document.querySelector("table.sortable"), heads = [...table.tHead.rows[0].cells];
const found = { columns: [] };
for (const [place, head] of heads.entries()) {
  const turns = [];
  for (const turn of [1, 2]) {
    head.querySelector(".dt-column-order").click();
    await new Promise((ended) => setTimeout(ended, 50));
    const rows = [...table.tBodies[0].rows].map((row) => row.cells[place].textContent.trim());
    turns.push([head.ariaSort, rows]);
  }
  const key = head.querySelector("[role=button]").tabIndex;
  found.columns.push({ title: head.textContent.trim().replace(/\\s+/g, " "), turns, key });
}
found.foot = [...table.tFoot.rows].map((row) => row.cells[0].textContent.trim());
return found;
"""


@pytest.fixture(scope="module")
def without_files() -> Iterator[None]:
    """Pages with their figures, and no files of them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fedreid.reports.figure_files.write_png", lambda figure, path: None)
        patch.setattr("fedreid.reports.figure_files.write_pdf", lambda figure, path: None)
        yield


@pytest.fixture(scope="module")
def pages(without_files: None, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A run's page with all that a report may have, and a comparison's."""
    folder = tmp_path_factory.mktemp("pages")
    run = make_fedfr(make_run(folder / "run", clients=8))
    add_examples(run)
    moved = [(number, "train", client, "", "update_norm", 3.0 + client) for number in (1, 2) for client in range(8)]
    agreed = [(number, "train", "", "", "agreement", 40.0 + number) for number in (1, 2)]
    append(run / "metrics.csv", [*moved, *agreed])
    return {"run": write_report(run), "comparison": write_comparison_report(two_methods(folder / "comparison"))}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A plain run."""
    return make_run(tmp_path_factory.mktemp("shop") / "run")


@pytest.fixture(scope="module")
def shown(shop: Path, without_files: None, tmp_path_factory: pytest.TempPathFactory) -> Seen:
    """Its page, each column of its clients sorted both ways."""
    return opened(write_report(shop), SORT, tmp_path_factory.mktemp("profile"))


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_pages_fit_every_width_in_light_and_dark(pages: dict[str, Path], tmp_path: Path, dark: bool) -> None:
    seen = looks(pages, WIDTHS, tmp_path, dark=dark)
    assert seen.console == []
    found = seen.found["looks"]
    assert [(look["page"], look["width"]) for look in found] == [(name, width) for name in pages for width in WIDTHS]
    assert [look for look in found if look["widest"] > look["width"]] == []
    assert {look["isDark"] for look in found} == {dark}
    assert all((look["ground"] < look["ink"]) == dark for look in found)
    assert all(look["figures"] > 4 and look["sortable"] for look in found)


def test_a_runs_page_logs_nothing_and_asks_for_nothing(shown: Seen) -> None:
    assert shown.console == []
    assert shown.found["asked"] == []


def test_the_clients_sort_by_every_column(shown: Seen, shop: Path) -> None:
    final = pd.read_csv(shop / "metrics.csv").query("round == 5 and scope == 'personalized' and metric == 'mAP'")
    columns = {column["title"]: column for column in shown.found["columns"]}
    scores = sorted(final["value"], reverse=True)
    (first, high), (second, low) = columns["Own model mAP"]["turns"]
    assert (first, second) == ("descending", "ascending")
    assert high == [f"{score:.1f}" for score in scores]
    assert low == high[::-1]
    gains = [float(text.replace("−", "-")) for text in columns["vs local only"]["turns"][0][1]]
    assert gains == sorted(gains, reverse=True)
    assert min(gains) < 0, "a minus is one"
    assert columns["Client"]["turns"][0] == ["ascending", ["0", "1", "2", "3"]]
    assert {column["key"] for column in columns.values()} == {0}, "a keyboard reaches them"
    assert shown.found["foot"] == ["Mean"], "which stays below"


def test_every_number_of_the_tables_equals_the_runs_own(shown: Seen, shop: Path) -> None:
    page = Page(shown.dom)
    assert page.table("mAP", "rank-5") == generic_rows(shop)
    assert [[" ".join(cell.split()) for cell in line] for line in page.tables[1][1:]] == model_rows(shop)
    *clients, mean = page.table("Own model mAP", "vs local only")
    assert [*sorted(clients, key=lambda line: line["Client"]), mean] == client_rows(shop)
    assert page.table("Round", "Clients", "Received") == cost_rows(shop, "Round")
    assert page.table("Client", "Rounds", "Sent") == cost_rows(shop, "Client")
    assert page.table("Round", "Client", "Received") == cost_rows(shop, "Round", "Client")
