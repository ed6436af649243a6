"""Tiers: their maps, prefixes and windows, and the files that a run keeps them in."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fedreid.errors import UserError
from fedreid.models import build_backbone
from fedreid.pruning import ChannelMap, count, is_nested, sub_network
from fedreid.pruning.prefixes import prefix_map, rolled
from fedreid.pruning.tier_maps import check_tiers, prunable, tier_maps
from fedreid.pruning.tiers import Tier, Tiers
from fedreid.scenario.pruning_schema import PruningSettings
from fedreid.scenario.schema import ModelSettings

MODEL = ModelSettings(backbone="resnet10", width=0.25, stem="small", embedding_dim=16)
SIZE = (32, 16)
SHARES = (1.0, 0.5, 0.25)
FULL = ChannelMap("net", {"a": 8, "b": 3}, {"a": tuple(range(8)), "b": (0, 1, 2)})


def maps_of(**settings: object) -> list[ChannelMap]:
    chosen = PruningSettings(tiers=SHARES, **settings)  # type: ignore[arg-type]
    return tier_maps(build_backbone(MODEL), chosen, SIZE)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"schedule": "one_shot"},
        {"criterion": "bn_scale"},
        {"criterion": "fpgm", "nested": False},
        {"maps": "heterofl"},
        {"maps": "fjord"},
        {"maps": "fedrolex"},
        {"embedding_channels_frozen": False},
    ],
)
def test_each_tier_stays_below_its_share_and_inside_the_one_before(settings: dict[str, object]) -> None:
    maps = maps_of(**settings)
    macs = [count(sub_network(MODEL, each), SIZE).macs for each in maps]
    assert macs[0] == count(build_backbone(MODEL), SIZE).macs
    for share, found in zip(SHARES[1:], macs[1:], strict=True):
        assert found < share * macs[0]
        assert found > 0.7 * share * macs[0], "no smaller than it has to be"
    assert is_nested(maps[1], maps[0])
    assert is_nested(maps[2], maps[1])
    assert ("layer4" in maps[1].kept) == (settings.get("embedding_channels_frozen") is False)


def test_caie_divides_scores_that_clients_sent() -> None:
    model = build_backbone(MODEL)
    settings = PruningSettings(tiers=SHARES, criterion="caie", scores="clients")
    generator = torch.Generator().manual_seed(0)
    scores = {group.name: torch.rand(group.width, generator=generator) for group in prunable(model, settings)}
    maps = tier_maps(model, settings, SIZE, scores=scores)
    macs = [count(sub_network(MODEL, each), SIZE).macs for each in maps]
    assert macs[1] < 0.5 * macs[0]
    assert macs[2] < 0.25 * macs[0]
    assert is_nested(maps[2], maps[1])


def test_a_tier_below_the_narrowest_network_is_refused() -> None:
    with pytest.raises(UserError, match="no pruned network meets"):
        check_tiers(build_backbone(MODEL), PruningSettings(tiers=(0.0001,)), SIZE)


def test_a_prefix_keeps_the_first_channels_rounded_up() -> None:
    assert prefix_map(FULL, 0.5).kept == {"a": (0, 1, 2, 3), "b": (0, 1)}
    assert prefix_map(FULL, 0.001).kept == {"a": (0,), "b": (0,)}


def test_a_window_moves_on_and_comes_round_the_end() -> None:
    half = prefix_map(FULL, 0.5)
    assert rolled(half, 1).kept == {"a": (1, 2, 3, 4), "b": (1, 2)}
    assert rolled(half, 6).kept == {"a": (0, 1, 6, 7), "b": (0, 1)}


@given(st.integers(0, 100))
def test_a_window_covers_every_channel_equally_often(start: int) -> None:
    half = prefix_map(FULL, 0.5)
    times = [sum(channel in rolled(half, start + step).kept["a"] for step in range(8)) for channel in range(8)]
    assert times == [4] * 8


def tiers() -> Tiers:
    amounts = {"macs": 10.0, "params": 5.0, "memory_mb": 0.5, "round_mb": 0.25}
    whole, half = Tier("1", 1.0, FULL, amounts), Tier("0.5", 0.5, prefix_map(FULL, 0.5), amounts)
    return Tiers((whole, half), (1, 0, 1))


def test_a_run_reads_back_what_it_wrote(tmp_path: Path) -> None:
    assert Tiers.load(tmp_path) is None
    tiers().save(tmp_path)
    found = Tiers.load(tmp_path)
    assert found == tiers()
    assert found.clients(1) == [0, 2]
    assert found.tier(1).is_whole
    assert not found.is_trivial


@pytest.mark.parametrize("changes", [{"format": 9}, {"tiers": [{}]}, {"tiers": "all"}])
def test_a_damaged_list_is_refused(changes: dict[str, object], tmp_path: Path) -> None:
    tiers().save(tmp_path)
    path = tmp_path / "tiers" / "tiers.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    with pytest.raises(UserError, match=r"tiers\.json"):
        Tiers.load(tmp_path)


def test_a_map_of_another_run_is_refused(tmp_path: Path) -> None:
    tiers().save(tmp_path)
    prefix_map(FULL, 0.7).save(tmp_path / "tiers" / "tier-0.5.json")
    with pytest.raises(UserError, match="is not the map that"):
        Tiers.load(tmp_path)
