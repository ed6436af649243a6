"""Maps that a user brings along, and the folders that a run keeps older ones in."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fedreid.errors import UserError
from fedreid.models import build_backbone
from fedreid.pruning import ChannelMap, groups_of
from fedreid.pruning.tier_history import folder_in, keep_for_rounds_before
from fedreid.pruning.tier_maps import tier_maps
from fedreid.pruning.tiers import Tier, Tiers
from fedreid.scenario.pruning_schema import PruningSettings
from fedreid.scenario.schema import ModelSettings

MODEL = ModelSettings(backbone="resnet10", width=0.25, stem="small", embedding_dim=16)
SIZE = (32, 16)


@pytest.fixture
def maps() -> list[ChannelMap]:
    """Uniform ones of 0.5 and 0.25."""
    return tier_maps(build_backbone(MODEL), PruningSettings(tiers=(1.0, 0.5, 0.25)), SIZE)[1:]


def from_files(folder: Path, maps: list[ChannelMap], **settings: object) -> list[ChannelMap]:
    files = []
    for number, channel_map in enumerate(maps):
        files.append(str(folder / f"{number}.json"))
        channel_map.save(Path(files[-1]))
    chosen = {"tiers": (1.0, 0.5, 0.25), "maps": "files", "map_files": tuple(files), **settings}
    return tier_maps(build_backbone(MODEL), PruningSettings(**chosen), SIZE)  # type: ignore[arg-type]


def test_the_tiers_are_those_of_the_files(maps: list[ChannelMap], tmp_path: Path) -> None:
    found = from_files(tmp_path, maps)
    assert found[1:] == maps
    assert len(found) == 3


def test_a_group_that_a_file_does_not_name_is_whole(maps: list[ChannelMap], tmp_path: Path) -> None:
    fewer = [ChannelMap(each.architecture, _without(each.widths), _without(each.kept)) for each in maps]
    found = from_files(tmp_path, fewer, tiers=(1.0, 0.999, 0.99))
    assert found[2].kept["layer1"] == tuple(range(16))
    assert found[2].kept["layer3"] == maps[1].kept["layer3"]


def _without(entries: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in entries.items() if name != "layer1"}


def test_a_map_of_another_architecture_is_refused(maps: list[ChannelMap], tmp_path: Path) -> None:
    other = ChannelMap("resnet18", maps[0].widths, maps[0].kept)
    with pytest.raises(UserError, match=r"0\.json is a map of resnet18, and the network is a resnet10"):
        from_files(tmp_path, [other, maps[1]])


def test_a_map_of_another_width_is_refused(maps: list[ChannelMap], tmp_path: Path) -> None:
    wide = {name: 2 * width for name, width in maps[1].widths.items()}
    with pytest.raises(UserError, match=r"1\.json is of a network with 32 channels in layer1, and this one has 16"):
        from_files(tmp_path, [maps[0], ChannelMap("resnet10", wide, maps[1].kept)])


def test_maps_that_are_not_nested_are_refused_unless_that_is_allowed(maps: list[ChannelMap], tmp_path: Path) -> None:
    large = maps[0]
    ids = set(range(large.widths["layer3"]))
    left = tuple(sorted(ids - set(large.kept["layer3"])))[: len(maps[1].kept["layer3"])]
    other = ChannelMap("resnet10", large.widths, {**maps[1].kept, "layer3": left})
    with pytest.raises(UserError, match=r"tier 0\.25 \(.*1\.json\) has channels that tier 0\.5 lacks"):
        from_files(tmp_path, [large, other])
    assert from_files(tmp_path, [large, other], nested=False)[2] == other


def test_a_map_that_takes_more_than_its_tier_is_refused(maps: list[ChannelMap], tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"1\.json takes 0\.4\d+ of the whole network's MACs.*tier 0\.25"):
        from_files(tmp_path, [maps[0], maps[0]])


def test_a_map_that_prunes_what_is_frozen_is_refused(maps: list[ChannelMap], tmp_path: Path) -> None:
    groups = groups_of(build_backbone(MODEL), frozen=())
    widths = {group.name: group.width for group in groups}
    kept = {name: maps[1].kept.get(name, tuple(range(8))) for name in widths}
    pruned = ChannelMap("resnet10", widths, kept)
    with pytest.raises(UserError, match=r"removes channels of layer4.*embedding_channels_frozen"):
        from_files(tmp_path, [maps[0], pruned])
    assert from_files(tmp_path, [maps[0], pruned], embedding_channels_frozen=False, nested=False)[2] == pruned


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda content: content.update(format=2), "version 1, found 2"),
        (lambda content: content["groups"]["layer2"].update(kept=[]), "layer2 would lose its last channel"),
        (lambda content: content["groups"]["layer2"]["kept"].pop(), "changed or damaged"),
        (lambda content: content.clear(), "version 1, found None"),
    ],
)
def test_a_damaged_file_is_named(change, text: str, maps: list[ChannelMap], tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    files = [tmp_path / "a.json", tmp_path / "b.json"]
    for path, channel_map in zip(files, maps, strict=True):
        channel_map.save(path)
    content = json.loads(files[1].read_text())
    change(content)
    files[1].write_text(json.dumps(content))
    settings = PruningSettings(tiers=(1.0, 0.5, 0.25), maps="files", map_files=tuple(map(str, files)))
    with pytest.raises(UserError, match=text) as caught:
        tier_maps(build_backbone(MODEL), settings, SIZE)
    assert "b.json" in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    settings = PruningSettings(tiers=(0.5,), maps="files", map_files=(str(tmp_path / "none.json"),))
    with pytest.raises(UserError, match=r"none\.json does not exist"):
        tier_maps(build_backbone(MODEL), settings, SIZE)


def tiers_with(*kept: int) -> Tiers:
    return Tiers((Tier("0.5", 0.5, ChannelMap("net", {"a": 8}, {"a": kept}), {"macs": 1.0}),), (0,))


def test_each_round_finds_the_maps_that_were_in_force(tmp_path: Path) -> None:
    first, second, third = tiers_with(0), tiers_with(1), tiers_with(2)
    first.save(tmp_path)
    keep_for_rounds_before(tmp_path, 3)
    second.save(tmp_path)
    keep_for_rounds_before(tmp_path, 5)
    third.save(tmp_path)
    found = [Tiers.load(tmp_path, number) for number in (0, 2, 3, 4, 5, 9, None)]
    assert found == [first, first, second, second, third, third, third]


def test_a_copy_that_is_there_is_left_alone(tmp_path: Path) -> None:
    """A round that is done again after a kill: what lies on top may be half written."""
    tiers_with(0).save(tmp_path)
    keep_for_rounds_before(tmp_path, 3)
    (tmp_path / "tiers" / "tiers.json").write_text("{")
    keep_for_rounds_before(tmp_path, 3)
    assert Tiers.load(tmp_path, 2) == tiers_with(0)
    (tmp_path / "tiers" / ".before-round-0007.tmp").mkdir()
    assert folder_in(tmp_path, 6) == tmp_path / "tiers"
