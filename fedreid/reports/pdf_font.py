"""The figures' font, cut down once, so that a PDF with its letters inside takes a tenth of a second and not three.

matplotlib cuts the font down to a figure's own letters each time; DejaVu Sans has 6,000 of them, with rules for many
scripts. Letters beyond this selection come from the whole font.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import NamedTemporaryFile

import matplotlib as mpl
from matplotlib import font_manager

WHOLE, FAMILY = "DejaVu Sans", "fedreid DejaVu Sans"
LETTERS = ((0x20, 0x24F), (0x370, 0x3FF), (0x400, 0x45F), (0x2000, 0x206F), (0x2190, 0x22FF), (0x25A0, 0x27BF))


@cache
def pdf_fonts() -> list[str]:
    """Families for rcParams, the small one first; the whole one alone where there is no place to keep another."""
    try:
        for weight in ("normal", "bold"):
            font_manager.fontManager.addfont(_small(weight))
    except (OSError, ImportError):
        return [WHOLE]
    return [FAMILY, WHOLE]


def _small(weight: str) -> Path:
    """The file of one weight, from matplotlib's cache or made anew."""
    source = Path(font_manager.findfont(font_manager.FontProperties(family=WHOLE, weight=weight)))
    path = Path(mpl.get_cachedir()) / f"fedreid-{source.stem}-{mpl.__version__}.ttf"
    if path.is_file():
        return path
    from fontTools import subset

    options = subset.Options(layout_features=[], name_IDs=["*"], hinting=True, notdef_outline=True)
    font = subset.load_font(str(source), options)
    cut = subset.Subsetter(options)
    cut.populate(unicodes=[code for first, last in LETTERS for code in range(first, last + 1)])
    cut.subset(font)
    for record in font["name"].names:
        if record.nameID in (1, 16):
            record.string = FAMILY
    with NamedTemporaryFile(dir=path.parent, suffix=".ttf", delete=False) as file:  # others may make it, too
        font.save(file)
    Path(file.name).replace(path)
    return path
