"""Reports: writing those of a large run and of 51 runs, opening the page, and what watching costs.

Each command in a process of its own, its CPU time beside its wall time. The page is opened in headless Chromium, if
there is one. Run with: python -m tests.benchmarks.reports
"""

from __future__ import annotations

import os
import re
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.benchmarks.live_views import comparison_table, live_view
from tests.benchmarks.report_folders import PEOPLE, QUERIES, ROUNDS, finished_runs, large_run
from tests.benchmarks.tools import say, table, write_result

SIZE, SEEDS, REPEATS = (100, 100), (0, 1, 2), 3
BROWSER = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chromium-browser")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--window-size=1280,900",
)  # fmt: skip
# Modules run in the page's order and before its load event, which --dump-dom waits for: by now the tables sort
PROBE = """<script type="module">
const ready = document.querySelectorAll("table.sortable .dt-column-order").length;
document.body.offsetHeight;  // everything has its place
document.body.append(`ready: ${ready} after ${performance.now()} ms`);
</script>"""


@dataclass(frozen=True)
class Spent:
    """What a process took: seconds, CPU seconds of all its threads, the most memory."""

    wall: float
    cpu: float
    megabytes: float

    def __str__(self) -> str:
        return f"{self.wall:.1f} s ({self.cpu:.1f} s of CPU), {self.megabytes:.0f} MB"


def spent(*arguments: object) -> Spent:
    """Run `fedreid` in a process of its own.

    Raises:
        RuntimeError: it failed.
    """
    started = time.perf_counter()
    command = [sys.executable, "-m", "fedreid.cli", *map(str, arguments)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command[:4])} ended with status {process.returncode}")
    return Spent(time.perf_counter() - started, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def browser(page: Path, *arguments: str) -> str:
    """What headless Chromium says of a page."""
    with TemporaryDirectory() as profile:
        command = [str(BROWSER), *FLAGS, f"--user-data-dir={profile}", *arguments, page.as_uri()]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout


def ready_seconds(page: Path) -> float:
    """From asking for the page until it is laid out and its tables can be sorted, by the page's own clock; a median.

    Raises:
        RuntimeError: no table can be sorted.
    """
    probed = page.with_name("probed.html")
    probed.write_text(page.read_text().replace("</body>", f"{PROBE}</body>"))
    found = [re.search(r"ready: (\d+) after ([\d.]+) ms", browser(probed, "--dump-dom")) for _ in range(REPEATS)]
    if any(match is None or match[1] == "0" for match in found):
        raise RuntimeError("the page's tables can't be sorted")
    return statistics.median(float(match[2]) / 1000 for match in found if match)


def screenshot_seconds(page: Path) -> float:
    """Of the whole browser, from its start until it has painted the page and is gone; a median."""
    taken = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        browser(page, f"--screenshot={page.with_suffix('.png')}")
        taken.append(time.perf_counter() - started)
    return statistics.median(taken)


def opened(page: Path, folder: Path) -> Iterator[list[str]]:
    """Rows of the table on the page in a browser."""
    if BROWSER is None:
        say("There is no Chromium here: the page isn't opened.")
        yield ["that page in headless Chromium", "not measured: no Chromium", "2 s"]
        return
    yield ["that page in headless Chromium, until its tables sort", f"{ready_seconds(page):.2f} s", "2 s"]
    empty = folder / "empty.html"
    empty.write_text("<!doctype html><title>empty</title>")
    more = screenshot_seconds(page) - screenshot_seconds(empty)
    yield ["what it adds to Chromium's start and a screenshot of an empty page", f"{more:.2f} s", "2 s"]


def main() -> None:
    """Measure and write the table."""
    with TemporaryDirectory() as place:
        folder = Path(place)
        large = spent("report", large_run(folder / "large", *SIZE))
        runs = finished_runs(folder / "runs", SEEDS)
        compared = spent("compare", *runs, "--out", folder / "out")
        page = folder / "out" / "report.html"
        rows = [
            [f"`fedreid report`, {SIZE[0]} rounds x {SIZE[1]} clients", str(large), "20 s, 1 GB"],
            [f"`fedreid compare`, {len(runs)} finished runs", str(compared), "10 s"],
            *opened(page, folder),
            ["size of that page", f"{page.stat().st_size / 1e6:.1f} MB", "10 MB"],
            ["live view of a run, share of one core", f"{live_view():.2%}", "1 %"],
            [
                "table of a comparison of 51 runs, share of one core",
                f"{comparison_table(folder / 'watched'):.2%}",
                "1 %",
            ],
        ]
    load = ", ".join(f"{each:.1f}" for each in os.getloadavg()[:2])
    write_result(
        "reports",
        "Reports",
        "python -m tests.benchmarks.reports",
        [
            "Made-up run folders in the real format. The large run is evaluated in every round, on people in general",
            "and by every client on its own people. The compared runs are 17 variants with 3 seeds: 6 clients,",
            f"{ROUNDS} rounds, scores of {QUERIES} queries of {PEOPLE} people, drift, costs. All have ranked lists,",
            f"pictures, embeddings. Medians of {REPEATS} in the browser. The machine's load was {load} on",
            f"{os.cpu_count()} cores in the last minutes: CPU seconds tell what wall time would be on an idle one.",
            "",
            *table(["What", "Measured", "Goal"], rows),
            "",
            "A run's view is drawn four times a second, with 60 clients, two of which end in each second. The table of",
            "51 runs has 30 rows and is drawn every other second; four runs are going, and each adds a round of 100",
            "clients in that time, which is read. Told is CPU time; a run itself keeps at least one core busy.",
        ],
    )


if __name__ == "__main__":
    main()
