"""A network as an ONNX file, compared with torch."""

from __future__ import annotations

import copy
import importlib.util
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fedreid.errors import RunError, UserError

NEEDED = ("onnx", "onnxscript", "onnxruntime")
TOLERANCE = 1e-4  # largest difference of any value of two embeddings of unit length
COMPARED = 4  # images; the export itself sees 2


def refuse_missing() -> None:
    """Say at the start, not after an hour of training, what the export lacks.

    Raises:
        UserError: naming the packages and how to get them.
    """
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise UserError(
            f"the export to ONNX needs {', '.join(missing)}, which {'is' if len(missing) == 1 else 'are'} not "
            "installed.\n  Install with: pip install 'fedreid[pruning]', or leave the export out with --no-onnx."
        )


def write_onnx(model: nn.Module, image_size: tuple[int, int], path: Path) -> float:
    """Export, run the file with onnxruntime on noise, and compare.

    The file takes "images" (batch, 3, height, width), normalised as in training, for any batch, and gives "embeddings".

    Returns:
        The largest absolute difference between the embeddings of onnxruntime and of torch, both of unit length.

    Raises:
        RunError: it is above `TOLERANCE`, or the export failed; then there is no file.
    """
    exported = copy.deepcopy(model).cpu().eval()
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(COMPARED, 3, *image_size, generator=generator)
    try:
        with _quiet():
            torch.onnx.export(
                exported, (images[:2],), path, input_names=["images"], output_names=["embeddings"],
                dynamic_shapes=({0: torch.export.Dim("batch")},), dynamo=True, external_data=False, verbose=False,
            )  # fmt: skip
        difference = largest_difference(exported, images, path)
        if not difference <= TOLERANCE:
            raise RunError(f"{path} would give other embeddings than torch: off by {difference:.2g}, more than "
                           f"{TOLERANCE:g}.")  # fmt: skip
    except BaseException as error:
        path.unlink(missing_ok=True)
        if isinstance(error, RunError) or not isinstance(error, Exception):
            raise
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise RunError(f"the export to ONNX failed: {reason}") from error
    return difference


def largest_difference(model: nn.Module, images: Tensor, path: Path) -> float:
    """Between the unit embeddings of a model on the CPU and of an ONNX file."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"images": images.numpy()})
    with torch.inference_mode():
        expected = F.normalize(model(images)).numpy()
    unit = found / np.linalg.norm(found, axis=1, keepdims=True)
    return float(np.abs(unit - expected).max())


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the exporter's remarks on its own versions."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
