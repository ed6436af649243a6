"""Public pre-training with CosFace, cached by everything that determines its result."""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from fedreid.atomic import write_atomically
from fedreid.errors import RunError, UserError
from fedreid.models import build_backbone, load_imagenet_weights
from fedreid.scenario.schema import Scenario
from fedreid.training.device import choose_device
from fedreid.training.epochs import TrainingDiverged, train_epochs
from fedreid.training.objectives import Classification
from fedreid.training.sampling import batch_maker
from fedreid.training.schedule import warmup_cosine

if TYPE_CHECKING:
    from fedreid.data.image_set import ImageSet

logger = logging.getLogger(__name__)

RECIPE = 3  # raise it when this file or train_epochs computes something else from the same settings
PURPOSE = 4  # of the random numbers: [seed, PURPOSE] is no client's stream
PROXIES = "public_proxies"  # beside the backbone's tensors in a cache entry
ROWS_AT_ONCE = 1024


@dataclass(frozen=True)
class Pretrained:
    """A backbone trained on public people, and their class proxies.

    Attributes:
        backbone_state: the backbone's state dict, on the CPU.
        proxies: (public identities, dim) Phi_g^0, on the CPU.
        seconds: what it took now; next to nothing when it came from the cache.
    """

    backbone_state: dict[str, Tensor]
    proxies: Tensor
    from_cache: bool
    seconds: float


def pretrain(
    scenario: Scenario, images: ImageSet, folder: Path, on_progress: Callable[[int, int], None] | None = None
) -> Pretrained:
    """Train on the public set, or take the result of an earlier run with the same one.

    Args:
        images: the public set.
        folder: of caches; the result is kept in folder/pretrained/<key>.safetensors.
        on_progress: called with (steps done, steps).

    Raises:
        UserError: the scenario's weights file doesn't suit its model, or the cache can't be written.
        RunError: the training diverged.
    """
    started = time.perf_counter()
    device, bf16 = choose_device(scenario.runtime)
    path = folder / "pretrained" / f"{cache_key(scenario, images, device, bf16)}.safetensors"
    tensors = _read(path)
    from_cache = tensors is not None
    if tensors is None:
        tensors = _train(scenario, images, device, bf16, on_progress)
        _write(path, tensors)
    proxies = tensors.pop(PROXIES)
    return Pretrained(tensors, proxies, from_cache, time.perf_counter() - started)


def cache_key(scenario: Scenario, images: ImageSet, device: torch.device, bf16: bool) -> str:
    """A hash of all that determines the pre-trained weights, down to the last bit."""
    weights = scenario.model.weights
    parts: dict[str, Any] = {
        "recipe": RECIPE,
        "images": _content(images),
        "model": scenario.model.model_dump(mode="json", exclude={"weights"}),
        "weights": _file_digest(Path(weights)) if weights else "",
        "loss": scenario.loss.model_dump(mode="json"),
        "augment": scenario.augment.model_dump(mode="json"),
        "sampling": scenario.sampling.model_dump(mode="json"),
        "pretrain": scenario.pretrain.model_dump(mode="json"),
        "seed": scenario.seed,
        "torch": torch.__version__,
        "threads": torch.get_num_threads() if device.type == "cpu" else 0,
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "bf16": bf16,
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


def _train(
    scenario: Scenario,
    images: ImageSet,
    device: torch.device,
    bf16: bool,
    on_progress: Callable[[int, int], None] | None,
) -> dict[str, Tensor]:
    settings = scenario.pretrain
    generator = np.random.default_rng([scenario.seed, PURPOSE])
    backbone = initial_backbone(scenario).to(device)
    proxies = nn.Parameter(initial_proxies(scenario, images.num_identities, generator).to(device))
    if settings.epochs:
        try:
            train_epochs(
                backbone,
                Classification(scenario.loss, proxies),
                images,
                **settings.model_dump(),
                augment=scenario.augment,
                batches=batch_maker(scenario.sampling, images.labels),
                generator=generator,
                device=device,
                bf16=bf16,
                schedule=warmup_cosine,
                on_step=on_progress,
            )
        except TrainingDiverged as error:
            raise RunError(
                f"pre-training failed: {error}. Its learning rate is {settings.learning_rate}: "
                "lower pretrain.learning_rate."
            ) from error
    return {name: tensor.cpu().contiguous() for name, tensor in backbone.state_dict().items()} | {
        PROXIES: proxies.detach().cpu()
    }


def untrained(scenario: Scenario, identities: int) -> Pretrained:
    """Where training would start: what a scenario without pre-training gets."""
    proxies = initial_proxies(scenario, identities, np.random.default_rng([scenario.seed, PURPOSE]))
    return Pretrained(initial_backbone(scenario).state_dict(), proxies, from_cache=False, seconds=0.0)


def initial_backbone(scenario: Scenario) -> nn.Module:
    """A random backbone, or one with the scenario's weights file in it, on the CPU."""
    generator = torch.Generator().manual_seed(scenario.seed)
    backbone: nn.Module = build_backbone(scenario.model, image_size=scenario.data.image_size, generator=generator)
    if scenario.model.weights:
        load_imagenet_weights(backbone, Path(scenario.model.weights))
    return backbone


def initial_proxies(scenario: Scenario, identities: int, generator: np.random.Generator) -> Tensor:
    """(identities, dim) from N(0, 0.01^2)."""
    shape = (identities, scenario.model.embedding_dim)
    return torch.from_numpy((0.01 * generator.standard_normal(shape)).astype(np.float32))


def _read(path: Path) -> dict[str, Tensor] | None:
    """A cache entry's tensors; None where there is none, or where it is damaged."""
    if not path.exists():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (not a dict)
            digest = (file.metadata() or {}).get("sha256")
    except (SafetensorError, OSError) as error:
        logger.warning("the pre-trained model %s is damaged (%s): training it again", path, error)
        return None
    if PROXIES not in tensors or digest != _tensors_digest(tensors):
        logger.warning("the pre-trained model %s is damaged (checksum): training it again", path)
        return None
    return tensors


def _write(path: Path, tensors: dict[str, Tensor]) -> None:
    """Two runs may write the same entry at once: each puts a whole file in place, and both files are equal."""
    metadata = {"sha256": _tensors_digest(tensors)}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, lambda temporary: save_file(tensors, temporary, metadata))
    except OSError as error:
        raise UserError(f"can't write the pre-trained model to {path}: {error.strerror}. Set data.cache.") from error


def _content(images: ImageSet) -> str:
    digest = hashlib.sha256(images.labels.tobytes())
    for start in range(0, len(images), ROWS_AT_ONCE):
        batch = images.batch(np.arange(start, min(start + ROWS_AT_ONCE, len(images))))
        digest.update(str(batch.shape).encode())
        digest.update(batch.tobytes())
    return digest.hexdigest()


def _file_digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UserError(f"model.weights: can't read {path}: {error.strerror}. Correct the path.") from error


def _tensors_digest(tensors: dict[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(tensors[name].reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
