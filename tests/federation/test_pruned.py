"""Clients with parts of the network in one federation: the same bits on every engine and after a stop."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from flwr.app import Message
from safetensors.torch import load_file

import fedreid
from fedreid import wire
from fedreid.errors import RunError, UserError
from fedreid.pruning import groups_of, slice_state, sub_network, tensor_map
from fedreid.pruning.channel_map import ChannelMap
from fedreid.pruning.tiers import Tiers
from fedreid.scenario import load_scenario
from fedreid.wire import privacy
from tests.federation.runs import METHODS, SHORT, StopInRound, same

Files = Callable[[Path], dict[str, bytes]]
BUDGETS = "pruning.budgets=[{clients=[1],macs=0.5},{clients=[2],macs=0.25}]"
TIERS = (*SHORT, "pruning.tiers=[1.0,0.5,0.25]", BUDGETS)
FEW = (*SHORT, "evaluation.open_set=never")
VARIANTS = {
    "fedavg": (),
    "fedfr": METHODS["fedfr"],
    "fedadam": ("federation.strategy=fedadam",),
    "fedavgm": ("federation.strategy=fedavgm",),
    "fedface": METHODS["fedface"],
    "coverage": ("pruning.batchnorm=coverage", "pruning.aggregation_weight=width"),
    "recalibrate": ("pruning.batchnorm=recalibrate", "pruning.aggregation_weight=uniform"),
    "fedbn": METHODS["fedbn"],
    "fedrolex": ("pruning.maps=fedrolex", "pruning.batchnorm=coverage"),
    "clients": ("pruning.scores=clients", "pruning.criterion=taylor_batchnorm", "pruning.batches=2"),
    "local": ("pruning.scores=local", "pruning.criterion=caie", "pruning.batches=2"),
    "spherenet": ("model.backbone=spherenet20", "data.image_size=[32,32]", "pretrain.learning_rate=0.01"),
}


@pytest.fixture(scope="module")
def whole(scenario: Path, tmp_path_factory: pytest.TempPathFactory) -> fedreid.RunResult:
    """FedAvg in three tiers, a client in each."""
    return fedreid.run(scenario, out=tmp_path_factory.mktemp("pruned") / "whole", overrides=TIERS)


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_stopped_run_ends_with_the_same_bits(
    variant: str, scenario: Path, tmp_path: Path, final_files: Files
) -> None:
    overrides = [*TIERS, *VARIANTS[variant]]
    run = fedreid.run(scenario, out=tmp_path / "whole", overrides=overrides)
    with pytest.raises(fedreid.Interrupted):
        fedreid.run(scenario, out=tmp_path / "stopped", overrides=overrides, progress=StopInRound(2))
    same(final_files(fedreid.resume(tmp_path / "stopped").run_dir), final_files(run.run_dir))


@pytest.mark.parametrize("variant", ["fedavg", "fedfr", "local"])
def test_ray_gives_the_bits_of_the_serial_engine(
    variant: str, scenario: Path, tmp_path: Path, final_files: Files
) -> None:
    overrides = [*TIERS, *VARIANTS[variant]]
    serial = fedreid.run(scenario, out=tmp_path / "serial", overrides=overrides)
    both = [*overrides, "runtime.workers=2"]
    parallel = fedreid.run(scenario, out=tmp_path / "ray", engine="ray", overrides=both)
    same(final_files(parallel.run_dir), final_files(serial.run_dir))


def test_one_whole_tier_for_everybody_is_the_federation_without_tiers(
    scenario: Path, tmp_path: Path, final_files: Files
) -> None:
    plain = final_files(fedreid.run(scenario, out=tmp_path / "plain", overrides=FEW).run_dir)
    tiers = fedreid.run(scenario, out=tmp_path / "tiers", overrides=[*FEW, "pruning.tiers=[1.0]"])
    same(final_files(tiers.run_dir), plain)


def test_whole_slices_through_the_whole_machinery_give_fedavgs_bits(
    scenario: Path, tmp_path: Path, final_files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As above, but slicing, tier workspaces and the mean over coverage are all at work.

    Of clients with parts of the network nobody measures how far they agree.
    """
    plain = final_files(fedreid.run(scenario, out=tmp_path / "plain", overrides=FEW).run_dir)
    lines = plain["metrics.csv"].splitlines(keepends=True)
    plain["metrics.csv"] = b"".join(line for line in lines if b",agreement," not in line)
    monkeypatch.setattr(Tiers, "is_trivial", False)
    overrides = [*FEW, "pruning.tiers=[1.0]", "pruning.batchnorm=coverage"]
    same(final_files(fedreid.run(scenario, out=tmp_path / "tiers", overrides=overrides).run_dir), plain)


def test_traffic_is_that_of_each_clients_slice(whole: fedreid.RunResult) -> None:
    tiers = Tiers.load(whole.run_dir)
    assert tiers is not None
    rows = whole.metrics.query("round == 1 and scope == 'cost'")
    for client in range(3):
        own = rows[rows.client == client].set_index("metric").value
        assert own["bytes_up"] == own["bytes_down"]
        assert own["bytes_up"] + own["bytes_down"] == pytest.approx(1e6 * tiers.tier(client).amounts["round_mb"])
    assert whole.summary["traffic"]["bytes_up"] == pytest.approx(
        sum(1e6 * tiers.tier(client).amounts["round_mb"] for client in range(3))  # two rounds, one way
    )


