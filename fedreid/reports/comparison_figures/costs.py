"""What quality costs: the variants that nobody beats in both, and traffic."""

from __future__ import annotations

from collections.abc import Iterator

from fedreid.reports.comparison_figures.front import INNER, Panel, Priced, draw_fronts
from fedreid.reports.comparison_figures.levels import far, told
from fedreid.reports.comparison_figures.measured import Field, Scope, Subject
from fedreid.reports.comparison_figures.traffic import traffic
from fedreid.reports.comparison_figures.units import unit_of
from fedreid.reports.comparison_figures.words import SCOPES, means, muted, scope_label, upwards
from fedreid.reports.drawing import Drawing
from fedreid.reports.panels import panels

COSTS = {
    "bytes": ("traffic", "sent and received"),
    "macs": ("computation", "in all training"),
    "simulated_seconds": ("simulated time", ""),
    "joules": ("energy", "of simulated devices"),
}
ALIKE = 1.01  # of the largest to the smallest cost, below which there is nothing to choose


def figures(field: Field) -> Iterator[Drawing]:
    """Quality against each cost that is known and differs, then traffic."""
    for cost in COSTS:
        yield from _fronts(field, cost)
    yield from traffic(field)


def total(subject: Subject, cost: str) -> float:
    """Mean over seeds of what a whole run cost; nan where that isn't known, or where bytes mean nothing."""
    totals = subject.totals
    if cost != "bytes":
        return float(totals[cost].mean()) if cost in totals else float("nan")
    known = [float(totals[name].mean()) for name in ("bytes_down", "bytes_up") if name in totals]
    return sum(known) if known and not subject.look.bound else float("nan")


def _fronts(field: Field, cost: str) -> Iterator[Drawing]:
    spent = {each: total(each, cost) for each in field.subjects}
    known = [scope for scope in SCOPES if _differs([spent[each] for each in _scored(field, scope)])]
    if not known:
        return
    scale, unit = unit_of(cost, max(value for value in spent.values() if value > 0))
    shown = [_panel(field, scope, {each: value / scale for each, value in spent.items()}) for scope in known]
    what, words = COSTS[cost]
    figure, places = panels([scope_label(field, scope) for scope in known], INNER)
    draw_fronts(figure, [*zip(places, shown, strict=True)], f"{unit} {words}".strip())
    flat = dict.fromkeys(look.name for panel in shown for look, _ in panel.drawn)
    level = f" Level, without such a cost: {' and '.join(flat)}." if flat else ""
    level += " An arrow leads to a score that is off the scale." * any(panel.edged for panel in shown)
    level += told(
        f"{scope} {far(look, value)}" if len(known) > 1 else far(look, value)
        for scope, panel in zip(known, shown, strict=True)
        for look, value in panel.far
    )
    counts = (len(each.finals[scope]) for scope in known for each in _scored(field, scope))
    caption = (
        f"{upwards(field, known)} Filled, on the line: no variant reaches more for as little. Hollow: another reaches "
        f"as much for no more. Top left is best. {means(counts)} How sure a difference is can't be seen here.{level}"
        f"{muted(each.look for each in field.subjects)}"
    )
    yield Drawing(f"front-{what.replace(' ', '-')}", "costs", f"Quality for its {what}", caption, figure)


def _scored(field: Field, scope: Scope) -> list[Subject]:
    return [each for each in field.subjects if len(each.finals[scope])]


def _differs(costs: list[float]) -> bool:
    known = [value for value in costs if value > 0]
    return len(known) > 1 and max(known) >= ALIKE * min(known)


def _panel(field: Field, scope: Scope, spent: dict[Subject, float]) -> Panel:
    scored = [(each, float(each.finals[scope].mean())) for each in _scored(field, scope)]
    priced = [Priced(each.look, spent[each], quality) for each, quality in scored if spent[each] > 0]
    levels = [(each.look, quality) for each, quality in scored if each.look.bound and not spent[each] > 0]
    federated = [each.finals[scope] for each, _ in scored if not each.look.bound]
    return Panel(priced, levels, [(float(values.min()), float(values.max())) for values in federated])
