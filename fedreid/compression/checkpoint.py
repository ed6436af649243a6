"""The network that is pruned: out of a run, out of a folder that was pruned before, or a file of weights."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError
from torch import Tensor, nn

from fedreid import run_folder
from fedreid.errors import UserError
from fedreid.models import build_backbone, load_imagenet_weights
from fedreid.models.weights import HEAD, LoadReport, read_tensors
from fedreid.pruning import ChannelMap, sub_network
from fedreid.scenario import Scenario, load_scenario
from fedreid.scenario.schema import ModelSettings

PRUNED, CHANNELS = "pruned.json", "channels.json"
FORMAT = 1


@dataclass(frozen=True)
class Checkpoint:
    """A backbone on the CPU.

    Attributes:
        settings: of the whole network, before any pruning.
        model: with the file's values.
        channel_map: what is left of the whole network; None: all of it.
        path: the file.
        notes: what the reader should know of it.
    """

    settings: ModelSettings
    model: nn.Module
    channel_map: ChannelMap | None
    path: Path
    notes: tuple[str, ...] = ()


def load_checkpoint(path: Path, scenario: Scenario, overrides: Sequence[str] = ()) -> Checkpoint:
    """Read a network.

    Args:
        path: a run folder or its model.safetensors; a folder that an earlier pruning wrote; or a file of weights that
            suits the scenario's `model`.
        scenario: says the size of images, and of a lone file what network it is.
        overrides: as given; those of `model` contradict a folder that knows its network.

    Raises:
        UserError: there is no network, or another one than expected.
    """
    folder, file = (path, path / run_folder.FINAL) if path.is_dir() else (path.parent, path)
    if not path.exists():
        raise UserError(f"{path} does not exist: expected a run folder, a pruned folder or a file of weights.")
    knows = path.is_dir() or file.name in (run_folder.FINAL, run_folder.START)
    if knows and (folder / PRUNED).exists():
        _refuse_model_overrides(overrides, folder)
        return _pruned(folder, file, scenario)
    if knows and (folder / run_folder.SCENARIO).exists():
        _refuse_model_overrides(overrides, folder)
        settings = load_scenario(folder / run_folder.SCENARIO).scenario.model
        if not file.exists():
            raise UserError(f"{folder} has no {file.name}: its run isn't finished. Go on with: fedreid resume {folder}")
        return _whole(file, settings, scenario)
    if path.is_dir():
        raise UserError(
            f"{path} is neither a run folder nor a pruned one: it has neither {run_folder.SCENARIO} nor {PRUNED}."
        )
    return _whole(file, scenario.model, scenario)


def _whole(file: Path, settings: ModelSettings, scenario: Scenario) -> Checkpoint:
    try:
        model = build_backbone(settings, image_size=scenario.data.image_size)
    except ValueError as error:
        raise UserError(f"data.image_size doesn't suit {settings.backbone}: {error}.") from error
    with _reading(file):
        report = load_imagenet_weights(model, file)
    if report.missing or report.unexpected:
        raise UserError(_of_another(file, settings, report))
    _refuse_infinite(file, model.state_dict())
    notes = []
    if not any(key.startswith(HEAD) for key in report.loaded):
        notes.append(f"{file} has no embedding head: it starts from random values, and needs training")
    return Checkpoint(settings.model_copy(update={"weights": ""}), model, None, file, tuple(notes))


def _pruned(folder: Path, file: Path, scenario: Scenario) -> Checkpoint:
    settings = _settings_of(folder / PRUNED)
    channel_map = ChannelMap.load(folder / CHANNELS)
    with _reading(file):
        tensors = read_tensors(file)
    try:
        model = sub_network(settings, channel_map, image_size=scenario.data.image_size)
        model.load_state_dict(tensors)
    except (RuntimeError, ValueError) as error:
        reason = (str(error).splitlines()[1:2] or [str(error)])[0].strip().removesuffix(".")  # torch's first is a title
        raise UserError(f"{file} isn't the network that {folder / CHANNELS} describes ({reason}).") from error
    _refuse_infinite(file, tensors)
    return Checkpoint(settings, model, channel_map, file)


@contextmanager
def _reading(file: Path) -> Iterator[None]:
    """Every way in which a file of weights can't be read, told without the setting that runs name it by.

    Raises:
        UserError: it can't.
    """
    if not file.is_file():
        raise UserError(f"{file} is no file: expected the network's weights. Copy the folder again.")
    try:
        yield
    except UserError as error:
        text = str(error).removeprefix("model.weights: ")
        raise UserError(text.replace(', or model.weights = "" to start from random weights', "")) from error


def _of_another(file: Path, settings: ModelSettings, report: LoadReport) -> str:
    """What to say of weights that don't go into each other: a part of a deeper network, or half a file."""
    odd = [
        f"it {what} {keys[0]}" for what, keys in (("lacks", report.missing), ("also has", report.unexpected)) if keys
    ]
    return (
        f"{file} is of another network than {settings.backbone}: {' and '.join(odd)}.\n"
        "  Set model.backbone to the file's network."
    )


def _refuse_infinite(file: Path, tensors: Mapping[str, Tensor]) -> None:
    if wrong := [name for name, tensor in tensors.items() if not bool(tensor.isfinite().all())]:
        raise UserError(f"{file}: {wrong[0]} holds nan or inf: the training that wrote it diverged. Give another file.")


def _settings_of(file: Path) -> ModelSettings:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        if content["format"] != FORMAT:
            raise UserError(f"{file}: expected a pruned network of version {FORMAT}, found {content['format']}.")
        return ModelSettings.model_validate(content["model"])
    except (OSError, ValueError, KeyError, TypeError, ValidationError) as error:
        raise UserError(f"{file} can't be read as the description of a pruned network ({error}).") from error


def _refuse_model_overrides(overrides: Sequence[str], folder: Path) -> None:
    if given := [text for text in overrides if text.startswith("model.")]:
        raise UserError(f"--set {given[0]}: the network is what {folder} says it is. Leave it out.")