def test_each_tier_is_scored_and_saved_as_a_network_of_its_own(whole: fedreid.RunResult) -> None:
    assert {"generic/tiny/mAP", "generic/tiny/tier-0.5/mAP", "generic/tiny/tier-0.25/mAP"} <= whole.final.keys()
    settings = load_scenario(whole.run_dir / "scenario.toml").scenario
    full = load_file(whole.run_dir / "model.safetensors")
    for name in ("0.5", "0.25"):
        channel_map = ChannelMap.load(whole.run_dir / "tiers" / f"tier-{name}.json")
        network = sub_network(settings.model, channel_map)
        own = load_file(whole.run_dir / "tiers" / f"tier-{name}.safetensors")
        network.load_state_dict(own)
        groups = groups_of(sub_network(settings.model, _all(channel_map)), frozen=())
        expected = slice_state(full, tensor_map(groups, channel_map))
        learnt = [key for key in own if not key.endswith(("running_mean", "running_var", "num_batches_tracked"))]
        assert all(own[key].equal(expected[key]) for key in learnt)
        measured = [key for key in own if key.endswith("running_var")]
        assert not any(own[key].equal(expected[key]) for key in measured), "each tier has statistics of its own"


def _all(channel_map: ChannelMap) -> ChannelMap:
    kept = {name: tuple(range(width)) for name, width in channel_map.widths.items()}
    return ChannelMap(channel_map.architecture, channel_map.widths, kept)


def test_what_no_client_has_stays_bit_for_bit(scenario: Path, tmp_path: Path) -> None:
    """Nobody has the whole network: what only it has never moves, with a server optimiser that has momentum."""
    budgets = "pruning.budgets=[{macs=0.5}]"
    overrides = [*FEW, "pruning.tiers=[1.0,0.5]", budgets, "federation.strategy=fedavgm"]
    run = fedreid.run(scenario, out=tmp_path / "run", overrides=overrides)
    start, end = (load_file(run.run_dir / name) for name in ("start.safetensors", "model.safetensors"))
    channel_map = ChannelMap.load(run.run_dir / "tiers" / "tier-0.5.json")
    left = np.setdiff1d(np.arange(channel_map.widths["layer2"]), channel_map.kept["layer2"])
    kept = np.array(channel_map.kept["layer2"])
    weight = "layer2.0.conv2.weight"
    assert len(left)
    assert end[weight][left].equal(start[weight][left])
    inner = np.array(channel_map.kept["layer2.0.conv1"])
    assert not end[weight][np.ix_(kept, inner)].equal(start[weight][np.ix_(kept, inner)])


@pytest.mark.parametrize("maps", ["heterofl", "fjord"])
def test_prefix_maps_keep_the_first_channels(maps: str, scenario: Path, tmp_path: Path) -> None:
    run = fedreid.run(scenario, out=tmp_path / "run", overrides=[*TIERS, "federation.rounds=1", f"pruning.maps={maps}"])
    channel_map = ChannelMap.load(run.run_dir / "tiers" / "tier-0.25.json")
    assert all(ids == tuple(range(len(ids))) for ids in channel_map.kept.values())


@pytest.mark.parametrize("criterion", ["taylor_activation", "caie"])
def test_the_server_scores_on_public_images(criterion: str, scenario: Path, tmp_path: Path) -> None:
    overrides = [*TIERS, "federation.rounds=1", "pruning.scores=proxy", f"pruning.criterion={criterion}",
                 "pruning.batches=2", "pruning.channels_per_step=40"]  # fmt: skip
    run = fedreid.run(scenario, out=tmp_path / "run", overrides=overrides)
    entries = json.loads((run.run_dir / "tiers" / "tiers.json").read_text())["tiers"]
    assert [entry["clients"] for entry in entries] == [[0], [1], [2]]
    assert entries[1]["macs"] < 0.5 * entries[0]["macs"]
    assert entries[2]["macs"] < 0.25 * entries[0]["macs"]


def test_the_report_has_a_table_of_tiers(whole: fedreid.RunResult) -> None:
    page = (whole.run_dir / "report.md").read_text()
    header = next(line for line in page.splitlines() if line.startswith("| Tier"))
    assert [cell.strip() for cell in header.strip("|").split("|")][:2] == ["Tier", "Clients"]


