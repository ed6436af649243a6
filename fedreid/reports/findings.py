"""From long tables to what the report says: start, end, references and gains. All figures in percent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from fedreid.data.examples import Examples
from fedreid.headline import headline
from fedreid.reports.loading import RunFolder
from fedreid.reports.names import Names, names_of
from fedreid.reports.numbers import is_missing
from fedreid.reports.own_people import models_of, pivot, wide

Metrics = Mapping[str, float]
FACTS = ("identities", "train_images", "held_out_images", "cameras")  # of a client, as the data summary names them


@dataclass(frozen=True)
class Generic:
    """The shared model on the query and gallery of one dataset, or on its pairs or templates of faces.

    Nobody trained on these identities.

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
    def is_ranked(self) -> bool:
        """Whether galleries were ranked for queries; pairs and templates of faces are only compared."""
        return bool({"mAP", "queries"} & set(self.rounds)) or not {"accuracy", "genuine_pairs"} & set(self.rounds)

    @property
    def metric(self) -> str:
        """The one that stands for the others; of faces in too small numbers for any it is "TAR@FAR", and missing."""
        return "mAP" if self.is_ranked else headline(map(str, self.rounds)) or "TAR@FAR"

    @property
    def best_round(self) -> int:
        """The first round with the highest score, the start left out."""
        after = self.rounds[self.rounds.index > 0]
        values = (after if len(after) else self.rounds)[self.metric]
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
        names: what the models of this run are called.
        generic: by dataset, in name order.
        personalized: (round, client) rows of every evaluation after the start; columns dataset, mAP, rank1, ...
        models: scores on the clients' own people, (client) rows, by model: "start" (round 0), "shared" (the server's
            last one), "plain" (the own one without its branch), "own" (what the method scores, each client's last
            evaluation), "fine_tune", "distillation" and "alone"; only those that were measured.
        clients: one row for each client (index): dataset, FACTS, and the mAP of some of these models (CLIENT_MODELS);
            rank1 belongs to `final`, which is "own"; gain is over `against`. NaN where not measured.
        against: what a client's gain is over: "alone", or "start" where nobody else trained alone.
        unmatched: clients whose held-out images have no match among each other, so that none can be ranked.
        train: (round, client) rows: loss, accuracy, num_examples, steps, update_norm.
        agreement: of the clients' updates, in percent, by round (index); empty where it wasn't measured.
        hard_negatives: (round, client) rows: images, identities, share (percent); empty where none were chosen.
        cost: (round, client) rows: bytes_down, bytes_up, images, seconds (training), evaluation_seconds.
        system: (round, client) rows of simulated devices and links: simulated_seconds, joules, and 1 in late and
            dropped; only the columns that the run has.
        rounds: simulated seconds of each round (index); empty without a clock.
        examples: by generic test set, what the final shared model finds.
        phases: seconds of the whole federation, one row for each round (index): columns as in timing.csv.
    """

    names: Names
    generic: tuple[Generic, ...]
    personalized: pd.DataFrame
    models: Mapping[str, pd.DataFrame]
    clients: pd.DataFrame
    against: str
    unmatched: tuple[int, ...]
    train: pd.DataFrame
    agreement: pd.Series
    hard_negatives: pd.DataFrame
    cost: pd.DataFrame
    system: pd.DataFrame
    rounds: pd.Series
    phases: pd.DataFrame
    examples: Mapping[str, Examples]

    @property
    def changed(self) -> tuple[Generic, ...]:
        """Generic results that have a score after the start."""
        return tuple(
            result
            for result in self.generic
            if result.last_round > 0 and not is_missing(result.final.get(result.metric))
        )

    @property
    def has_alone(self) -> bool:
        return bool(self.clients["alone"].notna().any())

    @property
    def has_start(self) -> bool:
        return bool(self.clients["start"].notna().any())

    @property
    def has_personalized(self) -> bool:
        return bool(self.clients["final"].notna().any())


CLIENT_MODELS = {"start": "start", "alone": "alone", "shared": "shared", "plain": "plain", "final": "own"}
SYSTEM = ("simulated_seconds", "joules", "late", "dropped")
KEPT = {"hard_negatives": "images", "hard_negative_identities": "identities", "hard_negative_share": "share"}


def find(run: RunFolder) -> Findings:
    """Arrange a run's tables."""
    names = names_of(run.scenario)
    own = wide(run.metrics, "personalized", ["round", "client", "dataset"]).reset_index("dataset")
    train = wide(run.metrics[run.metrics["client"] >= 0], "train", ["round", "client"])
    models = models_of(own, run.references, names)
    against = "alone" if "alone" in models and run.scenario.method.name != "local_only" else "start"
    cost = wide(run.metrics[run.metrics["client"] >= 0], "cost", ["round", "client"])
    kept = train.reindex(columns=list(KEPT)) if run.scenario.method.has("hard_negatives") else train.iloc[:0, :0]
    return Findings(
        names=names,
        generic=_generic(run),
        personalized=own[own.index.get_level_values("round") > 0],
        models=models,
        clients=_clients(run, own, train, models, against),
        against=against,
        unmatched=_unmatched(models),
        train=train,
        agreement=_of_rounds(run, "train", "agreement"),
        hard_negatives=kept.rename(columns=KEPT).dropna(),
        cost=_with_seconds(cost.drop(columns=list(SYSTEM), errors="ignore").dropna(how="all"), run.timing),
        system=cost.reindex(columns=[name for name in SYSTEM if name in cost]).dropna(how="all"),
        rounds=_of_rounds(run, "cost", "simulated_seconds"),
        phases=pivot(run.timing[run.timing["client"] < 0], ["round"]),
        examples=run.examples,
    )


