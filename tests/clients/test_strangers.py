"""Whom a client's people are compared with, and that a model which all clients have looks at them once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clients import shared_features
from clients.client import Client
from clients.strangers import groups, stranger_features, strangers_in
from clients.workspace import Workspace
from fedreid.data.image_set import ImageSet
from tests.clients.methods.rounds import start_of
from tests.training.made_up import made_up_images

NewRun = Callable[..., Path]
CLIENTS, HELD_OUT, PUBLIC, DIM = 3, 6, 24, 16  # of the tiny scenario: images


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many images were embedded each time that somebody asked for it."""
    sizes: list[int] = []
    embed = Client.embed

    def counted(self: Client, images: ImageSet, *arguments: Any, **options: Any) -> np.ndarray:
        sizes.append(len(images))
        return embed(self, images, *arguments, **options)

    monkeypatch.setattr(Client, "embed", counted)
    return sizes


def client_of(space: Workspace, index: int, server_round: int = 0) -> Client:
    """A client that received the starting model."""
    start = start_of(space.run_dir)
    return Client(index, server_round, space, space.receive(start, {}), start)


def embedded(client: Client, sets: list[ImageSet]) -> np.ndarray:
    """What each client would make for itself."""
    return np.concatenate([client.embed(images, is_unit=False) for images in sets])


def others(space: Workspace, index: int) -> list[ImageSet]:
    return [space.data.held_out(other) for other in range(CLIENTS) if other != index]


@pytest.mark.parametrize("part", [1, 7, 1024], ids=["a client in a part", "two", "all"])
def test_all_clients_together_look_at_everybody_once_and_get_the_bits_of_looking_alone(
    part: int, new_run: NewRun, asked: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_features, "PART_IMAGES", part)
    space = Workspace(new_run("evaluation.batch_size=4"))
    found = [stranger_features(client_of(space, index), as_received=True) for index in range(CLIENTS)]
    assert asked == [HELD_OUT] * CLIENTS
    for index, features in enumerate(found):
        np.testing.assert_array_equal(features, embedded(client_of(space, index), others(space, index)))


def test_public_strangers_are_looked_at_once_too(
    new_run: NewRun, asked: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """24 images in batches of 5: parts of 10, 10 and 4."""
    monkeypatch.setattr(shared_features, "PART_IMAGES", 8)
    space = Workspace(new_run("evaluation.batch_size=5", "evaluation.impostors=public"))
    found = [stranger_features(client_of(space, index), as_received=True) for index in range(CLIENTS)]
    assert asked == [10, 10, 4]
    for index, features in enumerate(found):
        np.testing.assert_array_equal(features, embedded(client_of(space, index), [space.public]))


@pytest.mark.parametrize(
    ("overrides", "as_received"),
    [((), False), (("federation.batchnorm=local",), True), (("method.name=fedper",), True)],
    ids=["trained", "own BatchNorm", "own layers"],
)
@pytest.mark.parametrize(
    ("impostors", "images"), [("all", [HELD_OUT, HELD_OUT]), ("public", [PUBLIC])], ids=["clients", "public"]
)
def test_a_model_of_the_clients_own_looks_for_itself(
    overrides: tuple[str, ...], as_received: bool, impostors: str, images: list[int], new_run: NewRun, asked: list[int]
) -> None:
    space = Workspace(new_run(f"evaluation.impostors={impostors}", *overrides))
    features = [stranger_features(client_of(space, index), as_received=as_received) for index in range(CLIENTS)]
    assert asked == images * CLIENTS
    assert not (space.run_dir / "checkpoints").exists()
    wanted = [space.public] if impostors == "public" else others(space, 2)
    np.testing.assert_array_equal(features[2], embedded(client_of(space, 2), wanted))


def test_each_round_looks_anew(new_run: NewRun) -> None:
    space = Workspace(new_run())
    first = stranger_features(client_of(space, 0), as_received=True)
    later = client_of(space, 0, server_round=1)
    later.model.embedding.weight.data *= 2  # type: ignore[union-attr,operator]
    found = stranger_features(later, as_received=True)
    np.testing.assert_array_equal(found, embedded(later, others(space, 0)))
    assert (found != first).any()


@pytest.mark.parametrize("as_received", [False, True])
def test_images_of_people_whom_a_client_knows_are_left_out(as_received: bool, new_run: NewRun) -> None:
    """Client 1 has seen a person of client 0's, client 2 has nothing held out."""
    space = Workspace(new_run())
    sets = [space.data.held_out(index) for index in range(CLIENTS)]
    mixed = sets[0].subset(np.array([0]))
    space.__dict__["held_out"] = [sets[0], _joined(mixed, sets[1]), sets[2].subset(np.array([], int))]
    client = client_of(space, 0)
    found = stranger_features(client, as_received=as_received)
    np.testing.assert_allclose(found, embedded(client, [sets[1]]), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("as_received", [False, True])
def test_nobody_else(as_received: bool, new_run: NewRun) -> None:
    space = Workspace(new_run())
    empty = space.data.held_out(1).subset(np.array([], int))
    space.__dict__["held_out"] = [space.data.held_out(0), empty, empty]
    found = stranger_features(client_of(space, 0), as_received=as_received)
    assert (found.shape, found.dtype) == ((0, DIM), np.float32)


def test_people_whom_a_client_knows_are_no_strangers_to_it() -> None:
    images = made_up_images(identities=4, each=3)
    people = np.unique(images.identities)
    left = strangers_in(images, people[:1])
    assert set(left.identities) == set(people[1:])
    assert len(left) == 9
    assert np.array_equal(left.batch(np.arange(9)), images.batch(np.flatnonzero(images.identities != people[0])))
    assert strangers_in(images, people[:0]) is images
    assert len(strangers_in(images, people)) == 0


@pytest.mark.parametrize(
    ("sizes", "found"),
    [
        ([], []),
        ([0, 0], []),
        ([3, 4, 5], [[0, 1], [2]]),
        ([5, 0, 1, 1, 1, 1, 2], [[0], [2, 3, 4, 5], [6]]),
        ([9, 9], [[0], [1]]),
    ],
)
def test_clients_of_few_images_share_a_part(
    sizes: list[int], found: list[list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_features, "PART_IMAGES", 4)
    assert groups(sizes) == found


def _joined(first: ImageSet, second: ImageSet) -> ImageSet:
    """Both, as views on the same caches."""
    columns = [np.concatenate([getattr(first, name), getattr(second, name)])
               for name in ("_sources", "_rows", "identities", "cameras")]  # fmt: skip
    return ImageSet(first._caches, *columns)
