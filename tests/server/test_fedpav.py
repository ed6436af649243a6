"""FedPav's distillation: one model at a time, the step of SGD that the paper's idea gives, and steady statistics."""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Mapping

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from flwr.app import Message
from torch import Tensor, nn

from fedreid import wire
from fedreid.errors import RunError
from fedreid.evaluation import embed
from fedreid.models import build_backbone
from fedreid.models.flat import FlatArrays, flattened
from fedreid.models.sharing import copy_arrays, load_tensors, shared_tensors
from fedreid.scenario.method_schema import FedPavSettings
from fedreid.training import to_input
from fedreid.training.calibration import recalibrate_batchnorm
from fedreid.training.device import torch_threads
from server.strategies.fedavg import FedAvg
from server.strategies.fedpav import FedPavDistillation
from tests.server.replies import NODES, answer, play
from tests.training.made_up import MODEL, made_up_images

PUBLIC = made_up_images(identities=3, each=6)  # 18 images
Model = dict[str, np.ndarray]


def backbone(seed: int = 0) -> nn.Module:
    return build_backbone(MODEL, generator=torch.Generator().manual_seed(seed))


def strategy(batchnorm: str = "average", batch_size: int = 8, seed: int = 0, **settings: float) -> FedPavDistillation:
    chosen = FedPavSettings.model_validate({"distillation": True} | settings)
    return FedPavDistillation(
        backbone, PUBLIC, chosen, batchnorm=batchnorm, batch_size=batch_size, seed=seed, nodes=NODES
    )


def models(batchnorm: str = "average", count: int = 3) -> list[Model]:
    """Clients that went different ways from one start."""
    start = copy_arrays(shared_tensors(backbone(), batchnorm))
    rng = np.random.default_rng(1)
    return [{name: _moved(array, rng) for name, array in start.items()} for _ in range(count)]


