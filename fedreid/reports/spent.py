"""What was spent, round by round, on simulated devices and links: time, energy, and who was absent or late."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from fedreid.reports.drawing import MARKERS, SERIES, Drawing, blank, legend
from fedreid.reports.findings import Findings
from fedreid.reports.loading import RunFolder
from fedreid.reports.numbers import DASH, count, is_missing, plural, seconds
from fedreid.reports.tables import MOST_CLIENTS, MOST_OPEN, Row, Table, row

HOUR, DAY = 3600.0, 86400.0
GIGA, TERA = 1e9, 1e12


def macs(value: float | None) -> str:
    """Multiplications: 12.4 G, 3.1 T."""
    if value is None or is_missing(value):
        return DASH
    unit, name = (TERA, "T") if abs(value) >= TERA else (GIGA, "G")
    return f"{value / unit:,.1f} {name}"


def energy(value: float | None) -> str:
    """Joules: 4.2 J, 12.3 kJ, 4.5 MJ."""
    if value is None or is_missing(value):
        return DASH
    power = 2 if abs(value) >= 1e6 else 1 if abs(value) >= 1e3 else 0
    return f"{value / 1000**power:,.1f} {('J', 'kJ', 'MJ')[power]}"


def tables(findings: Findings) -> list[Table]:
    """By client: what its device and link took. Only where there is a simulated clock or somebody was away."""
    cost = findings.system
    if cost.empty:
        return []
    frame = pd.DataFrame(index=sorted(cost.index.get_level_values("client").unique()))
    groups = cost.groupby(level="client")
    frame["answers"] = findings.cost.groupby(level="client")["images"].count()
    for metric in ("late", "dropped", "simulated_seconds", "joules"):
        frame[metric] = groups[metric].sum(min_count=1) if metric in cost else np.nan
    frame["slowest"] = groups["simulated_seconds"].max() if "simulated_seconds" in cost else np.nan
    frame = frame.fillna({"answers": 0, "late": 0, "dropped": 0})
    has_clock = bool(frame["simulated_seconds"].notna().any())
    timed = ("A round, mean", "Slowest", "Energy") if has_clock else ()
    columns = ("Client", "Answers", "Too late", "Never came", *timed)
    if len(frame) <= MOST_CLIENTS:
        rows = [_row(str(client), frame.loc[client], has_clock) for client in frame.index]
    else:
        shares = {"Lowest": 0.0, "Median": 0.5, "Highest": 1.0}
        rows = [_row(name, frame.quantile(share), has_clock) for name, share in shares.items()]
    note = (
        "Simulated: from bytes, multiplications and the scenario's profiles, not from this machine's clock." * has_clock
    )
    return [Table("Devices and links, by client", columns, tuple(rows), note, is_folded=len(rows) > MOST_OPEN)]


def _row(name: str, values: pd.Series, has_clock: bool) -> Row:
    cells = [name, *(count(values[column]) for column in ("answers", "late", "dropped"))]
    if has_clock:
        mean = values["simulated_seconds"] / values["answers"] if values["answers"] else None
        cells += [seconds(mean), seconds(values["slowest"]), energy(values["joules"])]
    return row(*cells)


def totals(run: RunFolder, findings: Findings) -> list[tuple[str, str]]:
    """(what, how much) of the whole run."""
    costs = run.summary.get("costs", {})
    found = [("Multiplications of training", macs(costs["macs"]))] if costs.get("macs") else []
    if len(findings.rounds):
        found.append(("Simulated time of all rounds", duration(float(findings.rounds.sum()))))
    if costs.get("joules"):
        found.append(("Simulated energy of training", energy(costs["joules"])))
    for metric, what in (("late", "Answers that came too late"), ("dropped", "Answers that never came")):
        if metric in findings.system:
            found.append((what, count(findings.system[metric].sum())))
    return found


def notes(run: RunFolder) -> list[tuple[str, str]]:
    """(term, explanation) of how devices, links and absence were simulated."""
    settings = run.scenario.system
    if not settings.is_on:
        return []
    parts = []
    if settings.availability < 1:
        length = f", absences lasting {settings.absence_rounds:g} rounds on average" if settings.absence_rounds else ""
        parts.append(f"Each client is there in {settings.availability:.0%} of the rounds{length}, drawn from the seed.")
    if settings.trace:
        parts.append("A trace says who else is away or slow.")
    if settings.dropout:
        parts.append(f"{settings.dropout:.0%} of the answers never come.")
    if settings.stragglers:
        parts.append(f"{settings.stragglers:.0%} of the trainings take {settings.slowdown:g} times as long.")
    if settings.deadline_seconds:
        parts.append(f"Answers after {seconds(settings.deadline_seconds)} of a round are left out.")
    if settings.is_timed:
        parts.append(
            f"Times follow from {plural(len(settings.profiles), 'profile')} of devices and links: message sizes over "
            "rates, multiplications over speeds. They are no measurement."
        )
    return [("Devices and links", " ".join(parts))]


def duration(value: float) -> str:
    """Simulated time, which may be days."""
    return f"{value / DAY:,.1f} days" if value >= 2 * DAY else seconds(value)


def figures(findings: Findings) -> Iterator[Drawing]:
    """Scores against what had been spent when they were reached. Call inside `mpl.rc_context(STYLE)`."""
    results = [result for result in findings.changed if result.is_ranked]
    if not results:
        return
    for name, title, spent, label in _axes(findings):
        figure, axes = blank()
        for place, result in enumerate(results):
            values = result.rounds["mAP"].dropna()
            known = [number for number in values.index if number == 0 or number in spent.index]
            along = [0.0 if number == 0 else float(spent[number]) for number in known]
            colour, marker = SERIES[place % len(SERIES)], MARKERS[place % len(MARKERS)]
            axes.plot(along, values[known], color=colour, marker=marker, label=result.dataset)
        axes.set_xlim(left=0)
        axes.set_xlabel(label)
        axes.set_ylabel("generic mAP (%)")
        legend(axes)
        caption = f"The {findings.names.shared} on people nobody trained on, by what had been spent until then."
        yield Drawing(name, "costs", title, caption, figure)


def _axes(findings: Findings) -> Iterator[tuple[str, str, pd.Series, str]]:
    """(file name, title, spent until the end of each round, label)."""
    if len(findings.rounds):
        spent = findings.rounds.cumsum()
        unit, name = (
            (HOUR, "hours")
            if spent.max() >= 2 * HOUR
            else (60.0, "minutes")
            if spent.max() >= 120
            else (1.0, "seconds")
        )
        yield "mAP-by-simulated-time", "Quality against simulated time", spent / unit, f"simulated {name}"
    traffic = findings.cost[["bytes_down", "bytes_up"]].sum(axis=1).groupby(level="round").sum().cumsum()
    if len(traffic) > 1 and traffic.max() > 0:
        unit, name = (1e9, "GB") if traffic.max() >= 1e9 else (1e6, "MB") if traffic.max() >= 1e6 else (1e3, "kB")
        yield "mAP-by-traffic", "Quality against traffic", traffic / unit, f"{name} sent and received"
