"""Verification (TAR@FAR) and identification (TPIR@FPIR) in tables, with what the data are large enough to measure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pandas as pd

from fedreid.reports.findings import Findings, Generic, Metrics
from fedreid.reports.numbers import count, is_missing, percent, plural, scientific
from fedreid.reports.tables import MOST_CLIENTS, QUANTILES, SPREAD_NOTE, Row, Table, row
from fedreid.scenario.schema import EvaluationSettings


@dataclass(frozen=True)
class Kind:
    """One of the two ways to ask.

    Attributes:
        metric: in front of the rate in metrics.csv: "TAR@FAR=1e-4".
        setting: of the scenario's [evaluation], the rates that are wanted.
        trials: metric that counts what could go wrong; one of them is the smallest rate that can be seen.
        hits: metric that counts what should go right.
        trial, hit, rate: their names in sentences.
    """

    metric: str
    setting: str
    trials: str
    hits: str
    trial: str
    hit: str
    rate: str


VERIFICATION = Kind(
    "TAR@FAR", "far", "impostor_pairs", "genuine_pairs", "impostor pair", "genuine pair", "false accept rate"
)
IDENTIFICATION = Kind(
    "TPIR@FPIR", "fpir", "non_mated_probes", "mated_probes", "non-mated probe", "mated probe",
    "false positive identification rate",
)  # fmt: skip
KINDS = (VERIFICATION, IDENTIFICATION)
COUNTS = {
    "genuine_pairs": "Genuine pairs", "impostor_pairs": "Impostor pairs", "mated_probes": "Mated probes",
    "non_mated_probes": "Non-mated probes",
}  # fmt: skip


@dataclass(frozen=True)
class Comparable:
    """What can be averaged and compared: clients that every table can score, and metrics that all of them have."""

    clients: pd.Index
    metrics: tuple[str, ...]


def rates_among(names: Iterable[str], kind: Kind) -> list[str]:
    """Metrics of this kind, by rising rate."""
    return sorted({name for name in names if name.startswith(f"{kind.metric}=")}, key=lambda name: _rate(name))


def _rate(name: str) -> float:
    return float(name.partition("=")[2])


def heading(metric: str) -> str:
    """A column's title; it breaks before the rate."""
    return metric.replace("=", " ")


def usable(scores: pd.DataFrame, kind: Kind) -> pd.DataFrame:
    """Rows of clients that have something to accept and something to refuse."""
    counts = scores.reindex(columns=[kind.hits, kind.trials])
    return scores[(counts > 0).all(axis="columns")]


def comparable(tables: Sequence[pd.DataFrame], kind: Kind) -> Comparable:
    """Clients that every measured table has, and the rates at which each of them was measured.

    Args:
        tables: (client) rows of several models; those without a measurement of this kind don't count.
    """
    measured = [table for table in (usable(scores, kind) for scores in tables) if len(table)]
    if not measured:
        return Comparable(pd.Index([], dtype="int64"), ())
    clients = measured[0].index
    for table in measured[1:]:
        clients = clients.intersection(table.index)
    names = rates_among((str(name) for table in measured for name in table), kind)
    chosen = [name for name in names if all(name in table and table.loc[clients, name].notna().all()
                                            for table in measured)]  # fmt: skip
    return Comparable(clients, tuple(chosen) if len(clients) else ())


def resolution(kind: Kind, counts: Sequence[float], wanted: Sequence[float], shown: Iterable[str]) -> str:
    """What the smallest measurable rate is, and which of the wanted ones are below it.

    Args:
        counts: impostor pairs, or non-mated probes, of each client or of the one test set.
        shown: metrics that a table has.
    """
    fewest, most = round(min(counts)), round(max(counts))
    many = plural(fewest, kind.trial) if fewest == most else f"{fewest:,} to {most:,} {kind.trial}s"
    each, smallest = (" for each client", " by every one of them") if len(counts) > 1 else ("", "")
    text = f"{many}{each}: the smallest {kind.rate} that can be measured{smallest} is {scientific(1 / fewest, 2)}"
    left_out = left_out_rates(kind, wanted, shown)
    if not left_out:
        return f"{text}."
    them, are = ("smaller ones", "are") if len(left_out) > 1 else ("a smaller one", "is")
    return f"{text}; {them} that the scenario asks for ({', '.join(left_out)}) {are} left out."


