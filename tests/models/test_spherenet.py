"""SphereNets: the published size, the function they compute, and the settings that don't suit them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from torch import Tensor

from fedreid.errors import UserError
from fedreid.models import SphereNet, build_backbone
from fedreid.models.sharing import private_names, shared_tensors
from fedreid.models.spherenet import SphereBlock, SphereStage
from fedreid.scenario import load_scenario
from fedreid.scenario.schema import ModelSettings
from fedreid.scenario.unused import without_effect

SMALL = ModelSettings(backbone="spherenet20", width=0.125, embedding_dim=24)
SIZE = (32, 48)
PEOPLE = '[data]\nimage_size = [32, 32]\n[data.sources.people]\nformat = "synthetic"\n'


def images(count: int, size: tuple[int, int] = SIZE, seed: int = 0) -> Tensor:
    return torch.randn(count, 3, *size, generator=torch.Generator().manual_seed(seed))


def unlike_a_new_one(seed: int = 1) -> SphereNet:
    """A small network of which every tensor matters: biases and slopes too, and weights large enough in blocks."""
    model = build_backbone(SMALL, image_size=SIZE)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for tensor in model.parameters():
            spread = 0.3 if tensor.dim() == 1 else tensor[0].numel() ** -0.5
            tensor.copy_(spread * torch.randn(tensor.shape, generator=generator))
    return model


def test_64_layers_have_the_published_number_of_parameters() -> None:
    """By hand, for 112 x 112 images.

    3x3 weights of the convolutions that open stages: 9 * (3*64 + 64*128 + 128*256 + 256*512), and a bias each.
    3x3 weights of the blocks, two in each and without a bias: 9 * 2 * (3*64^2 + 7*128^2 + 16*256^2 + 3*512^2).
    One slope for each channel behind every convolution: 7*64 + 15*128 + 33*256 + 7*512.
    Fully connected: the 7 x 7 positions that 112 / 2^4 leaves, and a bias.
    """
    opening = 1_728 + 73_728 + 294_912 + 1_179_648 + 960
    blocks = 221_184 + 2_064_384 + 18_874_368 + 14_155_776
    slopes = 448 + 1_920 + 8_448 + 3_584
    head = 512 * 7 * 7 * 512 + 512
    assert opening + blocks + slopes + head == 49_726_656
    model = build_backbone(ModelSettings(backbone="spherenet64"), image_size=(112, 112))
    assert sum(parameter.numel() for parameter in model.parameters()) == 49_726_656
    assert not list(model.buffers())


def test_20_layers() -> None:
    """A convolution opens each of the 4 stages, and the 1 + 2 + 4 + 1 blocks have two each: 4 + 16."""
    model = build_backbone(SMALL.model_copy(update={"backbone": "spherenet20"}), image_size=SIZE)
    assert sum(isinstance(module, torch.nn.Conv2d) for module in model.modules()) == 20
    stages = (model.stage1, model.stage2, model.stage3, model.stage4)
    assert [len(stage.blocks) for stage in stages] == [1, 2, 4, 1]
    assert [stage.conv.out_channels for stage in stages] == [8, 16, 32, 64]


def test_a_block_by_hand() -> None:
    """Kernels with a centre only multiply: 3 -> -3 -> -1.5 -> -3 -> -0.75, and -4 -> 4 -> 4 -> 8 -> 8."""
    block = SphereBlock(1)
    with torch.no_grad():
        for convolution, centre in ((block.conv1, -1.0), (block.conv2, 2.0)):
            convolution.weight.zero_()[0, 0, 1, 1] = centre
        block.prelu1.weight.fill_(0.5)
        block.prelu2.weight.fill_(0.25)
    assert block(torch.tensor([[[[3.0, -4.0]]]])).tolist() == [[[[3 - 0.75, -4 + 8.0]]]]


def test_a_stage_keeps_every_other_pixel_by_hand() -> None:
    """Kernel centres fall on pixels 0 and 2 of 4; the bias comes before the slope: 2 x - 5, a tenth of it below 0."""
    stage = SphereStage(1, 1, depth=0)
    with torch.no_grad():
        stage.conv.weight.zero_()[0, 0, 1, 1] = 2.0
        stage.conv.bias.fill_(-5.0)
        stage.prelu.weight.fill_(0.1)
    found = stage(torch.arange(16.0).view(1, 1, 4, 4))
    torch.testing.assert_close(found, torch.tensor([[[[-0.5, -0.1], [11.0, 15.0]]]]))


def numpy_convolution(x: np.ndarray, weight: np.ndarray, stride: int = 1) -> np.ndarray:
    """(inputs, height, width) with a border of zeros, (outputs, inputs, 3, 3) -> (outputs, height, width) / stride."""
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(x, ((0, 0), (1, 1), (1, 1))), (3, 3), axis=(1, 2))
    return np.einsum("ihwkl,oikl->ohw", windows[:, ::stride, ::stride], weight)


def numpy_spherenet20(state: dict[str, np.ndarray], x: np.ndarray) -> np.ndarray:
    """One image, in float64."""

    def prelu(x: np.ndarray, name: str) -> np.ndarray:
        return np.maximum(x, 0) + state[f"{name}.weight"][:, None, None] * np.minimum(x, 0)

    for number, depth in enumerate((1, 2, 4, 1), start=1):
        stage = f"stage{number}"
        x = numpy_convolution(x, state[f"{stage}.conv.weight"], 2) + state[f"{stage}.conv.bias"][:, None, None]
        x = prelu(x, f"{stage}.prelu")
        for block in (f"{stage}.blocks.{index}" for index in range(depth)):
            inner = prelu(numpy_convolution(x, state[f"{block}.conv1.weight"]), f"{block}.prelu1")
            x = x + prelu(numpy_convolution(inner, state[f"{block}.conv2.weight"]), f"{block}.prelu2")
    return state["embedding.weight"] @ x.reshape(-1) + state["embedding.bias"]


def test_computes_what_numpy_does() -> None:
    model = unlike_a_new_one()
    state = {name: tensor.double().numpy() for name, tensor in model.state_dict().items()}
    batch = images(2)
    expected = np.stack([numpy_spherenet20(state, image) for image in batch.double().numpy()])
    np.testing.assert_allclose(model(batch).detach().numpy(), expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())


@pytest.mark.parametrize("backbone", ["spherenet20", "spherenet64"])
@pytest.mark.parametrize("size", [(16, 16), (32, 48), (112, 96)])
def test_images_become_signed_embeddings(backbone: str, size: tuple[int, int]) -> None:
    model = build_backbone(SMALL.model_copy(update={"backbone": backbone}), image_size=size)
    embeddings = model(images(6, size))
    assert embeddings.shape == (6, 24)
    assert model.embedding_dim == 24
    assert 0.3 < (embeddings > 0).float().mean() < 0.7


@given(st.integers(1, 6), st.integers(0, 2**16))
@hypothesis_settings(max_examples=15, deadline=None)
def test_an_image_has_one_embedding_whatever_the_batch_and_the_mode(count: int, seed: int) -> None:
    model, batch = unlike_a_new_one(), images(count, seed=seed)
    with torch.no_grad():
        together = model.train()(batch)
        alone = torch.cat([model.eval()(image[None]) for image in batch])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)


def test_starts_as_the_authors_networks_do() -> None:
    state = build_backbone(ModelSettings(backbone="spherenet20"), image_size=(32, 32)).state_dict()
    assert state["stage3.blocks.2.conv1.weight"].std().item() == pytest.approx(0.01, rel=0.01)
    # Glorot: uniform below sqrt(6 / (inputs + outputs)), each of them times the kernel's area.
    for name, fans in (("stage3.conv", (128 + 256) * 9), ("embedding", 512 * 2 * 2 + 512)):
        bound, weights = (6 / fans) ** 0.5, state[f"{name}.weight"]
        assert bound * 0.99 < weights.abs().max() <= bound
        assert weights.std().item() == pytest.approx(bound / 3**0.5, rel=0.01)
        assert torch.all(state[f"{name}.bias"] == 0)
    slopes = [tensor for name, tensor in state.items() if "prelu" in name]
    assert len(slopes) == 20
    assert all(torch.all(slope == 0.25) for slope in slopes)


def test_weights_come_from_the_generator_only() -> None:
    before = torch.random.get_rng_state()
    first, again, other = (
        build_backbone(SMALL, image_size=SIZE, generator=torch.Generator().manual_seed(seed)).state_dict()
        for seed in (7, 7, 8)
    )
    assert torch.equal(torch.random.get_rng_state(), before)
    assert all(torch.equal(first[name], again[name]) for name in first)
    different = {name for name in first if not torch.equal(first[name], other[name])}
    assert different == {name for name in first if name.endswith("weight") and "prelu" not in name}


def test_a_state_dict_makes_the_same_network_again() -> None:
    source, copy = unlike_a_new_one(), build_backbone(SMALL, image_size=SIZE)
    assert not torch.equal(source(images(2)), copy(images(2)))
    copy.load_state_dict(source.state_dict())
    assert torch.equal(source(images(2)), copy(images(2)))


def test_every_parameter_learns() -> None:
    model = unlike_a_new_one()
    model(images(4)).square().sum().backward()
    assert [name for name, parameter in model.named_parameters() if not parameter.grad.abs().sum() > 0] == []


def test_trains_in_bfloat16() -> None:
    model, batch = unlike_a_new_one(), images(4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = model(batch)
    expected = model(batch)
    assert found.dtype == torch.bfloat16
    assert (found - expected).norm() < 0.05 * expected.norm()
    found.float().square().sum().backward()
    assert all(parameter.grad.dtype == torch.float32 for parameter in model.parameters())


def test_convolutions_are_channels_last() -> None:
    weight = build_backbone(SMALL, image_size=SIZE).get_parameter("stage2.blocks.0.conv1.weight")
    assert weight.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("size", [(0, 16), (40, 32), (32, 24), (8, 8)])
def test_other_image_sizes_are_refused(size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=rf"multiples of 16, found {size[0]} x {size[1]}"):
        build_backbone(SMALL, image_size=size)


def test_images_of_another_size_are_refused() -> None:
    with pytest.raises(ValueError, match="for images of 32 x 48, found 48 x 32"):
        build_backbone(SMALL, image_size=SIZE)(images(2, (48, 32)))


def test_a_size_is_needed() -> None:
    with pytest.raises(ValueError, match="spherenet20 is made for one image size"):
        build_backbone(SMALL)


@pytest.mark.parametrize("policy", ["average", "local", "statistics_local"])
def test_everything_travels_whatever_the_batchnorm_policy(policy: str) -> None:
    model = build_backbone(SMALL, image_size=SIZE)
    assert shared_tensors(model, policy).keys() == model.state_dict().keys()


def test_the_default_private_layers_are_the_head() -> None:
    """FedPer's `embedding` and `embedding_bn`, as for a ResNet."""
    model = build_backbone(SMALL, image_size=SIZE)
    names = private_names(model, "average", ["embedding", "embedding_bn"])
    assert names == {"embedding.weight", "embedding.bias"}


