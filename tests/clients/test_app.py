"""Real clients of the tiny federation, asked one by one: what they send, what they keep, what they start from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from flwr.app import Message
from safetensors.torch import load_file, save_file

from clients.app import app
from clients.client import Client
from clients.methods import METHODS
from clients.workspace import Workspace, workspace
from fedreid import wire
from fedreid.errors import UserError
from fedreid.models.sharing import copy_arrays
from tests.messages import CLIENTS, context, instruction, message

NewRun = Callable[..., Path]
IDENTITIES, DIM = 3, 16  # K_i and the embedding's dimension in the tiny scenario


def start_of(run_dir: Path) -> dict[str, np.ndarray]:
    """The arrays that the server sends in round 1."""
    names = list(workspace(str(run_dir)).shared)
    start = load_file(run_dir / "start.safetensors")
    return {name: start[name].numpy() for name in names}


def train(run_dir: Path, arrays: Mapping[str, np.ndarray], client: int = 0, **options: object) -> Message:
    answer = app(instruction(run_dir, arrays, client=client, **options), context(client))  # type: ignore[arg-type]
    assert not answer.has_error()
    return answer


def state_of(run_dir: Path, client: int, server_round: int) -> Path:
    return run_dir / "checkpoints" / "clients" / f"{client:04d}" / f"round-{server_round:04d}.safetensors"


@pytest.fixture
def started_from(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, torch.Tensor]]:
    """What each client had when its training began: its private tensors and its model's."""
    seen: list[dict[str, torch.Tensor]] = []
    method = METHODS["fedavg"]

    def watched(client: Client, epochs: int | None = None):  # type: ignore[no-untyped-def]
        model = {name: tensor.detach().clone() for name, tensor in client.model.state_dict().items()}
        seen.append(model | {"proxies": client.proxies().detach().clone()})
        return method(client, epochs)

    monkeypatch.setitem(METHODS, "fedavg", watched)
    monkeypatch.setattr("clients.app.fedavg", watched)
    return seen


def test_a_client_says_who_it_is(new_run: NewRun) -> None:
    question = message(wire.instruction(None, str(new_run()), 0), "query", client=2)
    assert wire.metrics_of(app(question, context(2))) == {wire.CLIENT: 2}


def test_a_round_sends_the_model_and_numbers_and_keeps_the_proxies(new_run: NewRun) -> None:
    run_dir = new_run()
    arrays = start_of(run_dir)
    answer = train(run_dir, arrays)
    update = wire.arrays_of(answer)
    assert {name: array.shape for name, array in update.items()} == {name: a.shape for name, a in arrays.items()}
    assert any((update[name] != arrays[name]).any() for name in arrays), "it was trained"
    assert not any(array.shape[:1] == (IDENTITIES,) for array in update.values()), "nothing has a row per identity"
    assert set(answer.content) == {wire.ARRAYS, wire.METRICS}
    assert load_file(state_of(run_dir, 0, 1))["proxies"].shape == (IDENTITIES, DIM)


def test_the_numbers_of_a_round(new_run: NewRun) -> None:
    """3 identities of 6 images, 40 % of each held out (2.4, rounded to 2): 12 images, in batches of 8."""
    run_dir = new_run("method.epochs=3")
    metrics = wire.metrics_of(train(run_dir, start_of(run_dir), evaluate=True))
    assert (metrics["num-examples"], metrics["images"], metrics["steps"]) == (12, 36, 6)
    assert (metrics["queries"], metrics["skipped"]) == (6, 0)
    assert 0 < metrics["mAP"] <= 100
    assert "mAP" not in wire.metrics_of(train(run_dir, start_of(run_dir), evaluate=False))


def test_a_round_tells_how_far_the_sent_weights_moved(new_run: NewRun) -> None:
    run_dir = new_run()
    arrays = start_of(run_dir)
    answer = train(run_dir, arrays)
    learnt = [name for name in arrays if not name.endswith(("running_mean", "running_var"))]
    now, then = (np.concatenate([each[name].ravel() for name in learnt]) for each in (wire.arrays_of(answer), arrays))
    expected = 100 * np.linalg.norm(now.astype(float) - then) / np.linalg.norm(then.astype(float))
    assert wire.metrics_of(answer)[wire.UPDATE_NORM] == pytest.approx(expected, rel=1e-5)


def test_an_evaluated_model_is_the_one_that_was_sent_and_nothing_is_kept(new_run: NewRun) -> None:
    run_dir = new_run()
    answer = train(run_dir, start_of(run_dir), message_type="evaluate")
    assert wire.ARRAYS not in answer.content
    assert not (run_dir / "checkpoints").exists()
    other = {name: np.zeros_like(array) for name, array in start_of(run_dir).items()}
    blind = wire.metrics_of(train(run_dir, other, message_type="evaluate"))
    assert blind["mAP"] != wire.metrics_of(answer)["mAP"], "a model of zeros can't tell anybody apart"


def test_proxies_persist_from_round_to_round(new_run: NewRun, started_from: list[dict[str, torch.Tensor]]) -> None:
    run_dir = new_run()
    arrays = start_of(run_dir)
    train(run_dir, arrays)
    train(run_dir, arrays, client=1)
    train(run_dir, arrays, server_round=2)
    first, other, second = (seen["proxies"] for seen in started_from)
    assert first.abs().max() < 0.1, "drawn from N(0, 0.01^2)"
    assert not torch.equal(first, other)
    assert torch.equal(second, load_file(state_of(run_dir, 0, 1))["proxies"])
    assert not torch.equal(second, first)


