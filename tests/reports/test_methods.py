"""What methods, strategies and models are called, and what a report must not keep quiet about."""

from __future__ import annotations

import json
from pathlib import Path
from typing import get_args

import pytest

from fedreid.reports.methods import (
    METHODS,
    STRATEGIES,
    deviations,
    epochs,
    marks,
    method_sentence,
    strategy_sentence,
    weights,
)
from fedreid.reports.names import names_of
from fedreid.scenario import Scenario, load_scenario
from fedreid.scenario.method_schema import MethodSettings
from fedreid.scenario.schema import FederationSettings
from server.strategies import FedAvg
from tests.reports.made_up import make_run
from tests.reports.made_up_open_set import add_hard_negatives, make_fedfr, with_settings
from tests.reports.page import read, write


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("methods") / "run", rounds=2)


def scenario(folder: Path, *overrides: str) -> Scenario:
    return load_scenario(folder / "scenario.toml", overrides).scenario


def test_every_method_and_strategy_has_a_name_and_a_sentence(folder: Path) -> None:
    methods = get_args(MethodSettings.model_fields["name"].annotation)
    strategies = get_args(FederationSettings.model_fields["strategy"].annotation)
    assert set(methods) == set(METHODS)
    assert set(strategies) == set(STRATEGIES)
    for name in methods:
        text = method_sentence(scenario(folder, f"method.name={name}").method)
        assert text.endswith(".")
        assert not set("{}") & set(text)
    for name in strategies:
        text = strategy_sentence(scenario(folder, f"federation.strategy={name}"))
        assert text.startswith(f"{STRATEGIES[name].title}: ")
        assert not set("{}") & set(text)


@pytest.mark.parametrize(
    ("override", "method", "text"),
    [
        ("method.fedprox.mu=0.25", "fedprox", "mu = 0.25"),
        ("method.moon.temperature=0.7", "moon", "temperature 0.7"),
        ('method.fedper.layers=["layer4"]', "fedper", "layer4 stay with each client"),
        ("method.ditto.strength=0.3", "ditto", "lambda = 0.3"),
        ("method.fedpav.weights=cosine_distance", "fedpav", "how far training moved their features"),
        ("method.fedpav.distillation=true", "fedpav", "teaches the mean model on public images"),
        ("method.hard_negatives.threshold=0.3", "fedfr", "a cosine above 0.3"),
        ("method.hard_negatives.select=quantile", "fedfr", "the 10 % nearest"),
        ("method.branch.loss=cosface", "fedfr", "tell the client's own people apart (CosFace)"),
        ('method.parts=["public"]', "fedfr", "all public images. Off: hard negatives, contrastive, branch."),
        ("method.parts=[]", "fedfr", "makes it FedAvg"),
    ],
)
def test_a_sentence_has_the_methods_settings(folder: Path, override: str, method: str, text: str) -> None:
    assert text in method_sentence(scenario(folder, f"method.name={method}", override).method)


def test_weights_and_epochs_of_a_run_that_follows_the_published_code(folder: Path) -> None:
    plain = scenario(folder, "method.name=fedfr")
    code = scenario(
        folder, "method.name=fedfr", "faithful.weights_include_hard_negatives=true", "faithful.adaptive_epochs=true"
    )
    assert (weights(plain), epochs(plain)) == ("training images", "2 local epochs")
    assert (weights(code), epochs(code)) == ("training images and hard negatives", "10, 8, 6, then 4 local epochs")
    assert deviations(plain.faithful) == []
    assert [text.partition(":")[0] for text in deviations(code.faithful)] == [
        "weights_include_hard_negatives", "adaptive_epochs",
    ]  # fmt: skip


def subclasses(of: type) -> set[type]:
    return {of} | {found for one in of.__subclasses__() for found in subclasses(one)}


def test_whatever_strategy_shares_private_proxies_is_marked(folder: Path) -> None:
    strategies = {one for one in subclasses(FedAvg) if one.__module__.startswith("server.")}
    sharing = {one.__name__.lower() for one in strategies if one.shares_private_proxies}  # type: ignore[attr-defined]
    said = {name: " ".join(marks(scenario(folder, f"method.name={name}"))) for name in METHODS}
    found = {name for name, text in said.items() if "private class proxies" in text}
    assert found == sharing == {"fedface"}


@pytest.mark.usefixtures("text_only")
@pytest.mark.parametrize(
    ("method", "text"),
    [
        ("fedface", "shares private class proxies with the server, against the privacy rule of FedFR"),
        ("centralised", "Central training is no federation"),
        ("local_only", "Local training only is no federation"),
    ],
)
def test_marks_stand_at_the_top_of_both_forms(tmp_path: Path, method: str, text: str) -> None:
    run_dir = with_settings(make_run(tmp_path / "run", rounds=2), f"method.name={method}")
    write(run_dir)
    page, markdown = read(run_dir), read(run_dir, "report.md")
    assert page.index(text) < page.index('<div class="summary">')
    assert any(line.startswith("> **") and text in line for line in markdown.splitlines()[:6])


