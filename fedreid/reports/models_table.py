"""Which model for a client's own people: the shared one, its own, or one made of either.

Tables 7.2 and 7.3 of the dissertation, with the ranking scores of re-identification beside them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from fedreid.reports.findings import Findings
from fedreid.reports.loading import RunFolder
from fedreid.reports.names import Names
from fedreid.reports.numbers import is_missing, percent, plural
from fedreid.reports.open_set import KINDS, VERIFICATION, Kind, comparable, heading, rates_among, resolution, usable
from fedreid.reports.tables import Cell, Row, Table
from fedreid.reports.words import start_name
from fedreid.scenario.schema import Scenario

RANKING = {"mAP": "mAP", "rank1": "rank-1"}
SYMBOLS = "In FedFR's notation the shared model is Θ_g, a client's own model Θ_i, and with its branch [Θ_i, Π_i]."


@dataclass(frozen=True)
class Part:
    """Columns whose means are over the same clients; `kind` is None for ranking."""

    kind: Kind | None
    clients: pd.Index
    metrics: tuple[str, ...]


def models_table(run: RunFolder, findings: Findings) -> Table | None:
    """Means over clients of each model's scores on the clients' own people; None where there is nothing to compare."""
    models = findings.models
    parts = _parts(list(models.values()))
    if not any(part.metrics for part in parts) or (len(models) < 2 and len(parts) < 2):
        return None
    named, about = titles(start_name(run), findings.names), _about(run.scenario, findings.names)
    rows = [
        _row(Cell(named[model], detail=f"({about[model]})"), scores, parts, is_strong=model == "own")
        for model, scores in models.items()
    ]
    heads = [RANKING.get(name) or heading(name) for part in parts for name in part.metrics]
    return Table("Which model for a client's own people", ("", *heads), tuple(rows), _note(run, findings, parts))


def titles(start: str, names: Names) -> Mapping[str, str]:
    """What each model is called, by its name in `Findings.models`; `start` names round 0."""
    return {
        "start": f"{start.capitalize()} model",
        "shared": "Shared model",
        "plain": "Own model",
        "own": names.title,
        "fine_tune": "Shared model, fine-tuned",
        "distillation": "Shared model, distilled",
        "alone": "Trained alone",
    }


def _about(scenario: Scenario, names: Names) -> Mapping[str, str]:
    """What each model is, in a few words."""
    epochs = plural(scenario.adaptation.epochs, "epoch")
    is_private = scenario.method.private_layers or scenario.batchnorm != "average"
    own = {
        "ditto": "never sent", "local_only": "never sent", "centralised": "trained on all clients' images",
    }.get(scenario.method.name, "before aggregation")  # fmt: skip
    return {
        "start": "round 0",
        "shared": "the last, with each client's private layers" if is_private else "the server's last one",
        "plain": "branch left out",
        "own": own,
        "fine_tune": f"{epochs} more, alone",
        "distillation": f"{epochs} more, alone",
        "alone": "never federated" if names.is_federation else "in one go, for reference",
    }


def common_ranking(tables: Sequence[pd.DataFrame]) -> pd.Index:
    """Clients that every ranked model has an mAP for."""
    ranked = [table["mAP"].dropna().index for table in tables if "mAP" in table]
    clients = ranked[0] if ranked else pd.Index([], dtype="int64")
    for others in ranked[1:]:
        clients = clients.intersection(others)
    return clients


def _parts(tables: Sequence[pd.DataFrame]) -> list[Part]:
    """Ranking, verification and identification, as far as there are clients to average over."""
    names = tuple(name for name in RANKING if any(name in table for table in tables))
    parts = [Part(None, common_ranking(tables), names)]
    for kind in KINDS:
        common = comparable(tables, kind)
        parts.append(Part(kind, common.clients, common.metrics))
    return [part for part in parts if len(part.clients)]


def _row(title: Cell, scores: pd.DataFrame, parts: Sequence[Part], *, is_strong: bool) -> Row:
    cells = [title]
    for part in parts:
        chosen = scores.reindex(part.clients)
        cells += [_mean(chosen[name]) if name in chosen else Cell(percent(None)) for name in part.metrics]
    return Row(tuple(cells), is_strong=is_strong)


def _mean(values: pd.Series) -> Cell:
    """A mean, with the standard deviation over clients; a dash where a client is missing."""
    if values.isna().any():
        return Cell(percent(None))
    spread = float(values.std())
    return Cell(percent(float(values.mean())), detail="" if is_missing(spread) else f"± {percent(spread)}")


def _note(run: RunFolder, findings: Findings, parts: Sequence[Part]) -> str:
    """Over whom the means are, and which rates the data are too small for."""
    lines = [_over(findings, parts)]
    for part in parts:
        if part.kind is not None:
            counts = _counts(findings, part.kind, part.clients)
            wanted = getattr(run.scenario.evaluation, part.kind.setting)
            lines.append(resolution(part.kind, counts, wanted, part.metrics) + _partly(findings, part.kind, part))
    if findings.names.has_branch:
        lines.append(SYMBOLS)
    return "\n".join(lines)


def _over(findings: Findings, parts: Sequence[Part]) -> str:
    sizes = {len(part.clients) for part in parts}
    total = max(len(findings.clients), *sizes)
    if total == 1:
        return "In percent."
    if sizes == {total}:
        return f"In percent: mean over {total:,} clients ± their standard deviation."
    over = []
    for part in parts:
        name = "mAP and rank-1" if part.kind is None else "TAR" if part.kind is VERIFICATION else "TPIR"
        over.append(f"{name} over {len(part.clients):,}")
    return (
        "In percent: mean over clients ± their standard deviation, of those that every row has a figure for: "
        f"{', '.join(over)} of {plural(total, 'client')}."
    )


def _counts(findings: Findings, kind: Kind, clients: pd.Index) -> list[float]:
    """Trials of each client that is averaged; every model is asked the same."""
    scores = next(table for table in findings.models.values() if clients.isin(usable(table, kind).index).all())
    return [float(value) for value in scores.loc[clients, kind.trials]]


def _partly(findings: Findings, kind: Kind, part: Part) -> str:
    """Rates that some of these clients have, and not all."""
    found: dict[str, int] = {}
    for table in findings.models.values():
        for name in rates_among(map(str, table), kind):
            if name not in part.metrics:
                found[name] = max(found.get(name, 0), int(table[name].reindex(part.clients).notna().sum()))
    some = [
        f"{name.partition('=')[2]} ({number:,} of {len(part.clients):,})" for name, number in found.items() if number
    ]
    return f" Rates that only some of the clients can measure have no mean: {', '.join(some)}." if some else ""