def test_nothing_but_the_proxies_crosses_from_round_to_round(new_run: NewRun) -> None:
    """Momentum least of all: with the first round's proxies put back, the same round gives the same bits."""
    run_dir = new_run("augment.flip=false", "augment.crop_padding=0", "method.batch_size=12")
    arrays = start_of(run_dir)
    marked = {"proxies": torch.eye(IDENTITIES, DIM)}
    updates = []
    for client in (0, 1, 0):  # another client in between, on the same resident model
        for server_round in (1, 2):
            path = state_of(run_dir, client, server_round - 1)
            path.parent.mkdir(parents=True, exist_ok=True)
            save_file(marked, path)
            updates.append(wire.arrays_of(train(run_dir, arrays, client=client, server_round=server_round)))
    for first, second in ((updates[0], updates[4]), (updates[1], updates[5])):
        assert all(np.array_equal(first[name], second[name]) for name in arrays)
    assert set(load_file(state_of(run_dir, 0, 2))) == {"proxies"}


@pytest.mark.parametrize(
    ("policy", "private"),
    [
        ("local", {"weight", "bias", "running_mean", "running_var"}),
        ("statistics_local", {"running_mean", "running_var"}),
    ],
)
def test_local_batchnorm_stays_private_and_persists(
    policy: str, private: set[str], new_run: NewRun, started_from: list[dict[str, torch.Tensor]]
) -> None:
    run_dir = new_run(f"federation.batchnorm={policy}")
    arrays = start_of(run_dir)
    assert not any(name.startswith("bn1.") and name.split(".")[1] in private for name in arrays)
    update = wire.arrays_of(train(run_dir, arrays))
    assert update.keys() == arrays.keys()
    kept = load_file(state_of(run_dir, 0, 1))
    assert {name.split(".")[1] for name in kept if name.startswith("bn1.")} == private
    start = load_file(run_dir / "start.safetensors")
    train(run_dir, arrays, client=1)
    train(run_dir, arrays, server_round=2)
    zeroth, other, second = started_from
    for name in (each for each in kept if each != "proxies"):
        assert torch.equal(zeroth[name], start[name]), "nobody has one of its own in its first round"
        assert torch.equal(other[name], start[name]), "nor does it get another client's"
        assert torch.equal(second[name], kept[name])
    assert not torch.equal(kept["bn1.running_mean"], start["bn1.running_mean"])
    for name in arrays:
        assert np.array_equal(second[name].numpy(), arrays[name]), "what is shared comes from the server"


def test_training_alone_starts_from_the_model_without_private_state_and_sends_no_model(
    new_run: NewRun, started_from: list[dict[str, torch.Tensor]]
) -> None:
    """For as many epochs as in the federation on average: 4 rounds of 2 epochs, 2 of 3 clients in each: 5.33."""
    run_dir = new_run("federation.rounds=4", "federation.fraction=0.5", "method.epochs=2")
    arrays = start_of(run_dir)
    train(run_dir, arrays)
    before = state_of(run_dir, 0, 1).read_bytes()
    answer = train(run_dir, arrays, server_round=0, message_type=wire.LOCAL_ONLY)
    assert torch.equal(started_from[1]["proxies"], started_from[0]["proxies"])
    metrics = wire.metrics_of(answer)
    assert metrics["images"] == 12 * 5
    assert {"mAP", "generic:mAP:tiny", "generic:rank1:tiny"} <= metrics.keys()
    assert wire.ARRAYS not in answer.content
    assert state_of(run_dir, 0, 1).read_bytes() == before
    assert len(list(state_of(run_dir, 0, 1).parent.iterdir())) == 1


def test_random_numbers_depend_on_seed_purpose_client_and_round_only(new_run: NewRun) -> None:
    space = Workspace(new_run())
    draw = {
        (purpose, index, server_round): Client(index, server_round, space, space.model, {}).generator(purpose).random()
        for purpose in (1, 2)
        for index in range(CLIENTS)
        for server_round in (1, 2)
    }
    assert len(set(draw.values())) == len(draw)
    again = Client(2, 1, space, space.model, {}).generator(1).random()
    assert again == draw[1, 2, 1] == np.random.default_rng([0, 1, 2, 1]).random()


def test_a_run_folder_that_is_not_here_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=f"the run folder {tmp_path}/nowhere is not here. Put it on a file system"):
        Workspace(tmp_path / "nowhere")


def test_a_received_model_of_another_shape_is_refused(new_run: NewRun) -> None:
    run_dir = new_run()
    arrays = start_of(run_dir)
    with pytest.raises(ValueError, match=r"array conv1.weight: received shape \(1,\), expected \(8, 3, 3, 3\)"):
        app(instruction(run_dir, arrays | {"conv1.weight": np.zeros(1, np.float32)}), context())


def test_a_process_keeps_one_resident_model(new_run: NewRun) -> None:
    first, second = str(new_run()), str(new_run(name="other"))
    space = workspace(first)
    model = space.model
    space.receive(copy_arrays(space.shared), {})
    assert workspace(first).model is model
    assert workspace(second) is not space
