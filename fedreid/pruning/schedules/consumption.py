"""What a network of given widths consumes, and the limits that a schedule prunes down to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import nn

from fedreid.errors import UserError
from fedreid.pruning.costs import RESOURCES, head_of, impacts_of, total
from fedreid.pruning.groups import ChannelGroup, check_groups, with_widths
from fedreid.pruning.latency_table import LatencyTable, latency_impacts
from fedreid.pruning.layers import layers_of, resized

LATENCY = "latency"
NAMES = {"training_memory": "memory of training", "inference_memory": "memory of one image"}


class Consumption:
    """Amounts of each resource for any widths of a network's groups; its layers are looked at once.

    Args:
        model: the full network.
        groups: of this network.
        image_size: height and width.
        resources: names of `costs.RESOURCES`, counted exactly.
        latency: adds the resource "latency", in seconds, by this table.
        include_head: whether the embedding head counts.
        batch_size: for the memory of training.
        optimiser_slots: for the memory of training.

    Raises:
        ValueError: groups that aren't the model's, or a resource that isn't counted.
    """

    def __init__(
        self,
        model: nn.Module,
        groups: Sequence[ChannelGroup],
        image_size: tuple[int, int],
        *,
        resources: Sequence[str] = ("macs", "params"),
        latency: LatencyTable | None = None,
        include_head: bool = True,
        batch_size: int = 32,
        optimiser_slots: int = 1,
    ) -> None:
        check_groups(model, groups)
        if unknown := [name for name in resources if name not in RESOURCES]:
            raise ValueError(f"resources are {', '.join(RESOURCES)}; found {', '.join(unknown)}")
        self.latency = latency
        self.groups, self.resources = tuple(groups), tuple(resources)
        self._layers = layers_of(model, image_size, without=() if include_head else head_of(model))
        self._options = {"batch_size": batch_size, "optimiser_slots": optimiser_slots}
        self.original = self.amounts({group.name: group.width for group in groups})

    def amounts(self, widths: Mapping[str, int]) -> dict[str, float]:
        """Consumption of every resource at these widths (all groups'); without images, in a millisecond."""
        layers = resized(self._layers, self.groups, widths)
        costs = total(layers)
        found = {name: float(costs.amount(name, **self._options)) for name in self.resources}
        return found if self.latency is None else found | {LATENCY: self.latency.total(layers)}

    def impacts(self, widths: Mapping[str, int]) -> dict[str, dict[str, float]]:
        """For each group the share of each resource, as consumed at these widths, that one channel less saves."""
        layers, groups = resized(self._layers, self.groups, widths), with_widths(self.groups, widths)
        found = impacts_of(layers, groups, resources=self.resources, **self._options)
        if self.latency is not None:
            for name, share in latency_impacts(layers, groups, self.latency).items():
                found[name][LATENCY] = share
        return found

    def limits(self, shares: Mapping[str, float]) -> dict[str, float]:
        """What may remain, from shares of what the full network consumes.

        Raises:
            UserError: a share outside 0 to 1, or of something that isn't counted.
        """
        for name, share in shares.items():
            if name not in self.original:
                raise UserError(f"{name} is not counted: {', '.join(self.original)} are.")
            if not 0 < share <= 1:
                raise UserError(f"the share of {name} that may remain must be above 0 and at most 1, found {share}.")
        return {name: share * self.original[name] for name, share in shares.items()}

    def check(self, limits: Mapping[str, float], floors: Mapping[str, int]) -> None:
        """Refuse limits that even the narrowest network exceeds, before any training.

        Raises:
            UserError: naming each such limit and the smallest possible consumption; or a limit on nothing countable.
        """
        if not limits:
            raise UserError("nothing is constrained: give a limit on at least one resource.")
        if uncounted := [name for name in limits if name not in self.original]:
            raise UserError(f"limits on {', '.join(uncounted)}, but what is counted is {', '.join(self.original)}.")
        least = self.amounts(floors)
        impossible = {name: limit for name, limit in limits.items() if not least[name] < limit}
        if impossible:
            rows = [f"  {NAMES.get(name, name)}: asked for less than {told(name, limit)}, the narrowest network needs "
                    f"{told(name, least[name])} (of {told(name, self.original[name])})"
                    for name, limit in impossible.items()]  # fmt: skip
            raise UserError("no pruned network meets these limits:\n" + "\n".join(rows))


def told(name: str, amount: float) -> str:
    """An amount as people read it: memory in megabytes, latency in milliseconds."""
    if name == LATENCY:
        return f"{1e3 * amount:,.4g} ms"
    if name in NAMES:
        return f"{amount / 1e6:,.4g} MB"
    return f"{amount:,.1f}".removesuffix(".0")


def is_met(amounts: Mapping[str, float], limits: Mapping[str, float]) -> bool:
    """Whether every limited resource is below its limit: strictly, as the authors of CAIE test it."""
    return all(amounts[name] < limit for name, limit in limits.items())
