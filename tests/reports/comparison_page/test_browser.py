"""A comparison's page in a real browser: no errors, no network, and columns that sort."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

from fedreid.comparison.failures import Failure
from fedreid.reports.comparison_page import write_comparison_report
from fedreid.reports.sorting import sorting_script
from tests.reports.browser import needs_browser, opened
from tests.reports.comparison_page.made_up import two_methods
from tests.reports.page import Page

CLICK = """
const table = document.querySelector("table.sortable"), heads = [...table.tHead.rows[0].cells];
const place = heads.findIndex((head) => head.textContent.trim() === "Traffic");
const rows = () => [...table.tBodies[0].rows].map((row) => row.cells[place].textContent.trim());
const found = { start: rows(), button: heads[place].querySelector("[role=button]").tabIndex };
for (const turn of ["first", "second", "third"]) {
  heads[place].querySelector(".dt-column-order").click();
  await new Promise((ended) => setTimeout(ended, 50));
  found[turn] = rows();
  found[turn + "Sort"] = heads[place].ariaSort;
}
return found;
"""


@needs_browser
def test_columns_sort_in_a_browser_without_errors_or_network(tmp_path: Path, text_only: None) -> None:
    page = write_comparison_report(two_methods(tmp_path))
    seen = opened(page, CLICK, tmp_path / "profile")
    found = seen.found
    assert seen.console == []
    assert found["asked"] == []
    assert found["start"] == ["9.0 kB", "13.5 kB"]
    assert (found["first"], found["firstSort"]) == (["13.5 kB", "9.0 kB"], "descending"), "by number, not by letter"
    assert (found["second"], found["secondSort"]) == (["9.0 kB", "13.5 kB"], "ascending")
    assert (found["third"], found["thirdSort"]) == (found["start"], None), "as it was"
    assert found["button"] == 0, "a keyboard reaches it"
    assert told(seen.dom) == told(page.read_text()), "the numbers that other tests hold to metrics.csv"


def told(text: str) -> list[list[list[str]]]:
    """Every cell of every table."""
    return [[[" ".join(cell.split()) for cell in line] for line in rows] for rows in Page(text).tables]


def test_the_library_stands_once_in_the_page_with_its_licence(tmp_path: Path, text_only: None) -> None:
    text = write_comparison_report(two_methods(tmp_path, seeds=(0,))).read_text()
    assert text.count("Bundled license information") == 1
    assert "MIT licence" in text
    script = str(sorting_script())
    assert script.count("</script") == 1, "its own end"
    assert "<!--" not in script
    assert not re.search(r"^\s*import\b[^(]*?from\s*[\"']", script, re.MULTILINE)
    assert not [value for value in Page(text).resources if not value.startswith(("../", "#"))]


def test_runs_that_failed_are_on_top_with_their_reasons(tmp_path: Path, text_only: None) -> None:
    step = SimpleNamespace(title="Lost <b>, seed 1")
    failure = Failure(step, "client 99 <i>\nis not there", 1, tmp_path / "log")  # type: ignore[arg-type]
    found = replace(two_methods(tmp_path, seeds=(0, 1)), failures=(failure,))
    text = write_comparison_report(found).read_text()
    assert "1 run failed and is left out" in text
    assert "<li>Lost &lt;b&gt;, seed 1: client 99 &lt;i&gt; is not there</li>" in text
    assert text.index("failed and is left out") < text.index("What won")
