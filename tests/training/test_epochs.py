"""Training: against a plain PyTorch loop, reproducible to the bit, and loud when it diverges."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from fedreid.data.augment import augment
from fedreid.losses import cosface
from fedreid.models import build_backbone
from fedreid.scenario.schema import AugmentSettings, LossSettings
from fedreid.training import Classification, TrainingDiverged, TrainingStats, to_input, train_epochs
from fedreid.training.epochs import batch_bounds
from tests.training.made_up import MODEL, made_up_images

LOSS, AUGMENT = LossSettings(), AugmentSettings(crop_padding=1)


def new_model(seed: int = 0, identities: int = 4) -> tuple[nn.Module, nn.Parameter]:
    proxies = 0.01 * torch.randn(identities, MODEL.embedding_dim, generator=torch.Generator().manual_seed(seed))
    return build_backbone(MODEL, generator=torch.Generator().manual_seed(seed)), nn.Parameter(proxies)


def train(model, proxies, images=None, **changes) -> TrainingStats:
    settings = {
        "epochs": 2, "batch_size": 8, "learning_rate": 0.05, "momentum": 0.9, "weight_decay": 5e-4,
        "augment": AUGMENT, "generator": np.random.default_rng(3), "device": "cpu",
    }  # fmt: skip
    return train_epochs(model, Classification(LOSS, proxies), images or made_up_images(), **(settings | changes))


def states(model: nn.Module, proxies: nn.Parameter) -> list[torch.Tensor]:
    return [tensor.clone() for tensor in (*model.state_dict().values(), proxies.detach())]


def linear_model() -> tuple[nn.Module, nn.Parameter]:
    """Without BatchNorm, whose tiny batches would blow up differences in the last bits."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(16 * 8 * 3, MODEL.embedding_dim))
    nn.init.normal_(model[1].weight, std=0.05, generator=torch.Generator().manual_seed(1))
    nn.init.zeros_(model[1].bias)
    return model, new_model()[1]


def test_does_the_same_as_a_plain_loop():
    """SGD written out: v <- momentum v + (gradient + decay w), w <- w - rate v; over model and proxies."""
    images, generator = made_up_images(each=5), np.random.default_rng(3)  # 20 images: 6 + 7 + 7
    (model, proxies), (other, other_proxies) = linear_model(), linear_model()
    parameters = [*model.parameters(), proxies]
    velocity = [torch.zeros_like(parameter) for parameter in parameters]
    losses: list[float] = []
    model.train()
    for _ in range(2):
        order = generator.permutation(20)
        for start, end in ((0, 6), (6, 13), (13, 20)):
            chosen = order[start:end]
            batch = to_input(augment(images.batch(chosen), AUGMENT, generator))
            loss = cosface(model(batch), proxies, torch.from_numpy(images.labels[chosen]))
            losses.append(loss.item() * len(chosen))
            gradients = torch.autograd.grad(loss, parameters)
            with torch.no_grad():
                for weight, speed, gradient in zip(parameters, velocity, gradients, strict=True):
                    speed.mul_(0.9).add_(gradient + 5e-4 * weight)
                    weight -= 0.05 * speed
    stats = train(other, other_proxies, images)
    assert stats.steps == 6
    assert stats.images == 40
    assert stats.loss == pytest.approx(sum(losses[3:]) / 20, rel=1e-5)
    for expected, found in zip(states(model, proxies), states(other, other_proxies), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)


def test_learns_to_tell_people_apart():
    model, proxies = new_model()
    before = train(model, proxies, epochs=1)
    after = train(model, proxies, epochs=15)
    assert after.accuracy > 0.9 > before.accuracy
    assert after.loss < before.loss / 4
    assert after.seconds > before.seconds > 0


def test_is_the_same_to_the_bit_from_the_same_generator():
    found = []
    for seed in (3, 3, 4):
        model, proxies = new_model()
        train(model, proxies, generator=np.random.default_rng(seed))
        found.append(states(model, proxies))
    first, again, other = found
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[0], other[0])


def test_draws_nothing_from_global_streams():
    torch_before, numpy_before = torch.random.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    train(*new_model())
    assert torch.equal(torch.random.get_rng_state(), torch_before)
    assert (np.random.get_state()[1] == numpy_before).all()  # noqa: NPY002


