"""Slicing a ResNet-50 and averaging its parts over coverage, against FedAvg's mean of the same bytes.

Run with: python -m tests.benchmarks.pruned_aggregation
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence

import torch

from fedreid.models import build_backbone
from fedreid.models.flat import FlatArrays, flattened
from fedreid.models.running_mean import RunningMean
from fedreid.models.sharing import copy_arrays, shared_tensors
from fedreid.pruning import TensorMap, groups_of, sub_network, tensor_map
from fedreid.pruning.aggregation import CoverageMean
from fedreid.pruning.places import slice_arrays
from fedreid.pruning.tier_maps import tier_maps
from fedreid.scenario.pruning_schema import PruningSettings
from fedreid.scenario.schema import ModelSettings
from tests.benchmarks.tools import table, write_result

MODEL = ModelSettings(backbone="resnet50")
SIZE = (128, 64)
SHARES = (1.0, 0.5, 0.25)
REPEATS = 15
CASES = {
    "tiers 1.0, 0.5, 0.25, two clients each": (0, 0, 1, 1, 2, 2),
    "tiers 1.0, 0.5, 0.25, one client each": (0, 1, 2),
    "tiers 0.5, 0.25, one client each": (1, 2),
    "tier 0.5, ten clients": (1,) * 10,
    "tier 0.5, four clients": (1,) * 4,
    "tier 0.5, one client": (1,),
}

Part = tuple[FlatArrays, TensorMap]


def parts() -> list[Part]:
    """Each tier's arrays, and its rows and columns in the whole network."""
    whole = build_backbone(MODEL)
    groups, found = groups_of(whole, frozen=()), []
    for channel_map in tier_maps(whole, PruningSettings(tiers=SHARES), SIZE):
        network = sub_network(MODEL, channel_map)
        arrays = copy_arrays(flattened(shared_tensors(network, "average")))
        assert isinstance(arrays, FlatArrays)
        found.append((arrays, tensor_map(groups, channel_map)))
    return found


def plain(chosen: Sequence[Part]) -> None:
    """What FedAvg does with replies of these sizes; one mean for each size, as a mean needs equal shapes."""
    means: dict[int, RunningMean] = {}
    for number, (arrays, _) in enumerate(chosen):
        means.setdefault(arrays.layout.size, RunningMean()).add(arrays, 10.0 + number)
    for mean in means.values():
        mean.mean()


def pruned(whole: FlatArrays, tiers: Sequence[Part], places: Sequence[int]) -> None:
    """A round's slices, and the mean of what comes back."""
    for place in set(places):
        slice_arrays(whole, tiers[place][1], tiers[place][0].layout)
    mean = CoverageMean(whole, {str(place): tensors for place, (_, tensors) in enumerate(tiers)}, pools_statistics=True)
    for number, place in enumerate(places):
        mean.add(tiers[place][0], 10.0 + number, str(place))
    mean.mean()


def seconds(run: Callable[[], None]) -> float:
    """Of the processor, which one thread's work takes whatever else the machine does."""
    started = time.process_time()
    run()
    return time.process_time() - started


def main() -> None:
    """Measure in turn, so that other load on the machine meets both, and write the ratios."""
    torch.set_num_threads(1)
    tiers = parts()
    whole, rows = tiers[0][0], []
    for name, places in CASES.items():
        chosen = [tiers[place] for place in places]
        pairs = []
        for _ in range(REPEATS + 1):
            pairs.append((seconds(lambda: plain(chosen)), seconds(lambda: pruned(whole, tiers, places))))  # noqa: B023
        before, after = (statistics.median(column) for column in zip(*pairs[1:], strict=True))
        ratio = statistics.median(own / plains for plains, own in pairs[1:])
        megabytes = sum(arrays.block.nbytes for arrays, _ in chosen) / 1e6
        rows.append((name, f"{megabytes:.0f}", f"{before:.3f}", f"{after:.3f}", f"{ratio:.2f}"))
    write_result(
        "pruned-aggregation",
        "Slices and their mean over coverage, against FedAvg's mean of the same bytes",
        "python -m tests.benchmarks.pruned_aggregation",
        [
            f"A round on the server with parts of a ResNet-50 ({whole.block.nbytes / 1e6:.0f} MB whole): slices for "
            f"the tiers, then the mean of the replies. Processor time of one thread, medians of {REPEATS} turns; the "
            "ratio is the median of the turns' ratios.",
            "",
            *table(("replies", "MB", "FedAvg (s)", "slices and coverage (s)", "ratio"), rows),
            "",
            "Goal: at most 2. A round pays once, however many clients answer, for what FedAvg doesn't do: the slices, "
            "the copy of the whole network, and the way of the largest tier's mean to its places. The fewer clients "
            "answer, the larger its share.",
        ],
    )


if __name__ == "__main__":
    main()
