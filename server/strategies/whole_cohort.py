"""Strategies that look at all replies of a round at once: q-FedAvg, and those that withstand attackers.

Li et al., Fair Resource Allocation in Federated Learning, ICLR 2020 (q-FedAvg); Yin et al., Byzantine-Robust
Distributed Learning, ICML 2018 (median, trimmed mean); Blanchard et al., Machine Learning with Adversaries, NeurIPS
2017 (Krum, multi-Krum); El Mhamdi et al., The Hidden Vulnerability of Distributed Learning, ICML 2018 (Bulyan).
Flower's own classes aggregate.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import cast

import numpy as np
from flwr.app import ArrayRecord, ConfigRecord, Message, MetricRecord, RecordDict
from flwr.serverapp import Grid
from flwr.serverapp.strategy import Bulyan, FedMedian, FedTrimmedAvg, Krum, MultiKrum, QFedAvg, Strategy

from fedreid import wire
from fedreid.errors import RunError
from fedreid.models.running_mean import RunningMean
from fedreid.scenario.schema import AggregationSettings
from server.strategies.fedavg import FedAvg
from server.strategies.flower_records import (
    LOSS,
    LentRecord,
    emptied,
    is_statistic,
    is_variance,
    reply_with,
    with_result,
)
from server.strategies.requirements import requirements

logger = logging.getLogger(__name__)

SELECTING = ("krum", "multikrum", "bulyan")  # whole clients, by the distances between them
NAMES = ("qfedavg", "fedmedian", "fedtrimmedavg", *SELECTING)


class WholeCohort(FedAvg):
    """Collects a round's replies and hands them to Flower's strategy of that name.

    Memory grows with the cohort: a copy of every client's model, and two more while Krum and Bulyan measure distances.

    BatchNorm's running statistics follow what the strategy is for. Robust ones treat them as they treat all arrays (a
    plain mean would leave attackers a way in): medians, trimmed means and means of chosen clients stay within what
    clients measured. q-FedAvg takes a step, which could make a variance negative: there they are the plain mean, and
    don't count in the step's length.

    Krum and Bulyan compare clients by |x|^2 + |y|^2 - 2xy in float32, which for models close to each other is nothing
    but rounding. They are given each client's change instead of its model: the distances are the same, and so is the
    choice.

    Args:
        name: one of NAMES.
        settings: those of the strategy.
        client_learning_rate: of the clients' SGD, whose inverse q-FedAvg takes for the loss's Lipschitz constant.

    Raises:
        ValueError: another name.
    """

    def __init__(
        self,
        name: str,
        settings: AggregationSettings,
        *,
        client_learning_rate: float = 0.01,
        fraction: float = 1.0,
        seed: int = 0,
        participants: Sequence[int] = (),
        nodes: Mapping[int, int] | None = None,
    ) -> None:
        super().__init__(fraction=fraction, seed=seed, participants=participants, nodes=nodes)
        if name not in NAMES:
            raise ValueError(f"{name!r} is not a strategy of whole cohorts; they are: {', '.join(NAMES)}")
        self.name, self.settings, self.client_learning_rate = name, settings, client_learning_rate
        self._sent: Mapping[str, np.ndarray] = {}

    def configure_train(
        self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid
    ) -> Iterable[Message]:
        """FedAvg's messages; what they carry is what clients' changes are measured from."""
        self._sent = wire.to_arrays(arrays)
        return super().configure_train(server_round, arrays, config, grid)

    def aggregate_train(
        self, server_round: int, replies: Iterable[Message]
    ) -> tuple[ArrayRecord | None, MetricRecord | None]:
        """What Flower's strategy makes of the replies, and the weighted mean of all losses.

        Raises:
            RunError: too few clients answered for this strategy.
            ValueError: a reply whose arrays are not those that were sent.
        """
        collected: list[Message] = []
        models, loss, total = RunningMean(), 0.0, 0.0
        for answer in replies:
            metrics, arrays = wire.metrics_of(answer), wire.arrays_of(answer)
            weight = self._weight(answer, metrics)
            collected.append(reply_with(self._copied(arrays), weight, metrics[LOSS], self._client(answer)))
            models.add(arrays, weight)
            self.drift.note(metrics, weight)
            loss += weight * metrics[LOSS]
            total += weight
        if not collected:
            return None, None
        self._check(server_round, len(collected))
        mean = models.mean()
        self.drift.close(mean)
        result = self._aggregated(server_round, collected)
        result |= {name: mean[name] for name in mean if self._is_averaged(name)}
        return wire.to_record(with_result(self._sent, result)), MetricRecord({LOSS: loss / total})

    def summary(self) -> None:
        """One line for the log."""
        logger.info("%s: %d clients, fraction %g", self.name, len(self.nodes), self.fraction)

    def _is_averaged(self, name: str) -> bool:
        """Whether this array is left out of the strategy, and is the weighted mean instead."""
        return self.name == "qfedavg" and is_statistic(name)

    def _aggregated_names(self) -> list[str]:
        return sorted(name for name in self._sent if not self._is_averaged(name))

    def _copied(self, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """What Flower gets of a model, by rising name: it pairs arrays by position, and sums over them in their order.

        A resumed run may have another order. Always copies: Flower writes into some, and parallel workers want the
        memory of their replies back.
        """
        if arrays.keys() != self._sent.keys():
            raise ValueError(f"arrays differ from those that were sent: {sorted(arrays.keys() ^ self._sent.keys())}")
        if self.name in SELECTING:
            return {name: np.asarray(arrays[name] - self._sent[name]) for name in sorted(self._sent)}
        return {name: arrays[name].copy() for name in self._aggregated_names()}

    def _check(self, server_round: int, clients: int) -> None:
        for key, text in requirements(self.name, self.settings, clients):
            raise RunError(
                f"round {server_round}, which {clients} clients answered, can't be aggregated: {key} {text}."
            )

    def _aggregated(self, server_round: int, replies: list[Message]) -> dict[str, np.ndarray]:
        chosen = partial(_note_chosen, server_round, self.name)
        strategy = _flower_strategy(self.name, self.settings, len(replies), self.client_learning_rate, chosen)
        if isinstance(strategy, QFedAvg):
            strategy.current_arrays = LentRecord({name: self._sent[name] for name in self._aggregated_names()})
        with np.errstate(over="ignore", invalid="ignore"):  # an attacker's numbers may; nobody is near to infinity
            record, _ = strategy.aggregate_train(server_round, replies)
        emptied(replies)
        assert record is not None  # only without replies, or where `requirements` are not met
        result = {name: array.numpy() for name, array in record.items()}
        return self._from_changes(result) if self.name in SELECTING else result

    def _from_changes(self, changes: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        models = {name: self._sent[name] + change.astype(np.float64) for name, change in changes.items()}
        for name in filter(is_variance, models):  # a mean of changes may be rounded to below the smallest one
            np.maximum(models[name], 0, out=models[name])
        return models


def _flower_strategy(
    name: str,
    settings: AggregationSettings,
    clients: int,
    client_learning_rate: float,
    chosen: Callable[[list[RecordDict], str], MetricRecord],
) -> Strategy:
    """A new one for each round: these strategies carry nothing on."""
    malicious = settings.malicious
    match name:
        case "qfedavg":
            return QFedAvg(client_learning_rate, q=settings.q, train_loss_key=LOSS)
        case "fedmedian":
            return FedMedian()
        case "fedtrimmedavg":
            return FedTrimmedAvg(beta=settings.trim)
        case "krum":
            return Krum(num_malicious_nodes=malicious, train_metrics_aggr_fn=chosen)
        case "multikrum":
            count = settings.selected or clients - malicious
            return MultiKrum(num_malicious_nodes=malicious, num_nodes_to_select=count, train_metrics_aggr_fn=chosen)
    return Bulyan(num_malicious_nodes=malicious, train_metrics_aggr_fn=chosen)


def _note_chosen(server_round: int, name: str, contents: list[RecordDict], _: str) -> MetricRecord:
    """Flower asks for the mean metrics of the clients it chose: the one place that tells who they are."""
    clients = sorted(cast(int, cast(MetricRecord, content[wire.METRICS])[wire.CLIENT]) for content in contents)
    logger.info("round %d: %s chose clients %s", server_round, name, ", ".join(map(str, clients)))
    return MetricRecord()
