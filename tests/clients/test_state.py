"""A client's own files: which one a round reads, what stays, and what a kill or a damage does."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from clients.state import PrivateState
from fedreid.errors import RunError


def save(state: PrivateState, server_round: int) -> Path:
    """A state that tells its round."""
    return state.save(server_round, {"proxies": torch.full((3, 2), float(server_round))})


def loaded(state: PrivateState, before_round: int) -> float | None:
    found = state.load(before_round)
    return found["proxies"][0, 0].item() if found else None


def test_a_client_that_never_took_part_has_nothing(tmp_path: Path) -> None:
    assert PrivateState(tmp_path, 7).load(1) == {}
    assert not (tmp_path / "checkpoints").exists()


def test_tensors_come_back_bit_for_bit(tmp_path: Path) -> None:
    tensors = {"proxies": torch.randn(3, 16, generator=torch.Generator().manual_seed(0)), "count": torch.tensor(5)}
    path = PrivateState(tmp_path, 7).save(1, tensors)
    assert path == tmp_path / "checkpoints" / "clients" / "0007" / "round-0001.safetensors"
    found = PrivateState(tmp_path, 7).load(2)
    assert found.keys() == tensors.keys()
    assert all(torch.equal(found[name], tensors[name]) for name in tensors)


def test_a_round_reads_the_newest_earlier_round_and_never_its_own_or_a_later_one(tmp_path: Path) -> None:
    state = PrivateState(tmp_path, 0, keep=10)
    for server_round in (2, 5, 9, 10):
        save(state, server_round)
    assert [loaded(state, number) for number in (1, 2, 3, 5, 6, 10, 11, 100)] == [None, None, 2, 2, 5, 9, 10, 10]


def test_clients_do_not_read_each_others_files(tmp_path: Path) -> None:
    save(PrivateState(tmp_path, 1), 1)
    assert PrivateState(tmp_path, 11).load(2) == {}


@pytest.mark.parametrize(("keep", "left"), [(1, [8, 9]), (2, [4, 8, 9]), (3, [3, 4, 8, 9])])
def test_the_states_that_kept_checkpoints_need_stay(tmp_path: Path, keep: int, left: list[int]) -> None:
    """While round 9 is made, the newest checkpoints are of rounds 8 and before."""
    state = PrivateState(tmp_path, 0, keep=keep)
    for server_round in (1, 3, 4, 8, 9):
        save(state, server_round)
    assert sorted(int(path.stem[6:]) for path in state.folder.iterdir()) == left


@pytest.mark.parametrize(
    ("keep", "left"), [(1, [7]), (2, [7]), (3, [7]), (4, [5, 7]), (6, [4, 5, 7]), (7, [1, 4, 5, 7]), (20, [1, 4, 5, 7])]
)
def test_after_the_last_round_the_states_that_kept_checkpoints_go_on_from_stay(
    tmp_path: Path, keep: int, left: list[int]
) -> None:
    """Of 9 rounds, of which the client took part in four; keep = 4 keeps the checkpoints of rounds 9, 8, 7 and 6."""
    for server_round in (1, 4, 5, 7):
        save(PrivateState(tmp_path, 0, keep=20), server_round)
    state = PrivateState(tmp_path, 0, keep=keep)
    state.drop_needless(9)
    assert sorted(int(path.stem[6:]) for path in state.folder.iterdir()) == left
    for checkpoint in range(9, max(0, 9 - keep), -1):
        expected = max((number for number in (1, 4, 5, 7) if number <= checkpoint), default=None)
        assert loaded(state, checkpoint + 1) == expected


def test_a_client_that_never_took_part_has_nothing_to_drop(tmp_path: Path) -> None:
    PrivateState(tmp_path, 0).drop_needless(3)
    assert list(tmp_path.iterdir()) == []


def test_a_round_that_is_done_again_leaves_later_files_alone_and_replaces_its_own(tmp_path: Path) -> None:
    state = PrivateState(tmp_path, 0, keep=2)
    for server_round in (1, 2, 3, 2):
        save(state, server_round)
    assert sorted(int(path.stem[6:]) for path in state.folder.iterdir()) == [1, 2, 3]
    assert loaded(state, 3) == 2


@pytest.mark.parametrize("content", [b"", b"not a safetensors file at all", None])
def test_a_damaged_file_is_named(tmp_path: Path, content: bytes | None) -> None:
    state = PrivateState(tmp_path, 0)
    path = save(state, 1)
    path.write_bytes(path.read_bytes()[:-3] if content is None else content)
    with pytest.raises(RunError, match=f"the private state {path} is damaged"):
        state.load(2)


def test_a_kill_between_writing_and_renaming_leaves_the_old_state(tmp_path: Path) -> None:
    state = PrivateState(tmp_path, 0)
    save(state, 1)
    child = os.fork()
    if child == 0:
        Path.replace = lambda *_: os._exit(0)  # type: ignore[assignment,method-assign]
        save(state, 1)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert len(list(state.folder.iterdir())) == 2, "the new file is there under its temporary name"
    assert loaded(state, 2) == 1
    save(state, 2)
    assert loaded(state, 3) == 2
