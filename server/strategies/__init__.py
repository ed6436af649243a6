"""Aggregation strategies, by the name a scenario gives them; each is a Flower Strategy."""

from collections.abc import Callable

from fedreid.scenario import Scenario
from server.strategies.fedavg import FedAvg

STRATEGIES: dict[str, Callable[[Scenario], FedAvg]] = {
    "fedavg": lambda scenario: FedAvg(fraction=scenario.federation.fraction, seed=scenario.seed),
}
