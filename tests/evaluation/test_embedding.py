"""Embeddings of a set: unit length, in order, in evaluation mode."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fedreid.evaluation import embed
from fedreid.models import build_backbone
from fedreid.training import to_input
from tests.training.made_up import MODEL, made_up_images


def test_agrees_with_the_network_in_evaluation_mode():
    model, images = build_backbone(MODEL), made_up_images()
    found = embed(model, images, batch_size=7, device="cpu")
    model.eval()
    with torch.no_grad():
        whole = model(to_input(images.batch(np.arange(len(images))))).numpy()
    np.testing.assert_allclose(found, whole / np.linalg.norm(whole, axis=1, keepdims=True), atol=1e-5)
    assert found.dtype == np.float32
    assert found.shape == (len(images), MODEL.embedding_dim)


@pytest.mark.parametrize("training", [True, False])
def test_leaves_the_model_as_it_was(training):
    model = build_backbone(MODEL).train(training)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    embed(model, made_up_images(), batch_size=8, device="cpu")
    assert model.training is training
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_leaves_the_model_as_it_was_after_a_failure():
    model = build_backbone(MODEL).train()
    model.layer4.register_forward_hook(lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        embed(model, made_up_images(), batch_size=8, device="cpu")
    assert model.training


def test_what_it_returns_can_be_written_to():
    found = embed(build_backbone(MODEL), made_up_images(), batch_size=8, device="cpu")
    found[0] = 0