def test_momentum_does_not_outlive_a_call():
    """Without momentum of the first call, a second one with a rate of almost zero leaves weights where they are."""
    model, proxies = new_model()
    train(model, proxies)
    before = states(model, proxies)[0]
    train(model, proxies, learning_rate=1e-12, epochs=1)
    torch.testing.assert_close(states(model, proxies)[0], before, rtol=0, atol=1e-7)
    assert all(parameter.grad is None for parameter in (*model.parameters(), proxies))


def test_schedule_scales_the_rate_step_by_step():
    asked = []

    def schedule(step: int, steps: int) -> float:
        asked.append((step, steps))
        return 0.5

    halved, plain = new_model(), new_model()
    train(*halved, schedule=schedule)
    train(*plain, learning_rate=0.025)
    assert asked == [(step, 6) for step in range(6)]
    assert all(torch.equal(a, b) for a, b in zip(states(*halved), states(*plain), strict=True))


def test_tells_each_step():
    told: list[tuple[int, int]] = []
    train(*new_model(), on_step=lambda done, steps: told.append((done, steps)))
    assert told == [(step, 6) for step in range(1, 7)]


@pytest.mark.parametrize(
    ("images", "batch_size", "expected"),
    [
        (10, 4, [(0, 3), (3, 6), (6, 10)]),
        (9, 4, [(0, 3), (3, 6), (6, 9)]),  # not 4 + 4 + 1: BatchNorm can't train on a single image
        (34, 32, [(0, 17), (17, 34)]),  # and two of them make bad statistics
        (8, 4, [(0, 4), (4, 8)]),
        (3, 4, [(0, 3)]),
        (3, 2, [(0, 3)]),  # rather one too many than one alone
        (1, 4, [(0, 1)]),  # nothing else is there
    ],
)
def test_batches_are_equal_but_for_one_image(images, batch_size, expected):
    assert batch_bounds(images, batch_size) == expected


@given(st.integers(1, 500), st.integers(2, 70))
def test_batches_hold_every_image_once(images, batch_size):
    bounds = batch_bounds(images, batch_size)
    sizes = [end - start for start, end in bounds]
    assert [row for start, end in bounds for row in range(start, end)] == list(range(images))
    assert max(sizes) - min(sizes) <= 1
    assert min(sizes) >= min(2, images)
    assert max(sizes) <= max(batch_size, 3)


def test_counts_only_images_it_trained_on():
    stats = train(*new_model(identities=3), made_up_images(identities=3, each=3), epochs=3)
    assert (stats.steps, stats.images) == (3 * 2, 27)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_divergence_stops_at_the_step_it_happens(bad):
    model, proxies = new_model()

    def break_the_model(done: int, steps: int) -> None:
        if done == 3:
            with torch.no_grad():
                model.embedding.weight.fill_(bad)

    with pytest.raises(TrainingDiverged, match=r"loss is nan \(step 4\)") as caught:
        train(model, proxies, on_step=break_the_model)
    assert caught.value.step == 4
    assert not np.isfinite(caught.value.loss)
    again = pickle.loads(pickle.dumps(caught.value))  # as it crosses between processes
    assert (again.step, str(again)) == (4, str(caught.value))


def test_bf16_runs_the_network_in_low_precision_only():
    seen = []
    model, proxies = new_model()
    model.layer1.register_forward_hook(lambda module, inputs, output: seen.append(output.dtype))
    stats = train(model, proxies, bf16=True, epochs=20)
    assert set(seen) == {torch.bfloat16}
    assert {tensor.dtype for tensor in model.parameters()} == {torch.float32}
    assert stats.loss < 10


def test_refuses_no_epochs():
    with pytest.raises(ValueError, match="at least 1, found 0"):
        train(*new_model(), epochs=0)


@pytest.mark.parametrize(
    ("images", "identities", "message"),
    [(made_up_images(identities=1), 1, "at least 2 identities"), (made_up_images(), 3, "3 proxies for 4 identities")],
)
def test_refuses(images, identities, message):
    with pytest.raises(ValueError, match=message):
        train(*new_model(identities=identities), images)


def test_a_training_that_diverged_leaves_no_gradients_in_the_resident_model():
    model, proxies = new_model()
    with pytest.raises(TrainingDiverged):
        train(model, nn.Parameter(torch.full_like(proxies, float("nan"))))
    assert all(parameter.grad is None for parameter in model.parameters())
