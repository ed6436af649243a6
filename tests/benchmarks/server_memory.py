"""Memory of the server's process when clients go from 10 to 200, with a 5 MB model on 2 Ray workers.

Run with: python -m tests.benchmarks.server_memory
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from flwr.app import ConfigRecord, Message

from fedreid import wire
from fedreid.simulation.ray_grid import RayGrid
from server.strategies.fedavg import FedAvg
from tests.benchmarks.tools import resident_bytes, table, write_result

VALUES = 1_250_000  # float32: 5 MB
MEGABYTE = 1 << 20


def peak(replies: Iterable[Message], found: list[int]) -> Iterator[Message]:
    """Pass replies on, and keep the largest memory seen."""
    for answer in replies:
        found.append(resident_bytes())
        yield answer


def highest(clients: int) -> int:
    """Most private memory of this process during two rounds with so many clients."""
    found: list[int] = []
    with RayGrid("tests.benchmarks.round_trip:app", clients, workers=2) as grid:
        strategy = FedAvg(nodes=dict(enumerate(grid.get_node_ids())))
        arrays = wire.to_record({f"layer{number}": np.zeros(VALUES // 10, np.float32) for number in range(10)})
        for number in (1, 2):
            messages = list(strategy.configure_train(number, arrays, ConfigRecord(), grid))
            aggregated, _ = strategy.aggregate_train(number, peak(grid.send_and_receive(messages), found))
            assert aggregated is not None
            arrays = aggregated
        assert np.allclose(arrays["layer0"].numpy(), 2)
    return max(found)


def main() -> None:
    """Measure and write the growth."""
    highest(10)  # loads what is loaded once
    few, many = highest(10), highest(200)
    write_result(
        "server-memory",
        "Server memory against the number of clients",
        "python -m tests.benchmarks.server_memory",
        [
            "Private memory of the server's process (without shared memory), highest value seen at any reply.",
            "",
            *table(("clients", "MB"), [(10, f"{few / MEGABYTE:.1f}"), (200, f"{many / MEGABYTE:.1f}")]),
            "",
            f"Growth: **{(many - few) / MEGABYTE:.1f} MB** (goal: less than 50 MB).",
        ],
    )


if __name__ == "__main__":
    main()
