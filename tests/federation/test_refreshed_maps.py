"""Maps that are made again from the global model, every so many rounds."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from flwr.app import Message
from safetensors.torch import load_file

import fedreid
from fedreid import wire
from fedreid.errors import RunError, UserError
from fedreid.pruning.channel_map import ChannelMap
from fedreid.pruning.tiers import Tiers
from fedreid.wire import privacy
from tests.federation.runs import METHODS, QUICK, same, stop
from tests.federation.test_progressive import everything

Files = Callable[[Path], dict[str, bytes]]
AGAIN = (
    *QUICK, "federation.rounds=3", "evaluation.open_set=never", "runtime.keep_checkpoints=9",
    "pruning.tiers=[1.0,0.5,0.25]", "pruning.budgets=[{clients=[1],macs=0.5},{clients=[2],macs=0.25}]",
    "pruning.refresh_rounds=1", "pruning.criterion=l2",
)  # fmt: skip
VARIANTS = {
    "fedbn": (*METHODS["fedbn"], "pruning.batchnorm=coverage"),
    "ditto": (*METHODS["ditto"], "pruning.scores=clients", "pruning.criterion=taylor_batchnorm", "pruning.batches=2"),
    "local": ("pruning.scores=local", "pruning.criterion=caie", "pruning.batches=2", "federation.strategy=fedadam"),
}


@pytest.fixture(scope="module")
def run(scenario: Path, tmp_path_factory: pytest.TempPathFactory) -> fedreid.RunResult:
    overrides = [*AGAIN, "evaluation.local_only=true"]
    return fedreid.run(scenario, out=tmp_path_factory.mktemp("again") / "run", overrides=overrides)


def test_maps_are_those_of_the_model_before_the_round(run: fedreid.RunResult) -> None:
    for server_round, last in ((2, 1), (3, 2)):
        tiers = Tiers.load(run.run_dir, server_round)
        assert tiers is not None
        model = load_file(run.run_dir / "checkpoints" / f"round-{last:04d}" / "global.safetensors")
        norms = model["layer2.0.conv1.weight"].double().flatten(1).norm(dim=1).numpy()
        for tier in tiers.tiers:
            kept = tier.channel_map.kept["layer2.0.conv1"]
            assert set(kept) == set(np.argsort(norms, kind="stable")[len(norms) - len(kept) :].tolist())
    digests = [tier.channel_map.digest for tier in _tiers(run, 1)], [tier.channel_map.digest for tier in _tiers(run, 3)]
    assert digests[0] != digests[1]


def _tiers(run: fedreid.RunResult, server_round: int) -> tuple[Tiers, ...]:
    tiers = Tiers.load(run.run_dir, server_round)
    assert tiers is not None
    return tiers.tiers


def test_the_folder_says_which_maps_were_in_force(run: fedreid.RunResult) -> None:
    folder = run.run_dir / "tiers"
    assert sorted(path.name for path in folder.iterdir() if path.is_dir()) == ["before-round-0002", "before-round-0003"]
    newest = ChannelMap.load(folder / "tier-0.5.json")
    assert newest == _tiers(run, 3)[1].channel_map
    rows = load_file(folder / "tier-0.5.safetensors")["layer2.0.conv1.weight"].shape[0]
    assert rows == len(newest.kept["layer2.0.conv1"])


def test_alone_a_client_trains_its_first_part(run: fedreid.RunResult) -> None:
    found = run.references[(run.references.reference == "local_only") & (run.references.scope == "personalized")]
    assert sorted(found[found.metric == "mAP"].client.astype(int)) == [0, 1, 2]


def test_a_run_stopped_in_a_round_with_new_maps_ends_with_the_same_bits(
    run: fedreid.RunResult, scenario: Path, tmp_path: Path, final_files: Files
) -> None:
    out = tmp_path / "stopped"
    stop(scenario, out, [*AGAIN, "evaluation.local_only=true"])
    entry = out / "tiers" / "tiers.json"
    assert (out / "tiers" / "before-round-0002").is_dir()
    entry.write_text(entry.read_text()[:100])  # as if it was killed while writing: what lies there isn't read
    fedreid.resume(out)
    same(everything(final_files, out), everything(final_files, run.run_dir))


def test_an_older_checkpoint_goes_on_with_its_own_maps(
    run: fedreid.RunResult, scenario: Path, tmp_path: Path, final_files: Files
) -> None:
    out = tmp_path / "run"
    stop(scenario, out, [*AGAIN, "evaluation.local_only=true"], number=3)
    shutil.rmtree(out / "checkpoints" / "round-0002")
    fedreid.resume(out)
    same(everything(final_files, out), everything(final_files, run.run_dir))


@pytest.mark.parametrize("variant", VARIANTS)
def test_clients_with_something_of_their_own_go_on_after_a_stop(
    variant: str, scenario: Path, tmp_path: Path, final_files: Files
) -> None:
    overrides = [*AGAIN, *VARIANTS[variant]]
    whole = fedreid.run(scenario, out=tmp_path / "whole", overrides=overrides).run_dir
    stop(scenario, tmp_path / "stopped", overrides, number=3)
    found = fedreid.resume(tmp_path / "stopped").run_dir
    same(everything(final_files, found), everything(final_files, whole))


def test_ray_gives_the_bits_of_the_serial_engine(
    run: fedreid.RunResult, scenario: Path, tmp_path: Path, final_files: Files
) -> None:
    both = [*AGAIN, "evaluation.local_only=true", "runtime.workers=2"]
    ray = fedreid.run(scenario, out=tmp_path / "ray", overrides=both, engine="ray").run_dir
    same(everything(final_files, ray), everything(final_files, run.run_dir))


def test_an_update_of_the_map_before_is_refused(
    scenario: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that answers in round 2 with what it was sent in round 1."""
    reply, first = wire.reply, dict[str, str]()

    def stale(message: Message, *arguments: object, **keywords: object) -> Message:
        if isinstance(own := keywords.get("sub_network"), dict) and own[wire.TIER] == 1:
            old = first.setdefault("map", own[wire.MAP])
            keywords["sub_network"] = own | {wire.MAP: old}
        return reply(message, *arguments, **keywords)  # type: ignore[arg-type]

    monkeypatch.setattr(wire, "reply", stale)
    monkeypatch.setattr(privacy, "_check_sub_network", lambda *_: None)
    with pytest.raises(RunError, match=r"client 1 sent an update that belongs to .*stale"):
        fedreid.run(scenario, out=tmp_path / "run", overrides=AGAIN)
    assert (tmp_path / "run" / "checkpoints" / "round-0001").is_dir(), "in round 1 the map was right"