def scenario_file(folder: Path) -> Path:
    path = folder / "faces.toml"
    path.write_text(PEOPLE)
    return path


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        (
            ["data.image_size=[100, 112]"],
            "data.image_size = [100, 112] doesn't suit model.backbone = 'spherenet64', which halves height and width "
            "four times: use multiples of 16, as in [96, 112]",
        ),
        (["data.image_size=[64, 23]"], "use multiples of 16, as in [64, 16]"),
        (["data.image_size=[8, 16]", "augment.crop_padding=0"], "data.image_size = [8, 16] is too small"),
        (["method.name=fedbn"], "method.name = 'fedbn' keeps BatchNorm with the clients, but model.backbone"),
        (["federation.batchnorm=local"], "federation.batchnorm = 'local' keeps BatchNorm with the clients, but"),
        (["federation.batchnorm=statistics_local"], "'spherenet64' has no BatchNorm: use 'average'"),
        (
            ["method.name=fedrep", 'method.fedper.layers=["embedding_bn"]'],
            "keeps nothing private, since model.backbone",
        ),
    ],
)
def test_settings_that_do_not_suit_are_refused(tmp_path: Path, overrides: list[str], says: str) -> None:
    path = scenario_file(tmp_path)
    with pytest.raises(UserError) as caught:
        load_scenario(path, ["model.backbone=spherenet64", *overrides])
    (line,) = str(caught.value).splitlines()
    assert says in line


def test_they_suit_a_resnet(tmp_path: Path) -> None:
    path = scenario_file(tmp_path)
    load_scenario(path, ["data.image_size=[100, 50]", "method.name=fedbn"])
    load_scenario(path, ["federation.batchnorm=local", "method.name=fedper", 'method.fedper.layers=["embedding_bn"]'])


def test_what_a_spherenet_reads_is_allowed(tmp_path: Path) -> None:
    overrides = ["model.backbone=spherenet20", "data.image_size=[112, 96]", "method.name=fedper"]
    assert without_effect(load_scenario(scenario_file(tmp_path), overrides).scenario) == []


def test_settings_of_a_resnet_are_without_effect(tmp_path: Path) -> None:
    overrides = ["model.stem=small", "model.last_stride=2"]
    path = scenario_file(tmp_path)
    assert without_effect(load_scenario(path, overrides).scenario) == []
    assert without_effect(load_scenario(path, [*overrides, "model.backbone=spherenet20"]).scenario) == [
        "model.stem = 'small' has no effect: model.backbone = 'spherenet20'",
        "model.last_stride = 2 has no effect: model.backbone = 'spherenet20'",
    ]
