"""All benchmarks, one after another."""

from tests.benchmarks import engines, ranking, round_trip, server_memory, synthetic_difficulty

for module in (ranking, round_trip, server_memory, engines, synthetic_difficulty):
    module.main()
