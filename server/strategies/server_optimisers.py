"""FedAvgM, FedAdam, FedYogi and FedAdagrad: an optimiser on the server, whose gradient is the clients' mean change.

Hsu, Qi and Brown, Measuring the Effects of Non-Identical Data Distribution for Federated Visual Classification, 2019
(FedAvgM); Reddi et al., Adaptive Federated Optimization, ICLR 2021 (the others). Flower's own classes take the step.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from flwr.app import ArrayRecord, ConfigRecord, Message, MetricRecord
from flwr.serverapp import Grid
from flwr.serverapp.strategy import FedAdagrad, FedAdam, FedAvgM, FedYogi

from fedreid import wire
from fedreid.scenario.schema import AggregationSettings
from server.strategies.fedavg import FedAvg
from server.strategies.flower_records import LentRecord, emptied, is_statistic, reply_with, with_result

logger = logging.getLogger(__name__)

Optimiser = FedAvgM | FedAdam | FedYogi | FedAdagrad
NAMES = ("fedavgm", "fedadam", "fedyogi", "fedadagrad")
# Reddi et al. search 1e-3 to 10 for the adaptive ones; the smallest is safe with a pre-trained model.
MOMENTUM_RATE, ADAPTIVE_RATE = 1.0, 1e-3


def optimiser(name: str, settings: AggregationSettings) -> Optimiser:
    """Flower's strategy of this name. A learning rate of 0 stands for the default.

    Raises:
        ValueError: no server optimiser has this name.
    """
    rate = settings.learning_rate or (MOMENTUM_RATE if name == "fedavgm" else ADAPTIVE_RATE)
    match name:
        case "fedavgm":
            return FedAvgM(server_learning_rate=rate, server_momentum=settings.momentum)
        case "fedadam":
            return FedAdam(eta=rate, beta_1=settings.beta_1, beta_2=settings.beta_2, tau=settings.adaptivity)
        case "fedyogi":
            return FedYogi(eta=rate, beta_1=settings.beta_1, beta_2=settings.beta_2, tau=settings.adaptivity)
        case "fedadagrad":
            return FedAdagrad(eta=rate, tau=settings.adaptivity)
    raise ValueError(f"{name!r} is not a server optimiser; they are: {', '.join(NAMES)}")


class ServerOptimiser(FedAvg):
    """FedAvg's mean, then one step of Flower's strategy from the global model towards it, or beyond.

    Flower is handed the mean as a single reply: it takes the same step as from all replies, but the mean is formed in
    float64, in message order and with one model in memory.

    BatchNorm's running statistics are no parameters and take no step: they are the plain mean. An optimiser's step
    could make a variance negative.

    Args:
        name: one of NAMES.
        settings: those of the optimiser.
    """

    def __init__(
        self,
        name: str,
        settings: AggregationSettings,
        *,
        fraction: float = 1.0,
        seed: int = 0,
        participants: Sequence[int] = (),
        nodes: Mapping[int, int] | None = None,
    ) -> None:
        super().__init__(fraction=fraction, seed=seed, participants=participants, nodes=nodes)
        self.name, self.flower = name, optimiser(name, settings)
        self._sent: Mapping[str, np.ndarray] = {}
        self._moments: dict[str, dict[str, np.ndarray]] = {}  # "momentum", or "m" and "v": array by name

    def configure_train(
        self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid
    ) -> Iterable[Message]:
        """FedAvg's messages; what they carry is where the step starts from."""
        self._sent = wire.to_arrays(arrays)
        return super().configure_train(server_round, arrays, config, grid)

    def aggregate_train(
        self, server_round: int, replies: Iterable[Message]
    ) -> tuple[ArrayRecord | None, MetricRecord | None]:
        """The global model after the step, and the mean loss; (None, None) when nobody answered."""
        arrays, metrics = super().aggregate_train(server_round, replies)
        if arrays is None:
            return None, None
        mean = wire.to_arrays(arrays)
        names = [name for name in self._sent if not is_statistic(name)]  # Flower pairs arrays by position
        before = {kind: dict(rows) for kind, rows in self._moments.items()}
        stepped = self._step(server_round, {name: mean[name] for name in names})
        if self.sub_networks is not None:
            self._keep_uncovered(stepped, before, self.sub_networks.covered)
        return wire.to_record(with_result(mean, stepped)), metrics

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """The moments; the number of steps, which FedAdam's bias correction needs, is the round's."""
        return {f"{kind}/{name}": array for kind, rows in self._moments.items() for name, array in rows.items()}, {}

    def restore(self, arrays: Mapping[str, np.ndarray], values: Mapping[str, Any]) -> None:
        """Take the moments back."""
        self._moments = {}
        for key, array in arrays.items():
            kind, _, name = key.partition("/")
            self._moments.setdefault(kind, {})[name] = array

    def forget(self, rows: Mapping[str, Sequence[int]]) -> None:
        """Moments of filters that soft pruning set to zero start again, so that only new gradients move them."""
        for moments in self._moments.values():
            for name in rows.keys() & moments.keys():
                moments[name] = moments[name].copy()
                moments[name][rows[name]] = 0

    def summary(self) -> None:
        """One line for the log."""
        logger.info("%s: %d clients, fraction %g, then a step on the server", self.name, len(self.nodes), self.fraction)

    def _step(self, server_round: int, mean: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        self._load({name: self._sent[name] for name in mean})
        replies = [reply_with(mean, 1.0, 0.0, 0)]
        logger.info("round %d: the clients' mean goes to Flower's %s as one reply", server_round, self.name)
        result, _ = self.flower.aggregate_train(server_round, replies)
        emptied(replies)
        assert result is not None
        self._save(list(mean))
        return {name: array.numpy() for name, array in result.items()}

    def _keep_uncovered(
        self,
        stepped: dict[str, np.ndarray],
        before: Mapping[str, Mapping[str, np.ndarray]],
        covered: Mapping[str, np.ndarray],
    ) -> None:
        """Where no client has a weight there is no gradient: the weight stays, and its moments neither decay nor count.

        FedAdam's correction of the first steps goes by the round, for all weights alike.
        """
        for name, value in stepped.items():
            left = ~covered[name]
            if not left.any():
                continue
            stepped[name] = np.where(left, self._sent[name], value)
            for kind, rows in self._moments.items():
                old = before.get(kind, {}).get(name, np.zeros((), rows[name].dtype))  # Flower's moments start at 0
                rows[name] = np.where(left, old, rows[name])

    def _load(self, current: Mapping[str, np.ndarray]) -> None:
        """Hand Flower's strategy the global model and the moments, in one order of names."""
        if isinstance(self.flower, FedAvgM):
            self.flower.current_arrays = LentRecord(current)
            momentum = self._moments.get("momentum")
            self.flower.momentum_vector = [momentum[name] for name in current] if momentum else None
        else:
            self.flower.current_arrays = dict(current)
            self.flower.m_t, self.flower.v_t = self._moments.get("m"), self._moments.get("v")

    def _save(self, names: list[str]) -> None:
        if isinstance(self.flower, FedAvgM):
            vector = self.flower.momentum_vector
            found = {"momentum": dict(zip(names, vector, strict=True)) if vector else {}}
        else:
            found = {"m": self.flower.m_t or {}, "v": self.flower.v_t or {}}
        # numpy makes scalars of sums of arrays without dimensions
        self._moments = {kind: {n: np.asarray(array) for n, array in rows.items()} for kind, rows in found.items()}
