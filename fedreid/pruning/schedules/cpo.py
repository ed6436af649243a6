"""CPO, layer-wise pruning: the layer that costs the least quality first, each as far as it pays.

Chapter 5 of the dissertation, algorithm 2. Quality is whatever `evaluate` returns (accuracy in %, mAP, PSNR), on
validation data: test data only afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import nn

from fedreid.pruning.groups import ChannelGroup
from fedreid.pruning.maps import ChannelMap
from fedreid.pruning.schedules.cpo_search import CpoOptions, LayerwiseRun
from fedreid.pruning.schedules.records import Pruned
from fedreid.pruning.schedules.shrinking import Shrinking


def cpo(
    model: nn.Module,
    groups: Sequence[ChannelGroup],
    evaluate: Callable[[nn.Module], float],
    retrain: Callable[[nn.Module, int], None],
    expected_drop: float | Sequence[float],
    *,
    options: CpoOptions | None = None,
    architecture: str | None = None,
) -> Pruned:
    """Prune group by group until each costs too much quality.

    Args:
        model: stays as it is.
        groups: the available ones.
        evaluate: network -> score, larger is better.
        retrain: (network, epochs) trains it in place.
        expected_drop: how much of the score may go, at least 0; or several, increasing, each starting from the network
            of the one before.

    Returns:
        The small network, its map, a record of every probe, removal, step back and commit, and one map a target.

    Raises:
        ValueError: a negative drop, drops that don't increase, or a score that isn't finite.
    """
    targets = (expected_drop,) if isinstance(expected_drop, int | float) else tuple(expected_drop)
    if not targets or min(targets) < 0 or list(targets) != sorted(set(targets)):
        raise ValueError(f"expected drops of at least 0, increasing; found {', '.join(map(str, targets)) or 'none'}")
    run = LayerwiseRun(Shrinking(model, groups, architecture), evaluate, retrain, options or CpoOptions())
    maps: list[ChannelMap] = []
    for target in targets:
        run.prune_to(target)
        maps.append(run.network.channel_map)
    return Pruned(run.network.model, run.network.channel_map, tuple(run.steps), tuple(maps))
