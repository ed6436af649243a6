"""All benchmarks, one after another."""

from tests.benchmarks import (
    engines,
    fedfr_round,
    hard_negatives,
    ranking,
    round_trip,
    server_memory,
    synthetic_difficulty,
    verification,
)

for module in (
    ranking, verification, hard_negatives, fedfr_round, round_trip, server_memory, engines, synthetic_difficulty,
):  # fmt: skip
    module.main()
