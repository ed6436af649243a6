"""From long tables to what the report says: start, end, references and gains. All figures in percent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from fedreid.reports.loading import RunFolder

Metrics = Mapping[str, float]
FACTS = ("identities", "train_images", "held_out_images", "cameras")  # of a client, as the data summary names them


@dataclass(frozen=True)
class Generic:
    """The shared model on the query and gallery of one dataset, whose identities nobody trained on.

    Attributes:
        dataset: name of the source.
        rounds: one row for each evaluated round (index), round 0 being the start; columns are metrics.
        alone: mean over clients of their lonely models; None without the reference.
    """

    dataset: str
    rounds: pd.DataFrame
    alone: Metrics | None

    @property
    def start(self) -> Metrics | None:
        return self._at(0) if 0 in self.rounds.index else None

    @property
    def last_round(self) -> int:
        return int(self.rounds.index.max())

    @property
    def final(self) -> Metrics:
        return self._at(self.last_round)

    @property
    def best_round(self) -> int:
        """The first round with the highest mAP, the start left out."""
        after = self.rounds[self.rounds.index > 0]
        values = (after if len(after) else self.rounds)["mAP"]
        return int(values.index[int(values.to_numpy().argmax())])

    @property
    def best(self) -> Metrics:
        return self._at(self.best_round)

    def _at(self, number: int) -> Metrics:
        return {str(metric): float(values[number]) for metric, values in self.rounds.items()}


@dataclass(frozen=True)
class Findings:
    """Everything measured, arranged by question.

    Attributes:
        generic: by dataset, in name order.
        personalized: (round, client) rows of every evaluation after the start; columns dataset, mAP, rank1, ...
        clients: one row for each client (index): dataset, FACTS, and mAP on the client's own people of the start, of
            training alone, of the final shared model and of the client's final own model (start, alone, shared, final);
            rank1 and round belong to `final`; gain is over alone, or over the start where nobody trained alone.
            NaN where not measured.
        train: (round, client) rows: loss, accuracy, num_examples, steps.
        cost: (round, client) rows: bytes_down, bytes_up, images, seconds (training), evaluation_seconds.
        phases: seconds of the whole federation, one row for each round (index): columns as in timing.csv.
    """

    generic: tuple[Generic, ...]
    personalized: pd.DataFrame
    clients: pd.DataFrame
    train: pd.DataFrame
    cost: pd.DataFrame
    phases: pd.DataFrame

    @property
    def changed(self) -> tuple[Generic, ...]:
        """Generic results that have something after the start."""
        return tuple(result for result in self.generic if result.last_round > 0)

    @property
    def has_alone(self) -> bool:
        return bool(self.clients["alone"].notna().any())

    @property
    def has_start(self) -> bool:
        return bool(self.clients["start"].notna().any())

    @property
    def has_personalized(self) -> bool:
        return bool(self.clients["final"].notna().any())


def find(run: RunFolder) -> Findings:
    """Arrange a run's tables."""
    own = _wide(run.metrics, "personalized", ["round", "client", "dataset"]).reset_index("dataset")
    train = _wide(run.metrics, "train", ["round", "client"])
    cost = _wide(run.metrics, "cost", ["round", "client"])
    return Findings(
        generic=_generic(run),
        personalized=own[own.index.get_level_values("round") > 0],
        clients=_clients(run, own, train),
        train=train,
        cost=_with_seconds(cost, run.timing),
        phases=_pivot(run.timing[run.timing["client"] < 0], ["round"]),
    )


def _wide(table: pd.DataFrame, scope: str, keys: list[str]) -> pd.DataFrame:
    return _pivot(table[table["scope"] == scope], keys)


def _pivot(table: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Metrics as columns. The last row wins where a round was done twice, which is what a resumed run did."""
    if table.empty:
        return table[keys].set_index(keys)
    unique = table.drop_duplicates([*keys, "metric"], keep="last")
    return unique.set_index([*keys, "metric"])["value"].unstack("metric").sort_index().rename_axis(columns=None)


def _generic(run: RunFolder) -> tuple[Generic, ...]:
    rounds = _wide(run.metrics, "generic", ["dataset", "round"])
    lonely = run.references[run.references["reference"] == "local_only"]
    found = []
    for dataset in sorted(rounds.index.get_level_values("dataset").unique()) if len(rounds) else []:
        of_clients = lonely[(lonely["scope"] == "generic") & (lonely["dataset"] == dataset)]
        alone = of_clients.groupby("metric")["value"].mean().to_dict() if len(of_clients) else None
        found.append(Generic(dataset, rounds.loc[dataset], alone))
    return tuple(found)


def _clients(run: RunFolder, own: pd.DataFrame, train: pd.DataFrame) -> pd.DataFrame:
    """One row for each client that the data, the training or the evaluation knows."""
    facts = {int(entry["client"]): entry for entry in run.data.get("clients", ())}
    known = set(facts)
    for table in (own, train):
        known |= {int(client) for client in table.index.get_level_values("client")}
    clients = pd.DataFrame(index=pd.Index(sorted(known), name="client", dtype="int64"))
    names = own["dataset"].groupby(level="client").first().to_dict() if len(own) else {}
    clients["dataset"] = [str(facts.get(client, {}).get("dataset", names.get(client, ""))) for client in clients.index]
    for column in FACTS:
        clients[column] = [float(facts.get(client, {}).get(column, np.nan)) for client in clients.index]
    scores = own.reset_index().reindex(columns=["round", "client", "mAP", "rank1"])
    start = scores[scores["round"] == 0].set_index("client")
    final = scores[scores["round"] > 0].sort_values("round").drop_duplicates("client", keep="last").set_index("client")
    columns = {
        "start": start["mAP"],
        "alone": _reference(run, "local_only"),
        "shared": _reference(run, "global_model"),
        "final": final["mAP"],
        "rank1": final["rank1"],
        "round": final["round"],
    }
    for column, values in columns.items():
        clients[column] = values.reindex(clients.index).astype("float64")
    reference = clients["alone"] if clients["alone"].notna().any() else clients["start"]
    clients["gain"] = clients["final"] - reference
    return clients


def _reference(run: RunFolder, name: str) -> pd.Series:
    """A reference's personalized mAP by client."""
    table = run.references
    rows = table[(table["reference"] == name) & (table["scope"] == "personalized") & (table["metric"] == "mAP")]
    return rows.drop_duplicates("client", keep="last").set_index("client")["value"]


def _with_seconds(cost: pd.DataFrame, timing: pd.DataFrame) -> pd.DataFrame:
    """Costs with the clients' seconds beside them; the clock lives in its own file, so that metrics.csv repeats."""
    clocks = _pivot(timing[timing["client"] >= 0], ["round", "client"]).rename(columns={"training_seconds": "seconds"})
    joined = cost.join(clocks, how="outer") if len(clocks) else cost
    for name in ("bytes_down", "bytes_up", "images", "seconds"):
        if name not in joined:
            joined[name] = np.nan
    return joined[joined.index.get_level_values("round") > 0]  # before round 1 clients only evaluate
