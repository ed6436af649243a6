"""Both engines give the same replies in the same order, whatever their clients do."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import ray
from flwr.app import ConfigRecord, Message, RecordDict

from fedreid import wire
from fedreid.errors import UserError
from fedreid.models.flat import FlatArrays, Layout
from fedreid.progress import Progress
from fedreid.scenario.method_schema import FedFaceSettings
from fedreid.simulation.allocator import jemalloc
from fedreid.simulation.grid import LocalGrid
from fedreid.simulation.ray_grid import RayGrid
from fedreid.simulation.serial import SerialGrid
from server.nodes import cause_of, discover
from server.strategies.fedface import FedFace
from tests.simulation.toy import app

CLIENTS = 7


@pytest.fixture(scope="module")
def ray_grid() -> Iterator[LocalGrid]:
    with RayGrid("tests.simulation.toy:app", CLIENTS, workers=2) as grid:
        yield grid


@pytest.fixture(params=["serial", "ray"])
def grid(request: pytest.FixtureRequest) -> LocalGrid:
    if request.param == "serial":
        return SerialGrid(app, CLIENTS)
    return request.getfixturevalue("ray_grid")


def messages(grid: LocalGrid, **config: object) -> list[Message]:
    arrays = wire.to_record({"weight": np.arange(6, dtype=np.float32).reshape(2, 3)})
    content = RecordDict({wire.ARRAYS: arrays, wire.CONFIG: ConfigRecord(config)})  # type: ignore[arg-type]
    return [Message(content, dst_node_id=node, message_type="train") for node in grid.get_node_ids()]


def weights(replies: list[Message]) -> list[np.ndarray]:
    return [answer.content[wire.ARRAYS]["weight"].numpy() for answer in replies]


def test_replies_come_in_message_order_though_the_first_client_is_the_slowest(grid: LocalGrid) -> None:
    replies = list(grid.send_and_receive(messages(grid, slow=0)))
    assert [answer.metadata.src_node_id for answer in replies] == list(grid.get_node_ids())
    base = np.arange(6, dtype=np.float32).reshape(2, 3)
    for client, weight in enumerate(weights(replies)):
        np.testing.assert_array_equal(weight, base + client + 1)


def test_a_client_that_fails_gives_an_error_with_its_cause_and_the_others_go_on(grid: LocalGrid) -> None:
    replies = list(grid.send_and_receive(messages(grid, fails=2)))
    assert [answer.has_error() for answer in replies] == [client == 2 for client in range(CLIENTS)]
    assert cause_of(replies[2]) == "ValueError: loss is nan (step 3)"


def test_a_private_array_does_not_leave_its_client(grid: LocalGrid) -> None:
    replies = list(grid.send_and_receive(messages(grid, leaks=1)))
    assert replies[1].has_error()
    assert "proxies" in cause_of(replies[1])
    assert "must not leave the client" in cause_of(replies[1])


def test_nodes_tell_which_client_they_play(grid: LocalGrid) -> None:
    nodes = discover(grid, "unused", CLIENTS)
    assert list(nodes) == list(range(CLIENTS))
    assert list(nodes.values()) == list(grid.get_node_ids())


def test_pushed_messages_are_answered_when_they_are_pulled(grid: LocalGrid) -> None:
    ids = list(grid.push_messages(messages(grid)[:2]))
    replies = list(grid.pull_messages(ids[1:]))
    assert [answer.metadata.reply_to_message_id for answer in replies] == ids[1:]
    assert len(list(grid.pull_messages(ids))) == 1, "a reply is given once"


def test_a_round_that_is_given_up_leaves_the_grid_usable(grid: LocalGrid) -> None:
    replies = iter(grid.send_and_receive(messages(grid)))
    next(replies)
    replies.close()  # type: ignore[attr-defined]
    assert len(list(grid.send_and_receive(messages(grid)))) == CLIENTS


def test_progress_hears_of_every_client_that_starts() -> None:
    started: list[int] = []

    class Listener(Progress):
        def client_started(self, client: int) -> None:
            started.append(client)

    grid = SerialGrid(app, 3, progress=Listener())
    list(grid.send_and_receive(messages(grid)))
    assert started == [0, 1, 2]


def test_the_work_of_a_killed_worker_is_done_again(ray_grid: RayGrid, tmp_path: Path) -> None:
    before = ray_grid.process_ids()
    replies = list(ray_grid.send_and_receive(messages(ray_grid, dies=3, marker=str(tmp_path / "died"))))
    assert (tmp_path / "died").exists(), "the worker was killed in the middle of client 3"
    assert not any(answer.has_error() for answer in replies)
    np.testing.assert_array_equal(weights(replies)[3], np.arange(6, dtype=np.float32).reshape(2, 3) + 4)
    assert ray_grid.process_ids() != before


def test_a_client_that_always_kills_its_worker_fails_in_the_end(ray_grid: RayGrid) -> None:
    replies = list(ray_grid.send_and_receive(messages(ray_grid, **{"always-dies": 5})))
    assert [answer.has_error() for answer in replies] == [client == 5 for client in range(CLIENTS)]
    assert "died 3 times" in cause_of(replies[5])


def test_a_client_that_kills_its_worker_takes_nobody_of_its_batch_with_it(ray_grid: RayGrid) -> None:
    ray_grid._seconds_per_client = 0.01  # so quick that they travel in twos
    question = messages(ray_grid, **{"always-dies": 1})
    assert ray_grid._batch_size(question, 0) == 2
    replies = list(ray_grid.send_and_receive(question))
    assert [answer.has_error() for answer in replies] == [client == 1 for client in range(CLIENTS)]


def test_messages_that_differ_in_all_but_the_model_share_one_copy_of_it(
    ray_grid: RayGrid, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FedFace's: each client gets proxies of its own, clients 0 and 1 not yet. Quick ones travel together."""
    stored: list[object] = []
    put = ray.put
    monkeypatch.setattr(ray, "put", lambda thing: stored.append(thing) or put(thing))  # type: ignore[func-returns-value]
    strategy = FedFace(FedFaceSettings(), nodes=dict(enumerate(ray_grid.get_node_ids())))
    strategy.proxies = {client: np.full((3, 4), client, np.float32) for client in range(2, CLIENTS)}
    model = wire.to_record(flat_arrays())
    for seconds in (0.0, 0.01):
        ray_grid._seconds_per_client = seconds
        question = list(strategy.configure_train(1, model, ConfigRecord({}), ray_grid))
        replies = list(ray_grid.send_and_receive(question))
        for client, weight in enumerate(weights(replies)):
            np.testing.assert_array_equal(weight, 6 + client + 1 + (12 * client if client > 1 else 0))
    assert stored == [model, model], "once in each round"


def flat_arrays() -> FlatArrays:
    """One block, as real models are."""
    layout = Layout(names=("weight",), shapes=((2, 3),), strides=((3, 1),), offsets=(0,), size=16)
    return FlatArrays(layout, np.full(16, 6, np.float32))


@pytest.mark.skipif(jemalloc() is None, reason="Ray brings jemalloc along on Linux alone")
@pytest.mark.skipif(
    "LD_PRELOAD" in os.environ or os.environ["RAY_LD_PRELOAD_ON_WORKERS"] != "1",
    reason="workers then have the allocator that the user chose",
)
def test_workers_allocate_memory_with_jemalloc_and_keep_it(ray_grid: RayGrid) -> None:
    for process in ray_grid.process_ids():
        assert "libjemalloc" in Path(f"/proc/{process}/maps").read_text()
        settings = f"\0MALLOC_CONF={os.environ['MALLOC_CONF']}\0"  # the user's own, or ours
        assert settings in Path(f"/proc/{process}/environ").read_text()


def test_a_node_without_the_data_is_named_with_the_folder(ray_grid: RayGrid) -> None:
    with pytest.raises(UserError, match=r"node \S+ does not see /nowhere/cache"):
        ray_grid.check_nodes(["/nowhere/cache"])