def left_out_rates(kind: Kind, wanted: Sequence[float], shown: Iterable[str]) -> list[str]:
    """Wanted rates without a column, rising."""
    present = set(shown)
    return [scientific(rate) for rate in sorted(wanted) if f"{kind.metric}={scientific(rate)}" not in present]


def generic_table(result: Generic, start: str, outcome: str, settings: EvaluationSettings) -> Table | None:
    """One dataset's start, lonely models and final model; without rows where the data are too small for any rate.

    Returns:
        None where the run neither verified nor identified.
    """
    found: list[tuple[str, Metrics | None, bool]] = [(f"{start.capitalize()} model (round 0)", result.start, False)]
    found.append(("Local only (mean over clients)", result.alone, False))
    if result.last_round > 0:
        found.append((f"{outcome}, final (round {result.last_round})", result.final, True))
    measured = [(name, scores, is_strong) for name, scores, is_strong in found if scores and _is_measured(scores)]
    if not measured:
        return None
    present = {name for _, scores, _ in measured for name, value in scores.items() if not is_missing(value)}
    columns = [name for kind in KINDS for name in rates_among(present, kind)]
    rows = [
        row(name, *(percent(scores.get(column)) for column in columns), is_strong=is_strong)
        for name, scores, is_strong in measured
        if columns
    ]
    note = "\n".join(_generic_note(kind, measured[-1][1], settings, columns) for kind in KINDS)
    return Table(f"Verification and identification: {result.dataset}", ("", *map(heading, columns)), tuple(rows), note)


def _is_measured(scores: Metrics) -> bool:
    return any(not is_missing(scores.get(kind.trials)) for kind in KINDS)


def _generic_note(kind: Kind, scores: Metrics, settings: EvaluationSettings, columns: Sequence[str]) -> str:
    hits, trials = (0 if is_missing(scores.get(name)) else scores[name] for name in (kind.hits, kind.trials))
    if not hits or not trials:
        return f"No {kind.metric}: {count(hits)} {kind.hit}s and {count(trials)} {kind.trial}s."
    wanted = getattr(settings, kind.setting)
    if kind is VERIFICATION:
        return f"In percent. {plural(round(hits), kind.hit)} and {resolution(kind, [trials], wanted, columns)}"
    halved = resolution(kind, [max(1, trials // 2)], wanted, columns)  # search_probes takes two galleries
    return f"{plural(round(hits), kind.hit)} and, with half of the people registered at a time, about {halved}"


def client_table(findings: Findings) -> Table | None:
    """Every client's own model, with how many pairs and probes its figures come from; of many clients the spread."""
    scores = findings.models.get("own", pd.DataFrame())
    scores = scores[scores.index.isin([client for kind in KINDS for client in usable(scores, kind).index])]
    columns = [name for kind in KINDS for name in rates_among(map(str, scores), kind)]
    if not columns:
        return None
    means = {name for kind in KINDS for name in comparable([scores], kind).metrics}
    counts = [name for name in COUNTS if name in scores]

    def line(name: str, values: pd.Series, shown: Iterable[str], is_total: bool = False) -> Row:
        texts = [percent(values[column]) if column in shown else percent(None) for column in columns]
        return row(name, *texts, *(count(values[column]) for column in counts), is_total=is_total)

    title = "Verification and identification, client by client"
    heads = ("Client", *map(heading, columns), *(COUNTS[name] for name in counts))
    lines = [f"In percent. {findings.names.over_column}: {findings.names.when}."]
    if len(means) < len(columns):
        lines.append("A mean is taken only where every client has a figure.")
    if len(scores) > MOST_CLIENTS:
        spread = [line(name, scores.quantile(share), columns) for name, share in QUANTILES]
        return Table(title, heads, tuple(spread), " ".join([lines[0], SPREAD_NOTE]), is_folded=True)
    rows = [line(str(client), values, columns) for client, values in scores.iterrows()]
    total = line("Mean", scores.mean(), means, is_total=True)
    return Table(title, heads, (*rows, total), " ".join(lines), is_folded=True)
