"""By what runs are known: settings that change a number change the key, and no others do."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedreid.comparison.run_keys import alone_key, data_key, run_key, same_images, start_key, variant_key
from fedreid.scenario import Scenario, load_scenario, pinned
from fedreid.scenario.schema import AggregationSettings, FederationSettings

BASE = """
[data.sources.one]
format = "synthetic"
[data.sources.two]
format = "market1501"
path = "market"
"""


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("keys") / "base.toml"
    path.write_text(BASE)
    return path


def scenario(base: Path, *overrides: str) -> Scenario:
    return load_scenario(base, overrides).scenario


WITHOUT_INFLUENCE = (
    "name=other", "description=other", "data.root=/elsewhere", "data.cache=/elsewhere", "runtime.engine=ray",
    "runtime.workers=3", "runtime.ray_address=head:1", "runtime.keep_checkpoints=9", "evaluation.local_only=false",
    "method.fedprox.mu=3.0", "method.moon.weight=9.0", "method.parts=[]", "method.branch.weight=1.0",
    "aggregation.momentum=0.1", "pruning.criterion=fpgm", "adaptation.epochs=9", "data.sources.two.path=/other/market",
    "report.images=false", "report.ranked_lists=2",
)  # fmt: skip
WITH_INFLUENCE = (
    "seed=1", "method.learning_rate=0.02", "method.name=fedprox", "method.proxies=class_mean", "federation.rounds=6",
    "federation.strategy=fedadam", "data.image_size=[64, 32]", "data.sources.one.identities=9", "partition.clients=3",
    "runtime.threads_per_client=2", "runtime.server_threads=2", "runtime.precision=float32", "evaluation.every=2",
    "evaluation.batch_size=9", 'adaptation.methods=["fine_tune"]', "faithful.pooled_tpir=true", "pruning.tiers=[1.0]",
    "data.sources.two.path=duke", "data.skip_bad_images=true",
)  # fmt: skip


@pytest.mark.parametrize("override", WITHOUT_INFLUENCE)
def test_settings_without_influence_on_numbers(override: str, base: Path) -> None:
    assert run_key(scenario(base, override)) == run_key(scenario(base))


@pytest.mark.parametrize("override", WITH_INFLUENCE)
def test_settings_with_influence_on_numbers(override: str, base: Path) -> None:
    changed, plain = scenario(base, override), scenario(base)
    assert run_key(changed) != run_key(plain)
    assert (variant_key(changed) == variant_key(plain)) == (override == "seed=1")


@pytest.mark.parametrize(
    ("there", "override"),
    [
        ("method.name=fedprox", "method.fedprox.mu=3.0"),
        ("method.name=moon", "method.moon.weight=9.0"),
        ("method.name=fedfr", "method.parts=[]"),
        ("method.name=fedfr", "method.branch.weight=1.0"),
        ("method.name=fedrep", "method.fedper.layers=[\"embedding\"]"),
        ("federation.strategy=fedavgm", "aggregation.momentum=0.1"),
        ("pruning.tiers=[1.0, 0.5]", "pruning.criterion=fpgm"),
        ("adaptation.methods=[\"fine_tune\"]", "adaptation.epochs=9"),
    ],
)  # fmt: skip
def test_what_a_method_reads_counts(there: str, override: str, base: Path) -> None:
    assert run_key(scenario(base, there, override)) != run_key(scenario(base, there))


@pytest.mark.parametrize("strategy", get_args(FederationSettings.model_fields["strategy"].annotation))
def test_of_the_strategies_settings_those_count_whose_description_names_the_strategy(strategy: str, base: Path) -> None:
    plain = scenario(base, f"federation.strategy={strategy}")
    for name, field in AggregationSettings.model_fields.items():
        aggregation = plain.aggregation.model_copy(update={name: 3 if field.annotation is int else 0.37})
        is_read = strategy in re.findall(r"\w+", str(field.description))
        assert (run_key(plain.model_copy(update={"aggregation": aggregation})) != run_key(plain)) == is_read, name


def test_the_order_of_the_sources_is_the_order_of_the_clients(base: Path, tmp_path: Path) -> None:
    first, second = BASE.strip().split("\n[data.sources.two]")
    turned = tmp_path / "turned.toml"
    turned.write_text(f"[data.sources.two]{second}\n{first}")
    assert run_key(scenario(turned)) != run_key(scenario(base))
    assert data_key(scenario(turned)) != data_key(scenario(base))


def test_a_run_folder_has_the_key_of_what_it_was_made_from(base: Path, tmp_path: Path) -> None:
    plain = scenario(base, "method.name=fedfr")
    assert run_key(pinned(plain, root=tmp_path, cache=tmp_path)) == run_key(plain)


def test_files_count_by_what_is_in_them(base: Path, tmp_path: Path) -> None:
    one, other = tmp_path / "one.pth", tmp_path / "other.pth"
    one.write_bytes(b"weights")
    other.write_bytes(b"weights")
    key = run_key(scenario(base, f"model.weights={one}"))
    assert run_key(scenario(base, f"model.weights={other}")) == key
    assert run_key(scenario(base)) != key
    other.write_bytes(b"trained further")
    assert run_key(scenario(base, f"model.weights={other}")) != key
    lists = tmp_path / "lists"
    lists.mkdir()
    (lists / "client-000.csv").write_text("a")
    by_lists = ("partition.by=lists", f"partition.lists={lists}")
    key = run_key(scenario(base, *by_lists))
    (lists / "data.json").write_text("{}")
    assert run_key(scenario(base, *by_lists)) == key
    (lists / "client-000.csv").write_text("b")
    os.utime(lists / "client-000.csv", ns=(1, 1))
    assert run_key(scenario(base, *by_lists)) != key
    trace = tmp_path / "trace.csv"
    trace.write_text("a")
    key = run_key(scenario(base, f"system.trace={trace}"))
    trace.rename(tmp_path / "moved.csv")
    assert run_key(scenario(base, f"system.trace={tmp_path / 'moved.csv'}")) == key
    trace.write_text("other")
    assert run_key(scenario(base, f"system.trace={trace}")) != key
    assert run_key(scenario(base, "model.weights=/nowhere")) != run_key(scenario(base)), "the run will say so"


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
def test_a_variant_has_one_key_and_its_runs_have_one_each(base: Path, one: int, other: int) -> None:
    plain = scenario(base)
    first, second = (plain.model_copy(update={"seed": seed}) for seed in (one, other))
    assert variant_key(first) == variant_key(second)
    assert (run_key(first) == run_key(second)) == (one == other)


def test_what_clients_do_alone_depends_on_no_method(base: Path) -> None:
    plain = alone_key(scenario(base))
    for override in (
        "method.name=fedprox",
        "method.name=fedfr",
        "federation.strategy=fedadam",
        "method.moon.weight=2.0",
    ):
        assert alone_key(scenario(base, override)) == plain
    for override in (
        "method.learning_rate=0.02",
        "federation.rounds=3",
        "loss.margin=0.2",
        "seed=1",
        "pretrain.epochs=3",
    ):
        assert alone_key(scenario(base, override)) != plain


def test_starts_and_images_are_shared_by_those_who_ask_for_the_same(base: Path) -> None:
    plain = scenario(base)
    for override in ("method.learning_rate=0.02", "federation.rounds=3"):
        assert start_key(scenario(base, override)) == start_key(plain)
    for override in ("seed=1", "pretrain.epochs=3", "model.width=0.5", "partition.clients=3"):
        assert start_key(scenario(base, override)) != start_key(plain)
        assert data_key(scenario(base, override)) == data_key(plain)
    assert data_key(scenario(base, "data.image_size=[64, 32]")) != data_key(plain)


def test_another_copy_of_the_images_that_is_still_there_is_not_taken_for_this_one(base: Path, tmp_path: Path) -> None:
    for name in ("small", "whole"):
        (tmp_path / name / "market").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "whole")
    small, whole, link, gone = (
        scenario(base, f"data.root={tmp_path / name}") for name in ("small", "whole", "link", "gone")
    )
    assert not same_images(whole, small)
    assert same_images(whole, whole)
    assert same_images(whole, link)
    assert same_images(whole, gone), "moved"
    twins = [scenario(base, f"data.root={tmp_path / name}", "data.synthetic_twin=true") for name in ("small", "whole")]
    assert same_images(*twins), "nobody reads them"