def test_maps_stay_where_new_ones_would_exceed_a_budget(
    scenario: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Maps of equal MACs may differ in parameters: here those made again are as if all had the whole network."""
    from fedreid.pruning.tier_maps import tier_maps

    def whole(*arguments: object, **keywords: object) -> list[ChannelMap]:
        maps = tier_maps(*arguments, **keywords)  # type: ignore[arg-type]
        made.append(len(made))
        return maps if len(made) < 3 else [maps[0]] * len(maps)

    made: list[int] = []
    monkeypatch.setattr("server.tier_maps.tier_maps", whole)
    run = fedreid.run(scenario, out=tmp_path / "run", overrides=[*AGAIN, "pruning.refresh_rounds=2"])
    assert len(made) == 3, "checked before training, made at the start and again before round 3"
    assert "the maps stay as they are: with new ones client 1 would need" in caplog.text
    assert [tier.channel_map for tier in _tiers(run, 3)] == [tier.channel_map for tier in _tiers(run, 1)]


def test_files_are_not_made_again(scenario: Path, tmp_path: Path) -> None:
    overrides = [*AGAIN, "pruning.maps=files", "pruning.map_files=['a','b']"]
    with pytest.raises(UserError, match=r"refresh_rounds makes maps again, and those of files are given"):
        fedreid.run(scenario, out=tmp_path / "run", overrides=overrides)
