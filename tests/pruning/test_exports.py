"""A pruned network outside fedreid: in plain torch, and as ONNX."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from fedreid.compression import onnx_export, plain_network
from fedreid.compression.onnx_export import NEEDED, largest_difference, refuse_missing, write_onnx
from fedreid.errors import RunError, UserError
from fedreid.pruning import architecture_of, groups_of, narrowed
from tests.pruning.networks import backbone, random_map, with_statistics

missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
needs_onnx = pytest.mark.skipif(bool(missing), reason=f"{', '.join(missing)} not installed (extra `pruning`)")
NETWORKS = [
    ("resnet10", {"stem": "small", "last_stride": 2}),
    ("resnet18", {"stem": "imagenet", "last_stride": 1}),
    ("resnet50", {"stem": "small", "last_stride": 1}),
    ("spherenet20", {}),
]


def half_of(name: str, **others: object) -> nn.Module:
    """A network that lost about half its channels at random, with statistics as after training."""
    whole = with_statistics(backbone(name, **others))
    groups = groups_of(whole)
    return narrowed(whole, groups, random_map(groups, architecture_of(whole)))


def images(count: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(count, 3, 32, 32, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("name", "others"), NETWORKS)
def test_the_plain_network_computes_the_same(name: str, others: dict[str, object], tmp_path: Path) -> None:
    model = half_of(name, **others)
    network = {"stem": "imagenet", "last_stride": 1} | others | {"backbone": name}
    tensors = {key: tensor.contiguous() for key, tensor in model.state_dict().items()}
    save_file(tensors, tmp_path / "model.safetensors", {"network": json.dumps(network)})
    with torch.inference_mode():
        found, expected = plain_network.load(str(tmp_path / "model.safetensors"))(images(3)), model(images(3))
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4 * float(expected.abs().max()))


def test_it_normalises_as_training_does() -> None:
    from fedreid.training import to_input

    pixels = np.random.default_rng(0).integers(0, 256, (2, 8, 4, 3), dtype=np.uint8)
    torch.testing.assert_close(plain_network.normalised(torch.from_numpy(pixels)), to_input(pixels))


@needs_onnx
@pytest.mark.parametrize(("name", "others"), [NETWORKS[0], NETWORKS[3]])
def test_onnxruntime_gives_the_embeddings_of_torch_for_any_batch(
    name: str, others: dict[str, object], tmp_path: Path
) -> None:
    import onnx
    import onnxruntime

    model, path = half_of(name, **others), tmp_path / "model.onnx"
    assert write_onnx(model, (32, 32), path) <= 1e-4
    onnx.checker.check_model(path)
    assert list(tmp_path.iterdir()) == [path], "the weights are in the one file"
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    for count in (1, 5):
        (found,) = session.run(["embeddings"], {"images": images(count, seed=1).numpy()})
        with torch.inference_mode():
            expected = model.eval()(images(count, seed=1))
        cosines = torch.nn.functional.cosine_similarity(torch.from_numpy(found), expected)
        assert cosines.min() > 1 - 1e-6


@needs_onnx
def test_a_file_that_differs_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, path = half_of(*NETWORKS[0][:1], **NETWORKS[0][1]), tmp_path / "model.onnx"
    write_onnx(model, (32, 32), path)
    with torch.no_grad():
        model.get_parameter("embedding.weight")[0] *= 3
    assert largest_difference(model, images(4), path) > onnx_export.TOLERANCE
    monkeypatch.setattr(onnx_export, "largest_difference", lambda *_: 0.02)
    monkeypatch.setattr(torch.onnx, "export", lambda *_, **__: None)
    with pytest.raises(RunError, match=r"would give other embeddings than torch: off by 0\.02, more than 0\.0001"):
        write_onnx(model, (32, 32), path)


@needs_onnx
def test_an_export_that_stumbles_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stumble(model: nn.Module, arguments: object, path: Path, **others: object) -> None:
        path.write_text("half a fi")
        raise TypeError("the exporter's reason\nand where")

    monkeypatch.setattr(torch.onnx, "export", stumble)
    with pytest.raises(RunError, match=r"the export to ONNX failed: the exporter's reason$"):
        write_onnx(half_of("resnet10"), (32, 32), tmp_path / "model.onnx")
    assert list(tmp_path.iterdir()) == []


def test_missing_packages_are_named_with_the_command_that_brings_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "onnxruntime" else object())
    with pytest.raises(UserError, match=r"needs onnxruntime, which is not installed.\n.*fedreid\[pruning\].*--no-onnx"):
        refuse_missing()
