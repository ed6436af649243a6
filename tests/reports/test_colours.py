"""Every colour of the page can be told from its ground, in light and in dark (WCAG 2.1: 4.5 for text, 3 for marks)."""

from __future__ import annotations

import re

import pytest

from fedreid.reports.drawing import COLOURS
from fedreid.reports.environment import HERE

TEXT = ("ink", "muted", "good", "bad", "accent")
MARKS = tuple(f"series-{number}" for number in range(1, 7))
ROOTS = re.findall(r":root \{(.*?)\}", (HERE / "page.css").read_text(), flags=re.DOTALL)
THEMES = [dict(re.findall(r"--([\w-]+): (#[0-9a-f]{3,6})\b", text)) for text in ROOTS]  # light, dark, print


def luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    parts = [int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    dark, bright = sorted(map(luminance, (one, other)))
    return (bright + 0.05) / (dark + 0.05)


def test_black_on_white_has_the_most_contrast() -> None:
    assert contrast("#000", "#ffffff") == pytest.approx(21)


@pytest.mark.parametrize("theme", THEMES, ids=("light", "dark", "print"))
def test_text_and_marks_stand_out(theme: dict[str, str]) -> None:
    for name in TEXT:
        for ground in ("card", "page"):
            assert contrast(theme[name], theme[ground]) >= 4.5, (name, ground)
    for name in MARKS:
        assert contrast(theme[name], theme["card"]) >= 3, name


def test_figures_on_paper_have_the_pages_colours() -> None:
    series = {name: colour for colour, name in COLOURS.items() if name.startswith("series")}
    assert series == {name: THEMES[0][name] for name in MARKS} == {name: THEMES[2][name] for name in MARKS}