def _of_rounds(run: RunFolder, scope: str, metric: str) -> pd.Series:
    """A metric of the whole federation, by round."""
    found = wide(run.metrics[run.metrics["client"] < 0], scope, ["round"])
    return found[metric] if metric in found else pd.Series(dtype="float64")


def _generic(run: RunFolder) -> tuple[Generic, ...]:
    rounds = wide(run.metrics, "generic", ["dataset", "round"])
    lonely = run.references[run.references["reference"] == "local_only"]
    found = []
    for dataset in sorted(rounds.index.get_level_values("dataset").unique()) if len(rounds) else []:
        of_clients = lonely[(lonely["scope"] == "generic") & (lonely["dataset"] == dataset)]
        alone = of_clients.groupby("metric")["value"].mean().to_dict() if len(of_clients) else None
        scored = rounds.loc[dataset]
        if "queries" not in scored or scored["queries"].isna().all():  # the columns are those of all datasets
            scored = scored.dropna(axis="columns", how="all")
        never_changes = run.scenario.method.name == "local_only" and 0 in scored.index
        found.append(Generic(dataset, scored.loc[[0]] if never_changes else scored, alone))
    return tuple(found)


def _clients(
    run: RunFolder, own: pd.DataFrame, train: pd.DataFrame, models: Mapping[str, pd.DataFrame], against: str
) -> pd.DataFrame:
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
    empty = pd.DataFrame(columns=["mAP", "rank1"], dtype="float64")
    for column, model in CLIENT_MODELS.items():
        clients[column] = models.get(model, empty).reindex(clients.index, columns=["mAP"])["mAP"].astype("float64")
    clients["rank1"] = models.get("own", empty).reindex(clients.index, columns=["rank1"])["rank1"].astype("float64")
    clients["gain"] = clients["final"] - clients[against]
    return clients


def _unmatched(models: Mapping[str, pd.DataFrame]) -> tuple[int, ...]:
    """Clients that were scored, with no query among their images. All models are asked the same."""
    scores = models.get("own", models.get("start"))
    if scores is None or "queries" not in scores:
        return ()
    return tuple(int(client) for client in scores.index[scores["queries"] == 0])


def _with_seconds(cost: pd.DataFrame, timing: pd.DataFrame) -> pd.DataFrame:
    """Costs with the clients' seconds beside them; the clock lives in its own file, so that metrics.csv repeats."""
    clocks = pivot(timing[timing["client"] >= 0], ["round", "client"]).rename(columns={"training_seconds": "seconds"})
    joined = cost.join(clocks, how="outer") if len(clocks) else cost
    for name in ("bytes_down", "bytes_up", "images", "seconds"):
        if name not in joined:
            joined[name] = np.nan
    return joined[joined.index.get_level_values("round") > 0]  # before round 1 clients only evaluate
