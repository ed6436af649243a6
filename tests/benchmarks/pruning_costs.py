"""Resource impacts of all groups of a ResNet-50: r(f) of multiplications, parameters and memory, by counting again.

256 x 128 images, the embedding group included; from the model to the numbers, nothing remembered. Medians count. Run
with: python -m tests.benchmarks.pruning_costs
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

from fedreid.models import build_backbone
from fedreid.pruning import RESOURCES, full_map, groups_of, impacts, impacts_of, layers_of, slice_state, tensor_map
from fedreid.scenario.schema import ModelSettings
from tests.benchmarks.tools import table, write_result

SIZE, REPEATS, TARGET = (256, 128), 7, 2.0


def median_seconds(run: Callable[[], object]) -> float:
    """Of some runs behind one that doesn't count."""
    taken = []
    for _ in range(1 + REPEATS):
        started = time.perf_counter()
        run()
        taken.append(time.perf_counter() - started)
    return statistics.median(taken[1:])


def main() -> None:
    """Measure and write the table."""
    model = build_backbone(ModelSettings(backbone="resnet50"))
    groups, layers, state = groups_of(model, frozen=()), layers_of(model, SIZE), model.state_dict()
    half = full_map(groups, "resnet50").compose({group.name: range(0, group.width, 2) for group in groups})
    work: dict[str, Callable[[], object]] = {
        "impacts of all groups, from the model": lambda: impacts(
            model, groups_of(model, frozen=()), SIZE, resources=RESOURCES
        ),
        "the same from known layers, as in a pruning loop": lambda: impacts_of(layers, groups, resources=RESOURCES),
        "tracing the layers alone": lambda: layers_of(model, SIZE),
        "the slice of every second channel, its map included": lambda: slice_state(state, tensor_map(groups, half)),
    }
    rows = [[name, f"{1000 * median_seconds(run):.0f} ms"] for name, run in work.items()]
    write_result(
        "pruning-costs",
        "Cost model of pruning",
        "python -m tests.benchmarks.pruning_costs",
        [
            f"ResNet-50, {len(groups)} groups, {sum(group.width for group in groups):,} channels, {len(RESOURCES)} "
            f"resources, images of {SIZE[0]} x {SIZE[1]}; medians of {REPEATS}.",
            f"To reach: impacts of all groups in under {TARGET:.0f} s.",
            "",
            *table(["What", "Time"], rows),
        ],
    )


if __name__ == "__main__":
    main()
