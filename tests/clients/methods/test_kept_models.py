"""Models in the private state: whole, in memory of their own, and only under their own prefix."""

from __future__ import annotations

from pathlib import Path

import torch

from clients.methods.kept_models import PERSONAL, PREVIOUS, floats, kept, load_kept
from clients.state import PrivateState
from fedreid.models import build_backbone
from tests.training.made_up import MODEL


def network(seed: int) -> torch.nn.Module:
    return build_backbone(MODEL, generator=torch.Generator().manual_seed(seed))


def test_a_model_comes_back_from_the_file_bit_for_bit(tmp_path: Path) -> None:
    """Channels-last weights and running statistics included."""
    first, second = network(1), network(2)
    first.train()(torch.randn(4, 3, 16, 8, generator=torch.Generator().manual_seed(0)))
    state = kept(first, PREVIOUS)
    assert not any(name.endswith("num_batches_tracked") for name in state)
    PrivateState(tmp_path, 0).save(1, state)
    assert load_kept(second, PREVIOUS, PrivateState(tmp_path, 0).load(2))
    assert floats(first).keys() == floats(second).keys()
    assert all(torch.equal(floats(second)[name], tensor) for name, tensor in floats(first).items())


def test_what_is_kept_does_not_change_with_the_model() -> None:
    model = network(1)
    state = kept(model, PERSONAL)
    before = state["personal.conv1.weight"].clone()
    with torch.no_grad():
        model.conv1.weight.zero_()  # type: ignore[union-attr,operator]
    assert torch.equal(state["personal.conv1.weight"], before)


def test_a_model_under_another_prefix_is_not_taken() -> None:
    model = network(1)
    before = {name: tensor.clone() for name, tensor in floats(model).items()}
    assert not load_kept(model, PERSONAL, kept(network(2), PREVIOUS) | {"proxies": torch.ones(3, 4)})
    assert all(torch.equal(floats(model)[name], tensor) for name, tensor in before.items())
