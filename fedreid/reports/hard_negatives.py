"""How many public images clients trained on beside their own, round by round, and whether choosing did anything."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from fedreid.reports.curves import band, by_round
from fedreid.reports.drawing import Drawing, blank, legend
from fedreid.reports.findings import Findings
from fedreid.reports.loading import RunFolder
from fedreid.reports.numbers import count, percent, plural
from fedreid.reports.tables import Table, row

MOST_ROUNDS = 5  # rows that stand open
QUANTILE = 'method.hard_negatives.select = "quantile"'


def figures(findings: Findings) -> Iterator[Drawing]:
    """The kept share by round, and the people on the kept images."""
    kept = findings.hard_negatives
    rounds = kept.index.get_level_values("round")
    last = int(rounds.max())
    group = kept[rounds == last]
    images, people = count(group["images"].mean()), count(group["identities"].mean())
    yield _figure(kept["share"], "hard-negatives", "Public images kept", "public images kept (%)", (
        f"Share of the public images that a client trains on beside its own{{spread}}. In round {last}, the last one, "
        f"these were {images} images of {people} people for a client on average."
    ))  # fmt: skip
    yield _figure(kept["identities"], "hard-negative-people", "People on them", "people", (
        "How many public people are on these images{spread}."
    ))  # fmt: skip


def _figure(values: pd.Series, name: str, title: str, label: str, caption: str) -> Drawing:
    """One quantity by round; `caption` has a place for what the band is."""
    drawn, axes = blank()
    words = band(axes, values, "mean over clients")
    axes.set_ylim(0, max(1.0, 1.15 * float(values.max())))
    by_round(axes, label, floor=1)
    legend(axes)
    spread = f": mean and {words}" if values.index.get_level_values("client").nunique() > 1 else ""
    return Drawing(name, "public", title, caption.format(spread=spread), drawn)


def tables(findings: Findings) -> list[Table]:
    """Images, people and shares by round; empty where no hard negatives were chosen."""
    kept = findings.hard_negatives
    rows = []
    for number, group in kept.groupby(level="round"):
        images = group["images"]
        rows.append(row(
            str(number), count(len(group)), count(images.mean()), count(images.min()), count(images.max()),
            count(group["identities"].mean()), percent(float(group["share"].mean())),
        ))  # fmt: skip
    columns = ("Round", "Clients", "Images, mean", "Fewest", "Most", "People, mean", "Share of the public images (%)")
    return [Table("By round", columns, tuple(rows), is_folded=len(rows) > MOST_ROUNDS)] if rows else []


def notes(run: RunFolder, findings: Findings) -> list[str]:
    """Trainings in which choosing did nothing, and how to choose otherwise."""
    kept = findings.hard_negatives
    if kept.empty:
        return []
    settings = run.scenario.method.hard_negatives
    found = []
    for share, what in (
        (0.0, "no public image was a hard negative: the client trained on its own images only"),
        (100.0, "every public image was a hard negative: choosing left nothing out"),
    ):
        chosen = kept[kept["share"] == share]
        if len(chosen):
            found.append(_ineffective(chosen, len(kept), what))
    if found and settings.select == "threshold":
        found.append(
            f"The threshold is {settings.threshold:g}. With {QUANTILE} the nearest public images are kept, a fixed "
            "share of them, however alike people look to the model."
        )
    return found


def _ineffective(chosen: pd.DataFrame, total: int, what: str) -> str:
    clients = chosen.index.get_level_values("client").nunique()
    share, trainings = 100 * len(chosen) / total, plural(total, "local training")
    return f"In {len(chosen):,} of {trainings} ({share:.0f} %, {plural(clients, 'client')}) {what}."
