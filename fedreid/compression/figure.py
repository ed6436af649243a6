"""How many channels each group kept, drawn."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import numpy as np

from fedreid.pruning import ChannelMap
from fedreid.reports.drawing import GRID, INK, SERIES, STYLE, blank, write_png

INCHES_A_BAR = 0.21


def write_channels_figure(channel_map: ChannelMap, path: Path) -> None:
    """A bar for each group, in the order of the network: what is left of all its channels, in percent and counted."""
    names = list(channel_map.widths)
    kept = np.array([len(channel_map.kept[name]) for name in names])
    widths = np.array([channel_map.widths[name] for name in names])
    with mpl.rc_context(STYLE):
        figure, axes = blank(0.9 + INCHES_A_BAR * len(names))
        places = np.arange(len(names))
        axes.barh(places, 100, color=GRID, height=0.72)
        axes.barh(places, 100 * kept / widths, color=SERIES[0], height=0.72)
        for place, (left, width) in enumerate(zip(kept, widths, strict=True)):
            axes.text(101.5, place, f"{left:,} of {width:,}", va="center", fontsize=8, color=INK)
        axes.set_yticks(places, names, fontsize=8)
        axes.set_ylim(len(names) - 0.4, -0.6)
        axes.set_xlim(0, 124)
        axes.set_xticks([0, 25, 50, 75, 100])
        axes.grid(visible=False)
        axes.set_xlabel("channels kept (%)")
        write_png(figure, path)
