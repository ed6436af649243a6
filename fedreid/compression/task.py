"""What a schedule gets: a network, its limits, and whatever trains and scores it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from torch import Tensor, nn

from fedreid.compression.options import PruneOptions
from fedreid.compression.training import Sample, Trainer
from fedreid.data.image_set import ImageSet
from fedreid.pruning import ChannelGroup
from fedreid.pruning.criteria import WITHOUT_DATA, caie_scores, objectives, scores
from fedreid.pruning.schedules import Consumption

Message = Callable[[str], None]


@dataclass(frozen=True)
class Pruning:
    """A network and what to do to it.

    Attributes:
        groups: those of the model that may lose channels.
        costs: of the model and these groups.
        limits: what may remain, in the resources' units.
        options: resolved.
        trainer_of: makes a trainer on some images.
        tell: what stands in a line of its own.
    """

    model: nn.Module
    groups: Sequence[ChannelGroup]
    images: ImageSet
    costs: Consumption
    limits: Mapping[str, float]
    options: PruneOptions
    trainer_of: Callable[[ImageSet], Trainer]
    generator: np.random.Generator
    tell: Message

    def scores(self, trainer: Trainer, model: nn.Module, groups: Sequence[ChannelGroup]) -> Mapping[str, Tensor]:
        """Of the model as it is now, by the criterion; of CAIE the scores of its first step."""
        criterion = self.options.criterion
        if criterion in WITHOUT_DATA:
            return scores(model, groups, criterion)
        batches: Iterator[Sample] = islice(trainer.stream(), self.options.batches)
        by = "taylor_batchnorm" if criterion == "caie" else criterion
        found = scores(model, groups, by, batches=batches, loss=trainer.loss)
        if criterion != "caie":
            return found
        widths = {group.name: group.width for group in groups}
        missing = objectives(self.costs.amounts(widths), self.limits)
        return caie_scores({name: value.cpu() for name, value in found.items()}, self.costs.impacts(widths), missing)
