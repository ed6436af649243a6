"""All benchmarks, one after another."""

from tests.benchmarks import (
    dataset_cache,
    engines,
    fedfr_round,
    hard_negatives,
    pruned_aggregation,
    pruning_costs,
    ranking,
    round_trip,
    server_memory,
    synthetic_difficulty,
    verification,
)

for module in (
    ranking, verification, hard_negatives, fedfr_round, round_trip, server_memory, engines, dataset_cache,
    pruning_costs, pruned_aggregation, synthetic_difficulty,
):  # fmt: skip
    module.main()
