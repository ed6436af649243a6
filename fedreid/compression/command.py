"""A trained backbone in, a small one out: everything that `fedreid prune` does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from torch import nn

from fedreid import run_folder
from fedreid.compression.checkpoint import Checkpoint, load_checkpoint
from fedreid.compression.files import LATENCY_TABLE, ONNX, new_folder, write_account, write_network
from fedreid.compression.images import PruningData, read_images
from fedreid.compression.limits import consumption, limits_of, refuse_criterion
from fedreid.compression.measure import Measured, frame_of, measured
from fedreid.compression.onnx_export import refuse_missing, write_onnx
from fedreid.compression.options import PruneOptions
from fedreid.compression.schedules import pruned
from fedreid.compression.task import Pruning
from fedreid.compression.training import Trainer, measure_batchnorm
from fedreid.data.image_set import ImageSet
from fedreid.errors import RunError
from fedreid.evaluation import embed
from fedreid.progress import Progress
from fedreid.pruning import ChannelMap, groups_of, layers_of
from fedreid.pruning.schedules import Pruned
from fedreid.scenario import Scenario, load_scenario
from fedreid.training.device import choose_device, torch_threads

PURPOSE = 7  # of the random numbers: [seed, PURPOSE] is no client's stream


@dataclass(frozen=True)
class PruneResult:
    """A pruned network.

    Attributes:
        out: the folder.
        model: on the CPU, in evaluation mode.
        channel_map: what it kept of the whole network.
        table: a line for each stage: before, pruned, fine-tuned.
    """

    out: Path
    model: nn.Module
    channel_map: ChannelMap
    table: pd.DataFrame


def prune(
    checkpoint: str | Path,
    data: str | Path,
    out: str | Path,
    options: PruneOptions | None = None,
    *,
    overrides: Sequence[str] = (),
    progress: Progress | None = None,
) -> PruneResult:
    """Prune a backbone, measure its BatchNorm statistics again, fine-tune it, and write it down.

    Args:
        checkpoint: a run folder, its model.safetensors, a folder that this function wrote, or a file of weights.
        data: a scenario or run folder: whom to train on and whom to ask about.
        out: a new folder.
        overrides: of the scenario, as `--set` takes them.

    Raises:
        UserError: a mistake in what was given; before any image is read, where it can be known then.
        RunError: the training diverged, or the export to ONNX failed; then the network is there without it.
    """
    options, progress = (options or PruneOptions()).resolved(), progress or Progress()
    if options.onnx:
        refuse_missing()
    data = Path(data)
    scenario = load_scenario(data / run_folder.SCENARIO if data.is_dir() else data, overrides).scenario
    found = load_checkpoint(Path(checkpoint), scenario, overrides)
    scenario = scenario.model_copy(update={"model": found.settings})
    with torch_threads(scenario.runtime.server_threads), new_folder(Path(out)) as folder:
        for note in found.notes:
            progress.message(note)
        return _Command(scenario, found, options, folder, progress).run()


class _Command:
    """One run of the command, step by step."""

    def __init__(
        self, scenario: Scenario, found: Checkpoint, options: PruneOptions, out: Path, progress: Progress
    ) -> None:
        self.scenario, self.found, self.options, self.out, self.progress = scenario, found, options, out, progress
        self.device, self.bf16 = choose_device(scenario.runtime)
        self.model = found.model.to(self.device)
        self.groups = groups_of(self.model)
        refuse_criterion(self.groups, scenario.model.backbone, options.criterion)
        self.costs = consumption(self.model, self.groups, scenario, options, self.device)
        self.limits = limits_of(self.costs, self.groups, options)
        self.embed = partial(embed, batch_size=scenario.evaluation.batch_size, device=self.device, bf16=self.bf16)
        seed = scenario.seed if options.seed is None else options.seed
        self.generator = np.random.default_rng([seed, PURPOSE])

    def run(self) -> PruneResult:
        data = read_images(self.scenario, self.out, self.options.images, self.progress)
        if not data.tests:
            self.progress.message("there is no query and gallery: the table has costs and no scores")
        stages = [self.measured("before", self.model, data)]
        small = self.pruned(data.training)
        trainer, model = self.trainer_of(small.model, data.training), small.model
        if self.options.schedule != "none":
            stages.append(self.measured("pruned", model, data))
        if self.options.fine_tune:
            trainer.train(model, self.options.fine_tune, partial(self.progress.stage, "fine-tuning"))
            stages.append(self.measured("fine-tuned", model, data))
        return self.written(model.cpu().eval(), small, stages)

    def pruned(self, images: ImageSet) -> Pruned:
        """By the schedule, with BatchNorm statistics of its own."""
        self.progress.stage(f"pruning by {self.options.schedule}")
        task = Pruning(
            self.model,
            self.groups,
            images,
            self.costs,
            self.limits,
            self.options,
            partial(self.trainer_of, self.model),
            self.generator,
            self.progress.message,
        )
        small = pruned(task)
        if self.options.schedule != "none":
            measure_batchnorm(small.model, images, self.scenario, self.device)
        return small

    def trainer_of(self, model: nn.Module, images: ImageSet) -> Trainer:
        rate = self.options.learning_rate or self.scenario.method.learning_rate
        return Trainer(
            model, images, self.scenario, learning_rate=rate, generator=self.generator, device=self.device,
            bf16=self.bf16,
        )  # fmt: skip

    def measured(self, stage: str, model: nn.Module, data: PruningData) -> Measured:
        self.progress.stage(f"evaluating the network {stage}")
        found = measured(stage, model, self.scenario, data.tests, partial(self.embed, model))
        if self.costs.latency is None:
            return found
        return replace(found, layers=self.costs.latency.total(layers_of(model, self.scenario.data.image_size)))

    def written(self, model: nn.Module, small: Pruned, stages: Sequence[Measured]) -> PruneResult:
        """Everything in the folder."""
        channel_map = _of_whole(self.found, small.channel_map)
        frame, size = frame_of(stages), self.scenario.data.image_size
        self.progress.stage("writing")
        write_network(self.out, model, channel_map, self.found, size)
        if self.costs.latency is not None:
            self.costs.latency.save(self.out / LATENCY_TABLE)
        account = partial(
            write_account, self.out, self.scenario, self.found, self.options, channel_map, frame, small.steps
        )
        account(None)  # before the export, which must not cost the network if it fails
        if self.options.onnx:
            account(self.exported(model))
        return PruneResult(self.out, model, channel_map, frame)

    def exported(self, model: nn.Module) -> float:
        try:
            return write_onnx(model, self.scenario.data.image_size, self.out / ONNX)
        except RunError as error:
            raise RunError(f"{error}\n  The network itself is in {self.out}, without {ONNX}.") from error


def _of_whole(found: Checkpoint, after: ChannelMap) -> ChannelMap:
    """The map from the whole network, where the checkpoint was pruned before."""
    return after if found.channel_map is None else found.channel_map.compose(after.kept)
