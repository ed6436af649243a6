"""Round trip of a 100 MB model to 40 clients on 2 Ray workers, against stock Flower simulation on the same work.

Training is replaced by adding 1 to each array; aggregation is part of the time. Start-up isn't: the first round of
both is left out. Run with: python -m tests.benchmarks.round_trip
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

os.environ.setdefault("FLWR_TELEMETRY_ENABLED", "0")
os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")

import numpy as np
from flwr.app import Array, ArrayRecord, ConfigRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from flwr.serverapp import Grid, ServerApp

from fedreid import wire
from tests.benchmarks.tools import say, table, write_result

CLIENTS, WORKERS, ROUNDS, ARRAYS, VALUES = 40, 2, 3, 25, 1_000_000  # 25 arrays of a million float32: 100 MB

app = ClientApp()
stock_app = ClientApp()


@app.train()
def add_one(message: Message, context: Context) -> Message:
    """Ours: arrays in, arrays out."""
    arrays = {name: array + np.float32(1) for name, array in wire.to_arrays(message.content[wire.ARRAYS]).items()}
    return wire.reply(message, {wire.NUM_EXAMPLES: 10, "loss": 0.0}, arrays)


@stock_app.train()
def stock_add_one(message: Message, context: Context) -> Message:
    """The same with Flower's own records."""
    record = message.content["arrays"]
    arrays = ArrayRecord({name: Array(array.numpy() + np.float32(1)) for name, array in record.items()})
    metrics = MetricRecord({"num-examples": 10, "loss": 0.0})
    return Message(RecordDict({"arrays": arrays, "metrics": metrics}), reply_to=message)


def model() -> dict[str, np.ndarray]:
    """100 MB of zeros."""
    return {f"layer{number}": np.zeros(VALUES, np.float32) for number in range(ARRAYS)}


def check(record: ArrayRecord) -> None:
    """After each round every value has grown by 1."""
    for array in record.values():
        assert np.allclose(array.numpy(), ROUNDS), "the arithmetic is wrong: the figures mean nothing"


def rounds(run_round: Callable[[int, ArrayRecord], ArrayRecord], arrays: ArrayRecord) -> list[float]:
    """Seconds of each round after the first."""
    seconds = []
    for number in range(1, ROUNDS + 1):
        started = time.perf_counter()
        arrays = run_round(number, arrays)
        seconds.append(time.perf_counter() - started)
    check(arrays)
    return seconds[1:]


def ours() -> list[float]:
    """fedreid's Ray grid and FedAvg."""
    from fedreid.simulation.ray_grid import RayGrid
    from server.strategies.fedavg import FedAvg

    with RayGrid("tests.benchmarks.round_trip:app", CLIENTS, workers=WORKERS) as grid:
        strategy = FedAvg(nodes=dict(enumerate(grid.get_node_ids())))

        def run_round(number: int, arrays: ArrayRecord) -> ArrayRecord:
            messages = list(strategy.configure_train(number, arrays, ConfigRecord(), grid))
            return strategy.aggregate_train(number, grid.send_and_receive(messages))[0]

        return rounds(run_round, wire.to_record(model()))


def stock() -> list[float]:
    """Flower's simulation engine and its FedAvg; in a process of its own, since both want to start Ray."""
    from fedreid.simulation.ray_cluster import TOLD

    environment = {name: value for name, value in os.environ.items() if name not in TOLD}
    output = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.round_trip", "--stock"],
        check=True, capture_output=True, text=True, env=environment,
    ).stdout  # fmt: skip
    return json.loads(output.strip().splitlines()[-1])


def stock_main() -> None:
    """Run the stock simulation and print its seconds."""
    from flwr.serverapp.strategy import FedAvg
    from flwr.simulation import run_simulation

    found: list[float] = []
    server = ServerApp()

    @server.main()
    def main(grid: Grid, context: Context) -> None:
        strategy = FedAvg(fraction_evaluate=0.0)

        def run_round(number: int, arrays: ArrayRecord) -> ArrayRecord:
            messages = strategy.configure_train(number, arrays, ConfigRecord(), grid)
            return strategy.aggregate_train(number, grid.send_and_receive(messages, timeout=3600))[0]

        found.extend(rounds(run_round, ArrayRecord({name: Array(array) for name, array in model().items()})))

    resources = {"num_cpus": 1, "num_gpus": 0.0}
    backend = {"client_resources": resources, "init_args": {"num_cpus": WORKERS}}
    run_simulation(server, stock_app, num_supernodes=CLIENTS, backend_config=backend)
    say(json.dumps(found))


def main() -> None:
    """Measure both and write the ratio down."""
    mine, theirs = (statistics.median(seconds) / CLIENTS for seconds in (ours(), stock()))
    rows = [("fedreid", f"{mine:.3f}"), ("stock Flower simulation", f"{theirs:.3f}")]
    write_result(
        "round-trip",
        "Round trip of a 100 MB model",
        "python -m tests.benchmarks.round_trip",
        [
            f"{CLIENTS} clients, {WORKERS} Ray workers, training replaced by adding 1, aggregation included.",
            "",
            *table(("engine", "seconds per client and round"), rows),
            "",
            f"**{theirs / mine:.1f} times faster** (goal: at least 4).",
        ],
    )


if __name__ == "__main__":
    stock_main() if "--stock" in sys.argv else main()
