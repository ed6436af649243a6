"""Quality against what had been spent when it was reached: bytes, and simulated time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd
from matplotlib.axes import Axes

from fedreid.reports.comparison_figures.curves import generic_of, has_rounds
from fedreid.reports.comparison_figures.drawn import INNER, band_opacity, draw_curve
from fedreid.reports.comparison_figures.ends import End, name_panels
from fedreid.reports.comparison_figures.levels import draw_levels, told
from fedreid.reports.comparison_figures.measured import Field, Scope, Subject
from fedreid.reports.comparison_figures.units import unit_of
from fedreid.reports.comparison_figures.words import SCOPES, means, muted, scope_label, upwards
from fedreid.reports.drawing import Drawing
from fedreid.reports.panels import panels

TITLES = {"bytes": "traffic", "simulated_seconds": "simulated time"}
WHAT = {"bytes": "bytes to and from all clients", "simulated_seconds": "simulated time of all rounds"}


@dataclass(frozen=True)
class Panel:
    """One scope: curves with what was spent until each of their points, and those without such a cost."""

    scope: Scope
    curves: list[tuple[Subject, pd.DataFrame, pd.Series]]
    flat: list[Subject]


def figures(field: Field) -> Iterator[Drawing]:
    """For each cost that is known by round."""
    for cost, title in TITLES.items():
        shown = [panel for scope in SCOPES if (panel := _panel(field, cost, scope)) is not None]
        if shown:
            yield _figure(field, cost, title, shown)


def spent_until(subject: Subject, cost: str, values: pd.DataFrame) -> pd.Series:
    """Mean over seeds of what had been spent until each of the rounds that have a value; 0 at the start.

    Only federations move models; that a central model counts bytes means nothing.
    """
    if cost not in subject.spent or (cost == "bytes" and subject.look.bound):
        return pd.Series(dtype=float)
    spent = subject.spent[cost].mean(axis=1)
    last = int(max(spent.index.max(), values.index.max()))
    return spent.reindex(range(last + 1)).ffill().fillna(0.0)[values.index]


def _panel(field: Field, cost: str, scope: Scope) -> Panel | None:
    rows = [
        (each, generic_of(field, each, None) if scope == "generic" else each.personalized) for each in field.subjects
    ]
    known = [row for row in rows if has_rounds(*row)]
    curves = [(*row, spent) for row in known if len(spent := spent_until(row[0], cost, row[1]))]
    if max((len(values) for _, values, _ in curves), default=0) < 2:
        return None
    drawn = [subject for subject, *_ in curves]
    return Panel(scope, curves, [each for each in field.subjects
                                 if each.look.bound and each not in drawn and len(each.finals[scope])])  # fmt: skip


def _figure(field: Field, cost: str, title: str, shown: list[Panel]) -> Drawing:
    scale, unit = unit_of(cost, max(float(spent.max()) for panel in shown for *_, spent in panel.curves))
    figure, places = panels([scope_label(field, panel.scope) for panel in shown], INNER)
    looks = {subject.look.curve for panel in shown for subject, *_ in panel.curves}
    shade = band_opacity([*looks])
    drawn = [_draw(axes, panel, scale, shade) for axes, panel in zip(places, shown, strict=True)]
    places[-1].set_xlim(left=0)
    places[-1].set_xlabel(f"{unit} sent and received" if cost == "bytes" else unit)
    name_panels([(axes, ends) for axes, (ends, _) in zip(places, drawn, strict=True)], INNER)
    flat = dict.fromkeys(look.name for panel, (ends, _) in zip(shown, drawn, strict=True) for look, _ in ends
                         if look in {each.look for each in panel.flat})  # fmt: skip
    which = {panel.scope: f"{panel.scope} " if len(shown) > 1 else "" for panel in shown}
    far = [which[panel.scope] + text for panel, (_, texts) in zip(shown, drawn, strict=True) for text in texts]
    level = f" Level, without such a cost: {' and '.join(flat)}." if flat else ""
    seeds = means((values.shape[1] for panel in shown for _, values, _ in panel.curves), band="bands" if shade else "")
    caption = (
        f"{upwards(field, [panel.scope for panel in shown])} Along: what had been spent until then, {WHAT[cost]}; "
        f"further left is cheaper. {seeds}{level}{told(far)}{muted(looks)}"
    )
    return Drawing(f"quality-by-{title.replace(' ', '-')}", "curves", f"Quality against {title}", caption, figure)


def _draw(axes: Axes, panel: Panel, scale: float, shade: float) -> tuple[list[End], list[str]]:
    ends = [draw_curve(axes, each.look.curve, values, shade, spent / scale) for each, values, spent in panel.curves]
    named, far = draw_levels(axes, [(each.look, each.finals[panel.scope]) for each in panel.flat])
    return [*(end for end in ends if end is not None), *named], far
