"""A run's long table in short: each metric by round, over clients. In arrays, since there may be fifty runs."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pandas as pd

from fedreid.comparison import FinishedRun

Key = tuple[str, str, str, bool]  # scope, metric, dataset, whether it is the whole federation's
Sums = dict[Key, list[tuple[int, float, int]]]  # round, sum, number of values


def sums_of(run: FinishedRun, metrics: Collection[str]) -> Sums:
    """Of these metrics, each round with the sum and the number of its values; the last row of those that came twice."""
    rows = run.metrics[run.metrics["metric"].isin([*metrics]) & run.metrics["value"].notna()]
    names = [rows[column].astype("category").cat for column in ("scope", "metric", "dataset")]
    client, number = rows["client"].to_numpy(), rows["round"].to_numpy()
    keys = np.stack([*(each.codes for each in names), client < 0, number, client])
    order = np.lexsort(keys[::-1])  # stable, so that of a round that was done again the last row comes last
    keys, values = keys[:, order], rows["value"].to_numpy()[order]
    is_last = np.append((np.diff(keys) != 0).any(axis=0), True)[: keys.shape[1]]
    keys, values = keys[:, is_last], values[is_last]
    starts = np.flatnonzero(np.append(True, (np.diff(keys[:5]) != 0).any(axis=0)))[: keys.shape[1]]
    if not len(values):
        return {}
    sums, counts = np.add.reduceat(values, starts), np.diff(np.append(starts, len(values)))
    found: Sums = {}
    for (scope, metric, dataset, is_whole, at), total, count in zip(keys[:5, starts].T, sums, counts, strict=True):
        texts = [str(each.categories[code]) for each, code in zip(names, (scope, metric, dataset), strict=True)]
        found.setdefault((texts[0], texts[1], texts[2], bool(is_whole)), []).append((int(at), float(total), int(count)))
    return found


def by_round(sums: Sums, scope: str, metric: str, dataset: str | None, is_whole: bool | None, total: bool) -> pd.Series:
    """One metric by round: the mean, or the total."""
    together: dict[int, tuple[float, int]] = {}
    for (kind, name, about, whole), group in sums.items():
        if (kind, name) == (scope, metric) and dataset in (None, about) and is_whole in (None, whole):
            for number, value, count in group:
                before = together.get(number, (0.0, 0))
                together[number] = before[0] + value, before[1] + count
    found = {number: value if total else value / count for number, (value, count) in together.items()}
    return pd.Series(found, dtype=float)
