"""Budgets in milliseconds by a table that was measured on a client's own machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fedreid.errors import UserError
from fedreid.models import build_backbone
from fedreid.pruning import LatencyTable, count, layers_of, sub_network
from fedreid.pruning.device_latency import latency_ms, refuse_tables, table_of
from fedreid.pruning.measure_tiers import main, maps_to_measure, measured
from fedreid.pruning.tier_maps import tier_maps
from fedreid.scenario import load_scenario
from fedreid.scenario.pruning_schema import BudgetSettings

TOML = """
[data]
image_size = [32, 16]
[data.sources.people]
format = "synthetic"
[model]
backbone = "resnet10"
width = 0.125
stem = "small"
embedding_dim = 16
[pruning]
tiers = [1.0, 0.5]
"""


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    yield
    table_of.cache_clear()


@pytest.fixture
def scenario(tmp_path: Path) -> Path:
    path = tmp_path / "tiers.toml"
    path.write_text(TOML)
    return path


def outputs(layer: object) -> float:
    """A made-up machine: a microsecond for each channel that comes out."""
    return 1e-6 * layer.outputs  # type: ignore[attr-defined, no-any-return]


def test_the_time_is_the_sum_of_the_tables_layers(scenario: Path, tmp_path: Path) -> None:
    resolved, maps = maps_to_measure(scenario)
    path = tmp_path / "board.json"
    measured(resolved, maps, "board", outputs).save(path)
    budget = BudgetSettings(latency_ms=5.0, latency_table=str(path), device="jetson-nano")
    for model in (build_backbone(resolved.model), sub_network(resolved.model, maps[1])):
        expected = 1e-3 * sum(layer.outputs for layer in layers_of(model, (32, 16)) if layer.output_elements)
        assert latency_ms(model, count(model, (32, 16)), (32, 16), budget) == pytest.approx(expected)


def test_without_a_table_it_is_the_devices_peak(scenario: Path) -> None:
    model = build_backbone(load_scenario(scenario).scenario.model)
    costs = count(model, (32, 16))
    found = latency_ms(model, costs, (32, 16), BudgetSettings(latency_ms=5.0, device="jetson-nano"))
    assert 0 < found < 1
    assert latency_ms(model, costs, (32, 16), BudgetSettings(latency_ms=5.0)) > 0


def test_a_table_without_a_tiers_layers_says_how_to_measure_them(scenario: Path, tmp_path: Path) -> None:
    resolved, maps = maps_to_measure(scenario)
    path = tmp_path / "board.json"
    measured(resolved, [], "board", outputs).save(path)
    model = sub_network(resolved.model, maps[1])
    budget = BudgetSettings(latency_ms=5.0, latency_table=str(path))
    with pytest.raises(UserError, match=r"table of board has no entry for conv1[\s\S]*measure_tiers SCENARIO TABLE"):
        latency_ms(model, count(model, (32, 16)), (32, 16), budget)


def test_a_file_that_is_no_table_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "board.json"
    budgets = (BudgetSettings(macs=0.5), BudgetSettings(latency_ms=1.0, latency_table=str(path)))
    with pytest.raises(UserError, match=r"latency_table: .*board\.json can't be read"):
        refuse_tables(budgets)
    path.write_text("{}")
    with pytest.raises(UserError, match="can't be read as a latency table"):
        refuse_tables(budgets)


def test_the_command_writes_a_table_of_all_tiers(scenario: Path, tmp_path: Path) -> None:
    path = tmp_path / "here.json"
    main([str(scenario), str(path), "--name", "a board"])
    table = LatencyTable.load(path)
    assert table.device == "a board"
    resolved = load_scenario(scenario).scenario
    for channel_map in tier_maps(build_backbone(resolved.model), resolved.pruning, (32, 16)):
        assert table.total(layers_of(sub_network(resolved.model, channel_map), (32, 16))) > 0


@pytest.mark.parametrize(
    ("table", "options", "text"),
    [
        ("board.json", ("--device", "cuda"), "torch sees no GPU here"),
        ("board.json", ("--threads", "0"), "--threads 0: expected at least 1"),
        ("none/board.json", (), r"none/board\.json can't be written"),
        (".", (), "expected a file in a folder that exists"),
    ],
)
def test_a_machine_or_file_that_is_not_there_is_refused_before_measuring(
    table: str, options: tuple[str, ...], text: str, scenario: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(UserError, match=text):
        main([str(scenario), str(tmp_path / table), *options])


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("tiers = []", "has no tiers"),
        ('tiers = [1.0, 0.5]\nschedule = "one_shot"', "depends on scores"),
        ('tiers = [1.0, 0.5]\nscores = "proxy"\ncriterion = "caie"', "Give a run folder"),
    ],
)
def test_a_scenario_whose_widths_are_not_known_is_refused(line: str, text: str, scenario: Path) -> None:
    scenario.write_text(TOML.replace("tiers = [1.0, 0.5]", line))
    with pytest.raises(UserError, match=text):
        maps_to_measure(scenario)
