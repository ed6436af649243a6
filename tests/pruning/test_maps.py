"""Maps of kept channels: composition (worked example O10), nesting, files, and the rows and columns they stand for."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedreid.errors import UserError
from fedreid.pruning import ChannelGroup, ChannelMap, full_map, groups_of, is_nested, tensor_map
from tests.pruning.networks import MINI_GROUPS, SEPARABLE_GROUPS, backbone, random_map

EIGHT = (ChannelGroup("conv", 8, ("conv",)),)
KEPT = {"conv1": (0, 2, 3), "conv_a": (1,), "conv_c": (0, 1, 2, 3, 4)}


def mini_map(**kept: tuple[int, ...]) -> ChannelMap:
    return ChannelMap("mini", {"conv1": 4, "conv_a": 2, "conv_c": 5}, {**KEPT, **kept})


def test_composition_of_the_oracle():
    first = full_map(EIGHT, "one").without({"conv": [1, 4]})
    assert first.kept["conv"] == (0, 2, 3, 5, 6, 7)
    assert first.without({"conv": [0, 3]}).kept["conv"] == (2, 3, 6, 7)
    assert first.compose({"conv": [1, 2, 4, 5]}) == first.without({"conv": [3, 0]})


@given(st.lists(st.sets(st.integers(0, 9), max_size=4), max_size=4))
def test_steps_of_removal_are_those_of_a_list(steps):
    """The same with a plain list of names from which positions are deleted."""
    names = list(range(10))
    found = full_map([ChannelGroup("conv", 10, ("conv",))], "one")
    for step in steps:
        gone = {position for position in step if position < len(names)}
        if len(gone) == len(names):
            continue
        names = [name for position, name in enumerate(names) if position not in gone]
        found = found.without({"conv": gone})
    assert found.kept["conv"] == tuple(names)
    assert found.kept_widths == {"conv": len(names)}


def test_a_full_map_keeps_everything():
    found = full_map(MINI_GROUPS, "mini")
    assert found.kept == {"conv1": (0, 1, 2, 3), "conv_a": (0, 1), "conv_c": (0, 1, 2, 3, 4)}
    assert tensor_map(MINI_GROUPS, found) == {}


def test_nesting():
    assert is_nested(mini_map(conv1=(0, 3)), mini_map())
    assert not is_nested(mini_map(), mini_map(conv1=(0, 3)))
    assert not is_nested(mini_map(conv1=(1,)), mini_map())
    assert is_nested(mini_map(), mini_map())


def test_a_group_that_a_map_does_not_name_is_whole():
    part = ChannelMap("mini", {"conv1": 4}, {"conv1": (0, 2, 3)})
    assert is_nested(mini_map(), part)
    assert not is_nested(part, mini_map())


@pytest.mark.parametrize(
    "other",
    [ChannelMap("other", {"conv1": 4}, {"conv1": (0,)}), ChannelMap("mini", {"conv1": 8}, {"conv1": (0,)})],
)
def test_maps_of_different_networks_are_not_compared(other):
    with pytest.raises(ValueError, match="maps of different networks"):
        is_nested(other, mini_map())


def test_digest_is_of_the_content():
    same = ChannelMap("mini", {"conv_c": 5, "conv_a": 2, "conv1": 4}, dict(reversed(KEPT.items())))
    assert same.digest == mini_map().digest
    assert len(same.digest) == 64
    others = [mini_map(conv_a=(0,)), ChannelMap("other", mini_map().widths, KEPT)]
    others.append(ChannelMap("mini", {**mini_map().widths, "conv1": 6}, KEPT))
    assert len({same.digest, *(other.digest for other in others)}) == 4


def test_a_file_gives_the_map_back(tmp_path):
    found = random_map(groups_of(backbone("resnet50")), "resnet50")
    found.save(tmp_path / "map.json")
    again = ChannelMap.load(tmp_path / "map.json")
    assert again == found
    assert again.digest == json.loads((tmp_path / "map.json").read_text())["sha256"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 2}, "version 1, found 2"),
        ({"architecture": "resnet18"}, "checksum"),
        ({"groups": {"conv1": {"width": 4, "kept": []}}}, "lose its last channel"),
        ({"groups": {"conv1": {"width": 4}}}, "no map of kept channels"),
        ({"groups": 3}, "no map of kept channels"),
    ],
)
def test_refuses_a_damaged_file(tmp_path, change, message):
    path = tmp_path / "map.json"
    mini_map().save(path)
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(UserError, match=message):
        ChannelMap.load(path)


@pytest.mark.parametrize("text", ["", "[]", "{", "3", "\udcff"])
def test_refuses_what_is_no_map(tmp_path, text):
    (tmp_path / "map.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(UserError, match=r"map\.json"):
        ChannelMap.load(tmp_path / "map.json")


def test_refuses_a_missing_file(tmp_path):
    with pytest.raises(UserError, match="does not exist"):
        ChannelMap.load(tmp_path / "map.json")


@pytest.mark.parametrize(
    ("kept", "message"),
    [
        ((), "conv1 would lose its last channel: at least 1 of 4 stays"),
        ((1, 0), "must ascend"),
        ((1, 1), "must ascend"),
        ((0, 4), "channels are 0 to 3, found 0 to 4"),
        ((-1, 0), "channels are 0 to 3"),
    ],
)
def test_refuses_impossible_channels(kept, message):
    with pytest.raises(ValueError, match=message):
        mini_map(conv1=kept)


def test_refuses_widths_of_other_groups():
    with pytest.raises(ValueError, match="only one of them has other"):
        ChannelMap("mini", {"conv": 4, "other": 2}, {"conv": (0,)})


def test_refuses_steps_that_can_not_be():
    with pytest.raises(ValueError, match="has no group conv9; it has conv1"):
        mini_map().without({"conv9": [0]})
    with pytest.raises(ValueError, match="conv1 has 3 channels left: position 3"):
        mini_map().without({"conv1": [3]})
    with pytest.raises(ValueError, match="conv1 has 3 channels left: position -1"):
        mini_map().compose({"conv1": [-1]})
    with pytest.raises(ValueError, match="conv_a would lose its last channel"):
        mini_map().without({"conv_a": [0]})


def test_rows_and_columns_of_a_residual_net():
    found = tensor_map(MINI_GROUPS, mini_map())
    as_lists = {key: [None if ids is None else ids.tolist() for ids in both] for key, both in found.items()}
    assert as_lists["conv1.weight"] == [[0, 2, 3], None]
    assert as_lists["conv_a.weight"] == [[1], [0, 2, 3]]
    assert as_lists["conv_b.weight"] == [[0, 2, 3], [1]]
    assert as_lists["conv_c.weight"] == [None, [0, 2, 3]]
    assert as_lists["bn_b.running_var"] == [[0, 2, 3], None]
    assert "fc.weight" not in found  # conv_c is whole
    assert "bn1.num_batches_tracked" not in found


def test_rows_and_columns_of_depthwise_slopes_and_flattened_maps():
    channel_map = full_map(SEPARABLE_GROUPS, "separable").compose({"conv1": [1, 4], "conv2": [0, 3]})
    found = tensor_map(SEPARABLE_GROUPS, channel_map)
    assert found["depthwise.weight"][0].tolist() == found["slope.weight"][0].tolist() == [1, 4]
    assert found["depthwise.weight"][1] is None
    np.testing.assert_array_equal(found["fc.weight"][1], [*range(16), *range(48, 64)])


def test_refuses_a_map_of_another_network():
    with pytest.raises(ValueError, match="a group conv_c, the network has none"):
        tensor_map(MINI_GROUPS[:2], mini_map())
    wider = (ChannelGroup("conv", 9, ("conv",)),)
    with pytest.raises(ValueError, match="with 8 channels in conv, found 9"):
        tensor_map(wider, full_map(EIGHT, "one"))


def test_refuses_a_layer_in_two_groups():
    twice = (ChannelGroup("a", 2, ("conv",)), ChannelGroup("b", 2, ("conv",)))
    with pytest.raises(ValueError, match=r"conv\.weight belongs to two groups"):
        tensor_map(twice, full_map(twice, "odd").compose({"a": [0], "b": [1]}))