@pytest.mark.parametrize(
    ("overrides", "own", "loss"),
    [
        (["method.name=fedavg"], "own model", "CosFace loss"),
        (["method.name=fedavg", "loss.triplet=batch_hard"], "own model", "training loss"),
        (["method.name=fedprox"], "own model", "CosFace loss"),
        (["method.name=moon"], "own model", "training loss"),
        (["method.name=ditto"], "personal model", "CosFace loss"),
        (["method.name=fedfr"], "own model with branch", "training loss"),
        (["method.name=fedfr", 'method.parts=["public", "hard_negatives"]'], "own model", "CosFace loss"),
        (["method.name=fedfr", 'method.parts=["contrastive"]'], "own model", "training loss"),
        (["method.name=centralised"], "central model", "CosFace loss"),
    ],
)
def test_what_is_scored_and_what_the_loss_is_made_of(folder: Path, overrides: list[str], own: str, loss: str) -> None:
    names = names_of(scenario(folder, *overrides))
    assert (names.own, names.loss) == (own, loss)


@pytest.mark.usefixtures("text_only")
@pytest.mark.parametrize(
    ("method", "texts"),
    [
        ("ditto", ("Each client's personal model on held-out images", "Personalized mAP · personal models, mean")),
        ("fedfr", ("Each client's own model with its branch", "Personalized mAP · own models with branch, mean")),
        ("centralised", (
            "The central model on held-out images of each client's own people",
            "Personalized mAP · central model, mean", "Central training, final (round 2)",
            "one ResNet-18 was trained on the images of all 4 clients",
        )),
        ("local_only", ("the server's model stays that one", "trained ResNet-18 models of their own for 2 rounds")),
        ("moon", ("with MOON for 2 rounds", "MOON: 2 local epochs of SGD")),
    ],
)  # fmt: skip
def test_captions_and_tiles_name_the_model_that_is_scored(tmp_path: Path, method: str, texts: tuple[str, ...]) -> None:
    run_dir = with_settings(make_run(tmp_path / "run", rounds=2), f"method.name={method}")
    write(run_dir)
    markdown = read(run_dir, "report.md").replace("\u00a0", " ")
    assert [text for text in texts if text not in markdown] == []


@pytest.mark.usefixtures("page_only")
def test_no_other_methods_loss_is_on_the_axis(tmp_path: Path) -> None:
    run_dir = make_run(tmp_path / "run", rounds=2)
    write(run_dir)
    assert "CosFace loss" in read(run_dir)
    write(with_settings(run_dir, "method.name=moon"))
    assert "CosFace loss" not in read(run_dir)
    assert "All terms together, with their weights." in read(run_dir)


@pytest.mark.usefixtures("text_only")
def test_people_of_several_clients_spoil_the_strangers(tmp_path: Path) -> None:
    run_dir = make_fedfr(make_run(tmp_path / "run", rounds=2))
    summary = json.loads((run_dir / "summary.json").read_text())
    summary["data"]["shared_identities"] = 3
    (run_dir / "summary.json").write_text(json.dumps(summary))
    write(run_dir)
    assert "3 identities belong to several clients" in read(run_dir, "report.md")


@pytest.mark.usefixtures("text_only")
def test_only_a_federation_has_a_shared_model_beside_the_scored_one(tmp_path: Path) -> None:
    for method in ("centralised", "local_only"):
        run_dir = with_settings(make_run(tmp_path / method, rounds=2), f"method.name={method}")
        names = [row[""] for row in write(run_dir).table("", "mAP", "rank-1") if row]
        assert "Shared model mAP" not in read(run_dir)
        assert not any(name.startswith("Shared model") for name in names)


@pytest.mark.usefixtures("text_only")
def test_local_training_alone_is_measured_against_the_start(tmp_path: Path) -> None:
    run_dir = with_settings(make_run(tmp_path / "run", rounds=2), "method.name=local_only")
    assert "vs pre-trained" in write(run_dir).table("Client", "Own model mAP")[0]
    assert not (run_dir / "figures" / "generic-mAP.png").exists()
    assert "Federation" not in read(run_dir)


@pytest.mark.usefixtures("text_only")
def test_deviations_from_the_text_are_listed(tmp_path: Path) -> None:
    run_dir = make_fedfr(make_run(tmp_path / "run", rounds=2))
    write(run_dir)
    assert "pooled\\_tpir: threshold over all scores" in read(run_dir, "report.md")
    plain = make_run(tmp_path / "plain", rounds=2)
    write(plain)
    assert "Deviations" not in read(plain)


@pytest.mark.usefixtures("text_only")
@pytest.mark.parametrize(
    ("impostors", "text"),
    [
        ("all", "evaluation-only access, in simulation"),
        ("cross_client", "Other clients' held-out people only"),
        ("public", "Public people, whom every client has"),
    ],
)
def test_whose_images_the_strangers_were_is_told(tmp_path: Path, impostors: str, text: str) -> None:
    run_dir = with_settings(make_fedfr(make_run(tmp_path / "run", rounds=2)), f"evaluation.impostors={impostors}")
    write(run_dir)
    assert text in read(run_dir, "report.md")
    assert ("evaluation-only" in read(run_dir, "report.md")) == (impostors != "public")


@pytest.mark.usefixtures("text_only")
def test_a_run_without_the_part_reports_no_hard_negatives(tmp_path: Path) -> None:
    run_dir = make_run(tmp_path / "run", rounds=2)
    add_hard_negatives(run_dir, shares=[100.0] * 8)  # all public images: nothing was chosen
    with_settings(run_dir, "method.name=fedfr", 'method.parts=["public"]')
    write(run_dir)
    assert "<h2>Hard negatives" not in read(run_dir)
