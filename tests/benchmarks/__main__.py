"""All benchmarks, one after another."""

from tests.benchmarks import (
    allocators,
    dataset_cache,
    engines,
    fedfr_round,
    hard_negatives,
    pruned_aggregation,
    pruned_training,
    pruning_costs,
    ranking,
    reports,
    round_trip,
    server_memory,
    synthetic_difficulty,
    verification,
)

for module in (
    ranking, verification, hard_negatives, fedfr_round, round_trip, server_memory, engines, allocators,
    synthetic_difficulty, dataset_cache, pruning_costs, pruned_aggregation, pruned_training, reports,
):  # fmt: skip
    module.main()