def test_an_update_of_another_map_is_refused(scenario: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reply = wire.reply

    def stale(message: Message, *arguments: object, **keywords: object) -> Message:
        if isinstance(own := keywords.get("sub_network"), dict):
            keywords["sub_network"] = own | {wire.ROUND: 0}
        return reply(message, *arguments, **keywords)  # type: ignore[arg-type]

    monkeypatch.setattr(wire, "reply", stale)
    with pytest.raises(RunError, match="stale or foreign"):
        fedreid.run(scenario, out=tmp_path / "seen-by-the-client", overrides=TIERS)
    monkeypatch.setattr(privacy, "_check_sub_network", lambda *_: None)  # an engine that doesn't check
    with pytest.raises(RunError, match=r"client 0 sent an update that belongs to .*stale"):
        fedreid.run(scenario, out=tmp_path / "seen-by-the-server", overrides=TIERS)


def test_a_changed_map_in_the_run_folder_is_refused(scenario: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    with pytest.raises(fedreid.Interrupted):
        fedreid.run(scenario, out=out, overrides=TIERS, progress=StopInRound(2))
    path = out / "tiers" / "tier-0.5.json"
    content = json.loads(path.read_text())
    content["groups"]["layer2"]["kept"] = content["groups"]["layer2"]["kept"][:-1]
    path.write_text(json.dumps(content))
    with pytest.raises(UserError, match="changed or damaged"):
        fedreid.resume(out)


BAD = {
    "not decreasing": (["pruning.tiers=[0.5,1.0]"], "must decrease"),
    "a budget nobody can meet": (["pruning.budgets=[{clients=[2],macs=0.01}]"], "smallest tier needs"),
    "contradictory limits": (["pruning.budgets=[{clients=[0],macs=1.0,params=0.02}]"], "parameters"),
    "a client that isn't there": (["pruning.budgets=[{clients=[7],macs=0.5}]"], "client 7"),
    "a client twice": (["pruning.budgets=[{clients=[1],macs=0.5},{clients=[1],macs=0.3}]"], "client 1 twice"),
    "an unknown device": (["pruning.budgets=[{device='jetson-nanoo'}]"], "Did you mean jetson-nano"),
    "a tier that no network can be": (["pruning.tiers=[1.0,0.0001]"], "no pruned network meets"),
    "data for a criterion": (["pruning.criterion=caie"], "needs data"),
    "a robust strategy": (["federation.strategy=krum"], "no whole model in common"),
    "centralised": (["method.name=centralised"], "centralised"),
    "rolling statistics": (["pruning.maps=fedrolex"], "others each round"),
    "no public images": (
        ["pruning.criterion=caie", "pruning.scores=proxy", "partition.public_identities=0"], "needs public images",
    ),
}  # fmt: skip


@pytest.mark.parametrize("mistake", BAD)
def test_a_mistake_is_refused_before_the_first_round(mistake: str, scenario: Path, tmp_path: Path) -> None:
    changes, text = BAD[mistake]
    with pytest.raises(UserError, match=text):
        fedreid.run(scenario, out=tmp_path / "run", overrides=[*SHORT, "pruning.tiers=[1.0,0.5]", *changes])
    assert not (tmp_path / "run" / "metrics.csv").exists()


def test_budgets_that_fit_no_tier_are_told_as_a_table(scenario: Path, tmp_path: Path) -> None:
    budgets = "pruning.budgets=[{clients=[0],macs=0.01,params=0.02},{clients=[1],memory_mb=0.1}]"
    with pytest.raises(UserError) as caught:
        fedreid.run(scenario, out=tmp_path / "run", overrides=[*SHORT, "pruning.tiers=[1.0,0.5]", budgets])
    rows = [line.split()[:2] for line in str(caught.value).splitlines()[2:-1]]
    assert rows == [["0", "MACs"], ["0", "parameters"], ["1", "MB"]]


@pytest.mark.parametrize("maps", ["importance", "heterofl"])
def test_a_budget_that_no_tier_fits_is_refused_before_pretraining(
    maps: str, scenario: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("it trained")

    monkeypatch.setattr("server.setup.pretrain", never)
    budget = "pruning.budgets=[{clients=[2],macs=0.01}]"
    overrides = [*SHORT, "pruning.tiers=[1.0,0.5]", budget, f"pruning.maps={maps}"]
    with pytest.raises(UserError, match="smallest tier needs"):
        fedreid.run(scenario, out=tmp_path / "run", overrides=overrides)


def test_only_one_number_for_each_channel_leaves_a_client(scenario: Path, tmp_path: Path) -> None:
    overrides = [*TIERS, *VARIANTS["clients"], "federation.rounds=1"]
    seen: list[dict[str, tuple[int, ...]]] = []
    check = wire.check_reply

    def watch(message: Message, answer: Message) -> None:
        if wire.CHANNEL_SCORES in answer.content:
            seen.append({name: values.shape for name, values in wire.channel_scores_of(answer).items()})
        check(message, answer)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(wire, "check_reply", watch)
        run = fedreid.run(scenario, out=tmp_path / "run", overrides=overrides)
    widths = ChannelMap.load(run.run_dir / "tiers" / "tier-0.5.json").widths
    assert seen
    assert all(shapes == {name: (width,) for name, width in widths.items()} for shapes in seen)


def test_metrics_keep_their_columns(whole: fedreid.RunResult) -> None:
    with (whole.run_dir / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {row["metric"] for row in rows if row["scope"] == "generic" and row["metric"].startswith("tier-0.5/")}
    assert {row["scope"] for row in rows} == {"generic", "personalized", "train", "cost"}