def _moved(array: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return (array * rng.normal(1, 0.2 if array.ndim > 1 else 0.02, array.shape)).astype(np.float32)


def replies(clients: list[Model]) -> list[Message]:
    return [answer(model, client, images=1 + client) for client, model in enumerate(clients)]


def loaded(arrays: Mapping[str, np.ndarray]) -> nn.Module:
    model = backbone()
    load_tensors(shared_tensors(model, "average"), arrays)
    return model.eval()


def features(model: nn.Module) -> Tensor:
    return F.normalize(model(to_input(PUBLIC.batch(np.arange(len(PUBLIC))))))


def teacher(clients: list[Model]) -> Tensor:
    with torch.no_grad():
        return F.normalize(torch.stack([features(loaded(arrays)) for arrays in clients]).mean(0))


def distance(arrays: Mapping[str, np.ndarray], wanted: Tensor) -> float:
    with torch.no_grad():
        return (features(loaded(arrays)) - wanted).square().sum(1).mean().item()


def mean(clients: list[Model]) -> Model:
    return play(FedAvg(), clients[0], replies(clients))


def test_distillation_moves_the_mean_model_towards_what_clients_agree_on() -> None:
    clients = models()
    wanted = teacher(clients)
    found = play(strategy(distillation_epochs=3), clients[0], replies(clients))
    assert distance(found, wanted) < 0.6 * distance(mean(clients), wanted)


def test_one_batch_is_one_step_of_nesterov_sgd() -> None:
    """The first look-ahead step is rate * (1 + 0.9) * (gradient + 5e-4 * weights)."""
    clients = models()
    student = loaded(mean(clients))
    before = {name: tensor.detach().clone() for name, tensor in student.named_parameters()}
    (features(student) - teacher(clients)).square().sum(1).mean().backward()
    found = play(strategy(batch_size=64, distillation_learning_rate=0.01), clients[0], replies(clients))
    for name, parameter in student.named_parameters():
        assert parameter.grad is not None
        step = 0.01 * 1.9 * (parameter.grad + 5e-4 * before[name])
        np.testing.assert_allclose(found[name], (before[name] - step).numpy(), atol=2e-6, err_msg=name)
    assert any(parameter.grad.abs().max() > 1e-3 for parameter in student.parameters())  # type: ignore[union-attr]


def test_the_statistics_of_the_clients_people_stay() -> None:
    clients = models()
    found, plain = play(strategy(distillation_learning_rate=0.1), clients[0], replies(clients)), mean(clients)
    kept = [name for name in plain if name.endswith(("running_mean", "running_var"))]
    assert kept
    assert all(found[name].tobytes() == plain[name].tobytes() for name in kept)
    assert found["conv1.weight"].tobytes() != plain["conv1.weight"].tobytes()


def test_every_client_teaches_alike_whatever_its_weight() -> None:
    clients = models(count=2)
    server = strategy(batch_size=64, distillation_learning_rate=1e-12)
    seen: list[Tensor] = []
    server._distil = lambda wanted, _: seen.append(wanted) or 0.0  # type: ignore[method-assign,func-returns-value,assignment]
    play(server, clients[0], [answer(clients[0], 0, images=1), answer(clients[1], 1, images=1000)])
    np.testing.assert_allclose(seen[0].numpy(), teacher(clients).numpy(), atol=1e-6)


def test_the_result_depends_on_seed_and_round_only() -> None:
    clients = models(count=2)

    def distilled(seed: int, server_round: int, server: FedPavDistillation | None = None) -> bytes:
        server = server or strategy(seed=seed, batch_size=4)
        found = play(server, clients[0], replies(clients), server_round)
        return b"".join(found[name].tobytes() for name in found)

    used = strategy(seed=1, batch_size=4)
    distilled(1, 6, used)
    first = distilled(1, 7)
    assert distilled(1, 7) == first == distilled(1, 7, used)  # and a resumed run, with a new object, is the same
    assert len({first, distilled(1, 8), distilled(2, 7)}) == 3


@pytest.mark.parametrize("batchnorm", ["local", "statistics_local"])
def test_statistics_that_stay_with_clients_are_measured_on_the_public_images(batchnorm: str) -> None:
    clients = models(batchnorm)
    public = made_up_images(identities=8, each=16, height=32, width=16)
    server = FedPavDistillation(
        backbone, public, FedPavSettings(distillation_epochs=5), batchnorm=batchnorm, nodes=NODES
    )
    wanted = F.normalize(torch.from_numpy(np.mean([server.features(arrays) for arrays in clients], axis=0))).numpy()
    plain = mean(clients)
    found = play(server, clients[0], replies(clients))
    assert found.keys() == plain.keys()
    before, after = [np.square(server.features(arrays) - wanted).sum() for arrays in (plain, found)]
    assert after < 0.9 * before
    own = backbone()
    load_tensors(shared_tensors(own, batchnorm), plain)
    with torch_threads(1):  # the strategy's own number: another one sums in another order
        recalibrate_batchnorm(own, public, batch_size=256, device=torch.device("cpu"))
        expected = embed(own, public, batch_size=256, device="cpu")
    np.testing.assert_array_equal(server.features(plain), expected)


def test_arrays_beside_the_backbones_are_averaged() -> None:
    clients = [model | {"public_proxies": np.full((2, 3), 2.0 * i, np.float32)} for i, model in enumerate(models())]
    found = play(strategy(), clients[0], replies(clients))
    assert (found["public_proxies"] == np.float32((1 * 0 + 2 * 2 + 3 * 4) / 6)).all()


def test_a_model_in_one_block_stays_in_one_block() -> None:
    start = copy_arrays(flattened(shared_tensors(backbone(), "average")))
    assert isinstance(start, FlatArrays)
    question = answer(dict(start))
    record, _ = strategy().aggregate_train(1, [wire.reply(question, {wire.NUM_EXAMPLES: 1, "loss": 1.0}, start)])
    assert record is not None
    found = wire.to_arrays(record)
    assert isinstance(found, FlatArrays)
    assert found.layout == start.layout


def test_one_model_at_a_time_is_held() -> None:
    alive: list[int] = []

    def one_by_one() -> Iterator[Message]:
        given: list[weakref.ref[np.ndarray]] = []
        for client, arrays in enumerate(models(count=4)):
            array = arrays["conv1.weight"].copy()
            given.append(weakref.ref(array))
            one = answer(arrays | {"conv1.weight": array}, client)
            del array
            yield one
            del one
            alive.append(sum(reference() is not None for reference in given))

    strategy().aggregate_train(1, one_by_one())
    assert alive == [1] * 4


def test_a_rate_that_is_too_large_is_named() -> None:
    clients = models(count=1)
    with pytest.raises(RunError, match=r"diverged, .* lower\s+method.fedpav.distillation_learning_rate = 1e\+30"):
        play(strategy(distillation_learning_rate=1e30), clients[0], replies(clients))


def test_nobody_answered() -> None:
    assert strategy().aggregate_train(1, []) == (None, None)
