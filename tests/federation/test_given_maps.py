"""Tiers from files, budgets by measured tables, HeteroFL's scaler: from the scenario to the last model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.numpy import load_file

import fedreid
from fedreid.errors import UserError
from fedreid.pruning.channel_map import ChannelMap
from fedreid.pruning.measure_tiers import maps_to_measure, measured
from fedreid.pruning.tiers import Tiers
from tests.federation.runs import QUICK, same, stop

Files = Callable[[Path], dict[str, bytes]]
BUDGETS = "pruning.budgets=[{clients=[1],macs=0.5},{clients=[2],macs=0.25}]"
TIERS = (*QUICK, "evaluation.open_set=never", "pruning.tiers=[1.0,0.5,0.25]", BUDGETS)


@pytest.fixture(scope="module")
def run(scenario: Path, tmp_path_factory: pytest.TempPathFactory) -> fedreid.RunResult:
    overrides = [*TIERS, "pruning.criterion=fpgm"]
    return fedreid.run(scenario, out=tmp_path_factory.mktemp("given") / "run", overrides=overrides)


def maps(*paths: Path) -> tuple[str, str]:
    return "pruning.maps=files", f"pruning.map_files={[str(path) for path in paths]}"


def test_another_runs_maps_give_its_bits_and_are_not_read_again(
    run: fedreid.RunResult, scenario: Path, tmp_path: Path, final_files: Files
) -> None:
    files = [tmp_path / f"{name}.json" for name in ("half", "quarter")]
    for path, name in zip(files, ("0.5", "0.25"), strict=True):
        path.write_bytes((run.run_dir / "tiers" / f"tier-{name}.json").read_bytes())
    stop(scenario, tmp_path / "run", [*TIERS, *maps(*files)])
    files[0].unlink()  # the run has its own copy
    fedreid.resume(tmp_path / "run")
    same(final_files(tmp_path / "run"), final_files(run.run_dir))


def test_a_map_that_does_not_fit_is_refused_before_training(
    run: fedreid.RunResult, scenario: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("it trained")

    monkeypatch.setattr("server.setup.pretrain", never)
    found = ChannelMap.load(run.run_dir / "tiers" / "tier-0.5.json")
    path = tmp_path / "other.json"
    ChannelMap("resnet50", found.widths, found.kept).save(path)
    overrides = [*TIERS, "pretrain.epochs=1", *maps(path, run.run_dir / "tiers" / "tier-0.25.json")]
    with pytest.raises(UserError, match=r"other\.json is a map of resnet50"):
        fedreid.run(scenario, out=tmp_path / "run", overrides=overrides)


BAD = {
    "too few files": ([*maps(Path("a"))], "names 1, and .* has 2 below 1"),
    "files without their setting": (["pruning.map_files=['a']"], "set it to 'files'"),
    "no such table": (
        ["pruning.budgets=[{clients=[1],latency_ms=1.0,latency_table='none.json'}]"], r"none\.json can't be read",
    ),
    "a table for nothing": (["pruning.budgets=[{macs=0.5,latency_table='t.json'}]"], "no latency_ms that it is for"),
}  # fmt: skip


@pytest.mark.parametrize("mistake", BAD)
def test_a_mistake_is_refused(mistake: str, scenario: Path, tmp_path: Path) -> None:
    changes, text = BAD[mistake]
    with pytest.raises(UserError, match=text):
        fedreid.run(scenario, out=tmp_path / "run", overrides=[*TIERS, *changes])


def test_a_measured_table_decides_who_gets_which_tier(run: fedreid.RunResult, scenario: Path, tmp_path: Path) -> None:
    """On a made-up board a layer takes ten microseconds for each of its channels."""
    resolved, known = maps_to_measure(run.run_dir)
    table = measured(resolved, known, "board", lambda layer: 1e-5 * layer.outputs)
    path = tmp_path / "board.json"
    table.save(path)
    limit = 1e3 * _seconds(resolved, known[1], table) + 1e-6
    budgets = f"pruning.budgets=[{{clients=[1,2],latency_ms={limit},latency_table='{path}'}}]"
    found = fedreid.run(scenario, out=tmp_path / "run", overrides=[*TIERS, budgets, "federation.rounds=1"])
    tiers = Tiers.load(found.run_dir)
    assert tiers is not None
    assert tiers.of_client == (0, 1, 1)
    table.seconds.clear()
    table.save(tmp_path / "empty.json")
    lacking = budgets.replace("board.json", "empty.json")
    with pytest.raises(UserError, match="has no entry for conv1"):
        fedreid.run(scenario, out=tmp_path / "refused", overrides=[*TIERS, lacking])


def _seconds(resolved, channel_map, table) -> float:  # type: ignore[no-untyped-def]
    from fedreid.pruning import layers_of, sub_network

    size = resolved.data.image_size
    return float(table.total(layers_of(sub_network(resolved.model, channel_map, image_size=size), size)))


def test_heterofls_scaler_changes_what_small_tiers_learn(scenario: Path, tmp_path: Path) -> None:
    published = [*TIERS, "federation.rounds=1", "pruning.maps=heterofl", "pruning.aggregation_weight=uniform",
                 "pruning.batchnorm=recalibrate"]  # fmt: skip
    models = []
    for name, scaler in (("with", "true"), ("without", "false")):
        overrides = [*published, f"pruning.scaler={scaler}"]
        folder = fedreid.run(scenario, out=tmp_path / name, overrides=overrides).run_dir
        models.append(load_file(folder / "model.safetensors")["layer2.0.conv1.weight"])
    assert (models[0] != models[1]).any()
