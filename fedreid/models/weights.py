"""Weights from a local file, matched by key: ImageNet's in torchvision's names, or what an earlier run wrote."""

from __future__ import annotations

import logging
import pickle
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from fedreid.errors import UserError
from fedreid.models.spherenet import SphereNet

logger = logging.getLogger(__name__)

HEAD = ("embedding.", "embedding_bn.")  # ours; no ImageNet file has it
CLASSIFIER = "fc."  # of the 1000 ImageNet classes: of no use here
# What unpickling and reading raise on files that are no weights: texts, tables, half files.
DAMAGED = (
    RuntimeError, ValueError, EOFError, LookupError, TypeError, AttributeError, AssertionError, struct.error,
)  # fmt: skip
COUNTER = "num_batches_tracked"  # of BatchNorm: changes nothing, and old files lack it


@dataclass(frozen=True)
class LoadReport:
    """Which keys were loaded, which of the backbone's were not in the file, and which of the file's had no use."""

    loaded: tuple[str, ...]
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]


def load_imagenet_weights(backbone: nn.Module, path: str | Path) -> LoadReport:
    """Copy a file's tensors into a backbone, in place.

    Of a torchvision-style ResNet file the classifier (`fc.*`) is ignored, and the embedding head keeps its initial
    values. A run's model.safetensors is taken as a whole, and is all that suits a SphereNet.

    Args:
        path: .safetensors, or .pth / .pt as written by torch.save; never executes what is in it.

    Raises:
        UserError: the file can't be read, has no key of this backbone, or has a tensor of another shape.
    """
    path = Path(path)
    tensors = read_tensors(path)
    own = backbone.state_dict()
    found = {key: tensor for key, tensor in tensors.items() if key in own}
    if all(key.startswith(HEAD) for key in found):  # another network's head may have our head's name
        examples = ", ".join(list(tensors)[:3]) or "nothing"
        is_sphere = isinstance(backbone, SphereNet)
        what = "a run's model.safetensors" if is_sphere else "a file with torchvision's ResNet keys"
        raise UserError(
            f"model.weights: {path} has no tensor of this backbone: it has {examples}, expected {next(iter(own))} and "
            f'so on.\n  Give {what}, or model.weights = "" to start from random weights.'
        )
    for key, tensor in found.items():
        if tensor.shape != own[key].shape:
            raise UserError(
                f"model.weights: {path}: {key} has shape {tuple(tensor.shape)}, expected {tuple(own[key].shape)}.\n"
                f"  {_remedy(backbone)}"
            )
    with torch.no_grad():
        for key, tensor in found.items():
            own[key].copy_(tensor)
    report = LoadReport(
        loaded=tuple(found),
        missing=tuple(key for key in own if key not in tensors and not key.startswith(HEAD) and COUNTER not in key),
        unexpected=tuple(key for key in tensors if key not in own and not key.startswith(CLASSIFIER)),
    )
    _warn(path, report)
    return report


def read_tensors(path: Path) -> Mapping[str, Tensor]:
    """Tensors by name from a .safetensors file, or a pickle of tensors only.

    Raises:
        UserError: naming the file and what is wrong with it.
    """
    try:
        is_safe = path.suffix == ".safetensors"
        content = load_file(path) if is_safe else torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise UserError(f"model.weights: {path} does not exist. Correct the path, or leave it empty.") from error
    except (OSError, SafetensorError, pickle.UnpicklingError, *DAMAGED) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(
            f"model.weights: {path} can't be read as weights ({reason}).\n"
            "  Expected .safetensors, or .pth from torch.save(model.state_dict()). Copy or convert it again."
        ) from error
    if not isinstance(content, Mapping) or not all(isinstance(value, Tensor) for value in content.values()):
        raise UserError(
            f"model.weights: {path} holds {type(content).__name__}, expected tensors by name.\n"
            "  Save a state dict: torch.save(model.state_dict(), path)."
        )
    return content


def _remedy(backbone: nn.Module) -> str:
    """What to set for a file with other shapes."""
    if isinstance(backbone, SphereNet):
        return "Set model.backbone, model.width, model.embedding_dim and data.image_size as in the file's run."
    return (
        "Set model.backbone to the file's network; torchvision's files need model.width = 1.0 and"
        ' model.stem = "imagenet".'
    )


def _warn(path: Path, report: LoadReport) -> None:
    for what, keys in (("lacks", report.missing), ("has, unused,", report.unexpected)):
        if keys:
            more = ", ..." if len(keys) > 3 else ""
            logger.warning("%s %s %d tensors: %s%s", path, what, len(keys), ", ".join(keys[:3]), more)
