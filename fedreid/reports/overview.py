"""Many generic test sets at a glance: one row for each, and one paragraph for all of them."""

from __future__ import annotations

from statistics import fmean

from fedreid.reports.findings import Findings, Generic
from fedreid.reports.loading import RunFolder
from fedreid.reports.numbers import DASH, is_missing, percent, plural, points
from fedreid.reports.open_set import heading
from fedreid.reports.tables import Row, Table, gain, row
from fedreid.scenario.source_schema import is_unseen

MANY = 4  # test sets from which on each one has no paragraph and no open table of its own
FULL = 10.0  # points that get the full colour


def overview(run: RunFolder, findings: Findings, start: str) -> Table | None:
    """The shared model on every test set, before and after; None where there are few."""
    if len(findings.generic) < MANY:
        return None
    columns = ("Test set", "Who trains on its dataset", "Score", start.capitalize(), "Final", "Change", "Local only")
    rows = [_row(run, result) for result in findings.generic]
    note = "In percent; changes in points. Nobody trained on the people of any test set. The tables of each are below."
    return Table("All test sets", (*columns, "Rank-1"), tuple(rows), note, text_columns=3)


def _row(run: RunFolder, result: Generic) -> Row:
    metric, before, alone = result.metric, result.start or {}, result.alone or {}
    change = None if result.last_round == 0 else _difference(result.final.get(metric), before.get(metric))
    return row(
        result.dataset,
        _who(run, result.dataset),
        heading(metric) if metric != "mAP" else "mAP",
        percent(before.get(metric)),
        percent(result.final.get(metric)),
        gain(change, FULL),
        percent(alone.get(metric)),
        percent(result.final.get("rank1")) if result.is_ranked else DASH,
    )


def _who(run: RunFolder, dataset: str) -> str:
    source = run.scenario.data.sources.get(dataset)
    if source is None or is_unseen(source):
        return "nobody"
    return "everybody: it is public" if dataset == run.scenario.partition.public_source else "clients"


def sentences(run: RunFolder, findings: Findings, start: str) -> list[str]:
    """What changed on how many test sets, and where most."""
    found = {
        result.dataset: (change, float(result.final[result.metric]))
        for result in findings.changed
        if (change := _difference(result.final.get(result.metric), (result.start or {}).get(result.metric))) is not None
    }
    if not found:
        return []
    changes = {name: change for name, (change, _) in found.items()}
    rising = sum(change > 0 for change in changes.values())
    best, worst = max(changes, key=changes.__getitem__), min(changes, key=changes.__getitem__)
    shared, several = findings.names.shared, plural(len(changes), "test set")
    words = [
        f"On {rising} of {several}, whose people nobody trained on, the {shared} ends above the {start} one; the mean "
        f"over them changed by {points(fmean(changes.values()))} points to "
        f"{percent(fmean(final for _, final in found.values()))} %.",
        f"It gained most on {best} ({points(changes[best])}) and least on {worst} ({points(changes[worst])}).",
    ]
    unseen = {name: change for name, change in changes.items() if _who(run, name) == "nobody"}
    if unseen and len(unseen) < len(changes):
        words.append(
            f"On the {plural(len(unseen), 'dataset')} that no client has it changed by "
            f"{points(fmean(unseen.values()))} points."
        )
    return words


def _difference(final: float | None, before: float | None) -> float | None:
    return None if final is None or before is None or is_missing(final) or is_missing(before) else final - before
