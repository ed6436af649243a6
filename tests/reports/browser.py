"""A report's page in a real browser: what it logs, what it asks for, what its own script finds."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

BROWSER = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chromium-browser")
REASON = "NO CHROMIUM ON THE PATH: no page was opened in a browser"
if BROWSER is None:
    warnings.warn(REASON, stacklevel=1)  # skips are dots in a long run; a warning is in its summary
needs_browser = pytest.mark.skipif(BROWSER is None, reason=REASON)

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--hide-scrollbars", "--enable-logging=stderr",
    "--allow-file-access-from-files",  # so that a page looks into frames
    "--virtual-time-budget=5000", "--dump-dom",
)  # fmt: skip
TELL = """<script type="module">
if (document.readyState !== "complete") await new Promise((loaded) => addEventListener("load", loaded));
const found = await (async () => {{ {script} }})();
found.asked = performance.getEntriesByType("resource").map((each) => each.name);
const told = document.createElement("pre");
told.id = "found";
told.textContent = JSON.stringify(found);
document.body.append(told);
</script></body>"""
FRAMES = """<!doctype html><meta charset="utf-8"><title>frames</title><body>{frames}</body>"""
LOOK = """
const bright = (colour) => colour.match(/[\\d.]+/g).slice(0, 3).reduce((sum, each) => sum + Number(each), 0);
const looks = [...document.querySelectorAll("iframe")].map((frame) => {
  const page = frame.contentDocument, root = page.scrollingElement, window = frame.contentWindow;
  for (const each of page.querySelectorAll("details")) each.open = true;
  const style = window.getComputedStyle(page.body);
  const ground = [page.body, page.documentElement]
    .map((each) => window.getComputedStyle(each).backgroundColor).find((each) => each !== "rgba(0, 0, 0, 0)");
  return {
    page: frame.title, width: window.innerWidth, widest: root.scrollWidth,
    ground: ground && bright(ground), ink: bright(style.color),
    isDark: window.matchMedia("(prefers-color-scheme: dark)").matches,
    figures: page.querySelectorAll("svg.figure").length,
    sortable: page.querySelectorAll(".dt-orderable-asc").length,
  };
});
return { looks };
"""


@dataclass(frozen=True)
class Seen:
    """What became of a page: what its script found, its elements in the end, and the lines of its console."""

    found: dict[str, Any]
    dom: str
    console: list[str]


def opened(page: Path, script: str, profile: Path, *flags: str) -> Seen:
    """A copy of the page opened in Chromium, with a script at its end; what the script returns is found."""
    copy = page.with_name(f"opened-{page.name}")
    copy.write_text(page.read_text(encoding="utf-8").replace("</body>", TELL.format(script=script)), encoding="utf-8")
    command = [str(BROWSER), *FLAGS, *flags, f"--user-data-dir={profile}", copy.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    copy.unlink()
    told = re.search(r'<pre id="found">(.*?)</pre>', done.stdout, flags=re.DOTALL)
    console = [line for line in done.stderr.splitlines() if ":CONSOLE" in line]
    assert told, f"the page's own script didn't come to its end: {console}"
    return Seen(json.loads(html.unescape(told[1])), done.stdout.replace(told[0], ""), console)


def looks(pages: dict[str, Path], widths: tuple[int, ...], folder: Path, *, dark: bool) -> Seen:
    """Every page in a frame of every width, as a window of that width shows it; its folded parts are opened.

    A window of this browser can't be narrower than 500, a frame can. `found["looks"]` has one entry for each.
    """
    frames = [
        f'<iframe src="{page.as_uri()}" title="{name}" style="width: {width}px; height: 900px; border: 0"></iframe>'
        for name, page in pages.items()
        for width in widths
    ]
    outer = folder / "frames.html"
    outer.write_text(FRAMES.format(frames="".join(frames)))
    return opened(outer, LOOK, folder / f"profile-{dark}", f"--blink-settings=preferredColorScheme={0 if dark else 1}")
