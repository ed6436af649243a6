"""What each variant cost: bytes, multiplications, seconds, joules. Means over its seeds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import pandas as pd

from fedreid.comparison.runs import FinishedRun
from fedreid.comparison.variants import Variant
from fedreid.reports.comparison_page.kinds import kind_of, seeds_told
from fedreid.reports.numbers import DASH, count, is_missing, seconds, size
from fedreid.reports.spent import duration, energy, macs
from fedreid.reports.tables import Cell, Table, row

NAN = float("nan")
NAMES = (
    "down", "up", "bytes", "each_down", "each_up", "images", "macs", "training_seconds", "simulated_seconds", "joules",
    "late", "dropped",
)  # fmt: skip
COUNTED = {
    "down": ("bytes_down", "sum"), "up": ("bytes_up", "sum"), "each_down": ("bytes_down", "mean"),
    "each_up": ("bytes_up", "mean"), "images": ("images", "sum"), "macs": ("macs", "sum"), "joules": ("joules", "sum"),
    "late": ("late", "sum"), "dropped": ("dropped", "sum"),
}  # fmt: skip

Costs = Mapping[str, float]  # by NAMES; nan where a run doesn't say


def answers(value: float) -> str:
    """How many, on average."""
    return DASH if is_missing(value) else f"{value:.1f}".removesuffix(".0")


SHOWN = {"down": size, "up": size, "bytes": size, "each_down": size, "each_up": size, "images": count, "macs": macs,
         "training_seconds": seconds, "simulated_seconds": duration, "joules": energy, "late": answers,
         "dropped": answers}  # fmt: skip


def costs_of(variant: Variant) -> Costs:
    """Means over seeds. Clients trained alone for reference have none of their own: they come with another's run."""
    runs = [_of_run(run) for run in variant.runs]
    return {name: _mean([each[name] for each in runs]) for name in NAMES}


def cell(costs: Costs, name: str) -> Cell:
    """A cost as a table shows it."""
    value = costs[name]
    return Cell(SHOWN[name](value), value=value)


def traffic_table(variants: Sequence[Variant], found: Mapping[str, Costs], reference: str) -> Table | None:
    """Bytes down and up, of each client in a round and in all; None where nothing was counted."""
    known = [variant for variant in variants if not math.isnan(found[variant.name]["bytes"])]
    if not known:
        return None
    base = found[reference]["bytes"]
    rows = []
    for variant in known:
        costs = found[variant.name]
        ratio = costs["bytes"] / base if base > 0 else NAN
        share = Cell("–" if is_missing(ratio) else f"{ratio:.2f} ×", value=ratio)
        numbers = (cell(costs, name) for name in ("each_down", "each_up", "down", "up", "bytes"))
        is_bound = kind_of(variant) != "federated"
        rows.append(row(variant.name, str(len(variant.runs)), *numbers, share, is_bound=is_bound))
    columns = (
        "Variant",
        "Seeds",
        "Down, client and round",
        "Up, client and round",
        "Down",
        "Up",
        "Both ways",
        "Against reference",
    )
    note = (
        f"Means over {seeds_told(known)}. Down: from the server to clients. All arrays of models that travelled in "
        f"training; the reference is {reference}."
    )
    better = ("", "", "low", "low", "low", "low", "low", "")
    return Table("Traffic", columns, tuple(rows), note, is_sortable=True, better=better)


def effort_table(variants: Sequence[Variant], found: Mapping[str, Costs]) -> Table | None:
    """What training took beside traffic; columns that no run has are left out."""
    titles = {"images": "Images", "macs": "Multiplications", "training_seconds": "Training time",
              "simulated_seconds": "Simulated time", "joules": "Simulated energy", "late": "Too late",
              "dropped": "Never came"}  # fmt: skip
    names = [name for name in titles if any(not math.isnan(costs[name]) for costs in found.values())]
    known = [variant for variant in variants if any(not math.isnan(found[variant.name][name]) for name in names)]
    if not known:
        return None
    rows = [
        row(variant.name, str(len(variant.runs)), *(cell(found[variant.name], name) for name in names),
            is_bound=kind_of(variant) != "federated")
        for variant in known
    ]  # fmt: skip
    parts = [f"Sums over clients and rounds, means over {seeds_told(known)}."]
    if "training_seconds" in names:
        parts.append("Training time was measured on the machine that ran them, perhaps beside other work.")
    if "simulated_seconds" in names:
        parts.append("Simulated time is that of all rounds on the scenario's devices and links, no measurement.")
    if {"late", "dropped"} & {*names}:
        parts.append("Too late, never came: answers of clients that the server didn't have in time.")
    columns = ("Variant", "Seeds", *(titles[name] for name in names))
    better = ("", "", "", *("low" for _ in names[1:])) if names[0] == "images" else ("", "", *("low" for _ in names))
    return Table("Training", columns, tuple(rows), " ".join(parts), is_sortable=True, better=better)


def _of_run(run: FinishedRun) -> dict[str, float]:
    found = dict.fromkeys(NAMES, NAN)
    rows = run.metrics[(run.metrics["scope"] == "cost") & (run.metrics["round"] > 0)]
    if rows.empty:
        return found
    rows = rows.drop_duplicates(["round", "client", "metric"], keep="last")  # a round that was done twice
    whole, each = rows[rows["client"] < 0], rows[rows["client"] >= 0]
    sums = each.groupby("metric", observed=True)["value"].agg(["sum", "mean"])
    system = run.scenario.system
    if run.scenario.method.name != "centralised":  # the images are in one place: nobody can be late
        found |= {"late": 0.0} if system.deadline_seconds else {}
        found |= {"dropped": 0.0} if system.dropout else {}
    for name, (metric, how) in COUNTED.items():
        if metric in sums.index:
            found[name] = float(sums.loc[metric, how])  # type: ignore[arg-type]
    if run.scenario.method.name == "centralised":  # the simulation hands its model over, where nothing would travel
        found |= dict.fromkeys(("down", "up", "each_down", "each_up"), NAN)
    found["bytes"] = found["down"] + found["up"]
    found["simulated_seconds"] = _sum(whole[whole["metric"] == "simulated_seconds"])
    found["training_seconds"] = _sum(
        run.timing[(run.timing["metric"] == "training_seconds") & (run.timing["round"] > 0)]
    )
    return found


def _sum(rows: pd.DataFrame) -> float:
    return float(rows["value"].sum()) if len(rows) else NAN


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return sum(known) / len(known) if known else NAN
