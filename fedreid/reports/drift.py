"""How far training moves clients from the shared model, and whether they move the same way: client drift.

Karimireddy et al., SCAFFOLD, ICML 2020; as weight divergence, Zhao et al., Federated Learning with Non-IID Data, 2018.
"""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from fedreid.reports.curves import band, by_round
from fedreid.reports.drawing import MUTED, SERIES, Drawing, blank, legend
from fedreid.reports.findings import Findings
from fedreid.reports.numbers import percent

UPDATE_NORM = "update_norm"


def figures(findings: Findings) -> Iterator[Drawing]:
    """The length of the updates by round, and how much of it survives in their mean; none for runs without them."""
    moved = moves(findings)
    if len(moved):
        yield _drift(moved)
    agreed = findings.agreement.dropna()
    if len(agreed):
        yield _agreement(agreed, _unrelated(moved, agreed))


def moves(findings: Findings) -> pd.Series:
    """Lengths of updates in percent, by (round, client); empty where none was measured, or nobody sends any."""
    if UPDATE_NORM not in findings.train:
        return pd.Series(dtype="float64")
    found = findings.train[UPDATE_NORM].dropna()
    return found if (found > 0).any() else found.iloc[:0]


def _drift(moved: pd.Series) -> Drawing:
    figure, axes = blank()
    words = band(axes, moved, "mean over clients")
    axes.set_ylim(0, max(0.01, 1.15 * float(moved.max())))
    by_round(axes, "update (% of weights)", floor=1)
    legend(axes)
    several = moved.index.get_level_values("client").nunique() > 1
    spread = f": mean and {words}. A wide band: some clients pull much harder than others" if several else ""
    caption = (
        "How far a round of local training moves the weights that are shared: the length of the change, in percent of "
        f"the weights' own length{spread}. A falling curve: the federation settles."
    )
    return Drawing("drift", "drift", "Drift", caption, figure)


def _agreement(agreed: pd.Series, unrelated: pd.Series) -> Drawing:
    figure, axes = blank()
    marker = "o" if len(agreed) <= 25 else ""
    axes.plot(agreed.index, agreed, color=SERIES[0], marker=marker, label="agreement")
    axes.plot(unrelated.index, unrelated, color=MUTED, linewidth=1.2, linestyle=(0, (5, 3)), label="unrelated updates")
    axes.set_ylim(0, 105)
    by_round(axes, "agreement (%)", floor=1)
    legend(axes)
    last = int(agreed.index.max())
    caption = (
        "Length of the clients' mean update, in percent of the mean length of their updates. 100: all pull the same "
        "way; the lower, the more of what clients learn cancels in the mean. Dashed: about where updates would be that "
        f"have nothing to do with each other, 100/√n of n clients. In round {last}, the last one, it is "
        f"{percent(float(agreed.iloc[-1]))} %, against {percent(float(unrelated.iloc[-1]))} % for unrelated ones."
    )
    return Drawing("agreement", "drift", "Agreement", caption, figure)


def _unrelated(moved: pd.Series, agreed: pd.Series) -> pd.Series:
    """100 / sqrt(n) by round, for n clients of equal weight and equally long updates."""
    clients = moved.groupby(level="round").count().reindex(agreed.index)
    return 100 / clients**0.5
