"""What a client keeps of its own network when its part of the network changes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from clients.other_maps import changes_maps, fitted
from fedreid.pruning import ChannelGroup, ChannelMap
from fedreid.scenario.pruning_schema import PruningSettings

GROUPS = (ChannelGroup("a", 4, ("conv1",), ("conv2",), ("bn",)),)
START = {
    "conv1.weight": torch.zeros(4, 2, 1, 1),
    "bn.weight": torch.tensor([0.0, 10.0, 20.0, 30.0]),
    "conv2.weight": torch.zeros(3, 4, 1, 1),
}
PROXIES = torch.ones(2, 5)


def part(*kept: int) -> ChannelMap:
    return ChannelMap("net", {"a": 4}, {"a": kept})


def test_channels_that_stay_keep_their_values_and_new_ones_start_anew() -> None:
    state = {"bn.weight": torch.tensor([1.0, 2.0]), "proxies": PROXIES}
    found = fitted(state, GROUPS, part(0, 2), part(2, 3), START, {})
    assert found["bn.weight"].tolist() == [2.0, 30.0]
    assert found["proxies"] is PROXIES


def test_from_a_part_to_the_whole_and_back() -> None:
    state = {"bn.weight": torch.tensor([1.0, 2.0])}
    whole = fitted(state, GROUPS, part(0, 2), None, START, {})
    assert whole["bn.weight"].tolist() == [1.0, 10.0, 2.0, 30.0]
    assert fitted(whole, GROUPS, None, part(0, 2), START, {})["bn.weight"].tolist() == [1.0, 2.0]


@pytest.mark.parametrize("prefix", ["personal.", "previous."])
def test_new_channels_of_a_kept_model_are_the_received_ones(prefix: str) -> None:
    state = {f"{prefix}conv2.weight": torch.tensor([[1.0, 2.0]] * 3)[..., None, None]}
    received = {"conv2.weight": np.full((3, 3, 1, 1), 7, np.float32)}
    found = fitted(state, GROUPS, part(0, 2), part(1, 2, 3), START, received)[f"{prefix}conv2.weight"]
    assert found[:, :, 0, 0].tolist() == [[7.0, 2.0, 7.0]] * 3


def test_the_same_map_changes_nothing() -> None:
    state = {"bn.weight": torch.tensor([1.0, 2.0])}
    assert fitted(state, GROUPS, part(0, 2), part(0, 2), {}, {}) == state


kept = st.sets(st.integers(0, 3), min_size=1).map(sorted)


@given(before=kept, now=kept)
def test_every_value_is_the_clients_or_the_starts(before: list[int], now: list[int]) -> None:
    own = torch.tensor([100.0 + channel for channel in before])
    found = fitted({"bn.weight": own}, GROUPS, part(*before), part(*now), START, {})["bn.weight"]
    expected = [100.0 + channel if channel in before else 10.0 * channel for channel in now]
    assert found.tolist() == expected


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, False),
        ({"refresh_rounds": 2}, True),
        ({"scores": "progressive"}, True),
        ({"maps": "fedrolex"}, True),
        ({"maps": "heterofl"}, False),
        ({"tiers": (), "refresh_rounds": 2}, False),
    ],
)
def test_when_maps_change(settings: dict[str, object], expected: bool) -> None:
    assert changes_maps(PruningSettings(**{"tiers": (1.0, 0.5), **settings})) is expected  # type: ignore[arg-type]
