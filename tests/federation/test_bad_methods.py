"""Methods and strategies that a user combines wrongly: said before any training, in one clear text."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from fedreid.scenario import load_scenario
from server.preflight import long_evaluations
from tests.conftest import write_market

Command = Callable[..., tuple[int, str, str]]
FEDFR = "method.name=fedfr"


@pytest.mark.parametrize(
    ("overrides", "text"),
    [
        (["method.name=fedfrr"], 'method.name = "fedfrr" is not allowed: expected one of "fedavg", "fedfr"'),
        (
            [FEDFR, 'method.parts=["public", "hard_negative"]'],
            'a list of "public", "hard_negatives", "contrastive", "branch", each at most once',
        ),
        (["evaluation.far=[0.1, 2.0]"], "a list of numbers above 0 and below 1"),
        (['adaptation.methods=["fine_tune", "fine_tune"]'], "names one of them twice"),
        (["method.name=centralised", 'adaptation.methods=["fine_tune"]'], "has no clients to adapt"),
        (
            [FEDFR, "partition.identities_per_client=1", "method.branch.loss=cosface"],
            "method.branch.loss = 'cosface' has nothing to tell it apart from",
        ),
        (
            ["method.name=fedface", "partition.identities_per_client=1", 'adaptation.methods=["fine_tune"]'],
            "can't be adapted alone",
        ),
        (["faithful.round_lr_decay=true", "method.schedule=cosine"], "has a schedule of its own"),
        (["method.name=fedbn", "federation.batchnorm=statistics_local"], "fedbn keeps all of BatchNorm"),
        ([FEDFR, 'method.parts=["hard_negatives"]'], 'chooses among public images: add "public"'),
        ([FEDFR, 'method.parts=["branch", "branch"]'], "names one of them twice"),
        ([FEDFR, "partition.public_identities=0"], "partition.public_identities = 0 and no public_source"),
        ([FEDFR, "method.hard_negatives.treshold=0.4"], "Did you mean method.hard_negatives.threshold"),
        (["partition.identities_per_client=1"], "leaves a client nothing to tell apart"),
        (["method.name=fedface", "federation.strategy=krum"], "fedface brings its own aggregation: use 'fedavg'"),
        (["method.name=centralised", "federation.strategy=fedadam"], "centralised brings its own aggregation"),
        (
            ["method.name=fedpav", "method.fedpav.distillation=true", "federation.strategy=fedyogi"],
            "fedpav with distillation brings its own aggregation",
        ),
        (
            ["method.name=fedpav", "method.fedpav.weights=cosine_distance", "federation.strategy=fedmedian"],
            "fedmedian doesn't weigh clients",
        ),
        (["method.name=centralised", "federation.batchnorm=local"], "centralised training has none"),
        (["method.name=fedper", 'method.fedper.layers=["head"]'], "the backbone has no layer 'head'; it has conv1"),
        (["federation.strategy=bulyan", "aggregation.malicious=1"], "needs at least 7 clients in a round for bulyan"),
        (["federation.strategy=fedmedian", "federation.fraction=0.5"], "needs at least 3 clients in a round, but 2"),
        (["evaluation.impostors=public", "partition.public_identities=0", "partition.identities_per_client=4"],
         "evaluation.impostors = 'public' needs public images"),
        (["sampling.identities=1"], "batches of one person"),
    ],
)  # fmt: skip
def test_is_refused_before_training(run: Command, overrides: list[str], text: str, tmp_path: Path) -> None:
    status, _, errors = run(*overrides)
    assert (status, text in errors) == (2, True), errors
    assert not (tmp_path / "run" / "checkpoints").exists()


def test_one_identity_without_public_proxies(run: Command) -> None:
    """The scenario can't know how many people a client has when clients are cameras, sites or drawn."""
    status, _, errors = run("method.name=fedfr", 'method.parts=["branch"]', "partition.identities_per_client=1")
    assert status == 2
    assert "nothing to tell apart" in errors


def test_one_identity_with_public_proxies_trains(run: Command) -> None:
    status, _, errors = run(FEDFR, "partition.identities_per_client=1", "method.hard_negatives.threshold=-0.5")
    assert status == 0, errors


def test_one_identity_cannot_train_alone(run: Command) -> None:
    status, _, errors = run(FEDFR, "partition.identities_per_client=1", "evaluation.local_only=true")
    assert status == 2
    assert "set evaluation.local_only = false" in errors


@pytest.mark.parametrize("removed", [0, 40])
def test_a_public_identity_that_is_also_private(removed: int, run: Command, tmp_path: Path) -> None:
    """The same images under two names, all or some of them: one source public, its copy private."""
    for name in ("one", "two"):
        write_market(tmp_path / name)
    for image in sorted((tmp_path / "one" / "bounding_box_train").iterdir())[:removed]:
        image.unlink()
    sets = [
        f'data.sources.copy={{format = "market1501", path = "{tmp_path / "one"}", verify_counts = false}}',
        f'data.sources.tiny.path="{tmp_path / "two"}"', "partition.public_source=copy", FEDFR,
    ]  # fmt: skip
    status, _, errors = run(*sets)
    assert status == 2
    assert "hold the same images" in errors
    assert "an identity would belong to two clients" in errors


@pytest.mark.parametrize(("threshold", "share"), [(1.0, "0 %"), (-1.0, "100 %")])
def test_a_threshold_that_keeps_nothing_or_everything_is_told_once(run: Command, threshold: float, share: str) -> None:
    status, out, _ = run(FEDFR, f"method.hard_negatives.threshold={threshold}")
    assert status == 0
    told = [line for line in out.splitlines() if "hard negatives of client" in line]
    assert len(told) == 1
    assert share in told[0]
    assert "--set method.hard_negatives.select=quantile" in told[0]


def long_evaluations_of(scenario: Path, *overrides: str, clients: int = 400, public: int = 0) -> list[str]:
    """Of so many clients with 30 images for training and 20 held out."""
    entries = [{"client": client, "train_images": 30, "held_out_images": 20} for client in range(clients)]
    data = SimpleNamespace(num_clients=clients, public=range(public) if public else None, summary={"clients": entries})
    settings = [f"partition.clients={clients}", "federation.rounds=2", "evaluation.local_only=false", *overrides]
    return long_evaluations(load_scenario(scenario, settings).scenario, data)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("overrides", "embedded", "trained"),
    [
        ((), 400 * 399 * 20, 2 * 400 * 30),
        (("evaluation.local_only=true",), 2 * 400 * 399 * 20, 2 * 400 * 30),
        (("federation.fraction=0.1", "method.epochs=3"), 40 * 399 * 20, 2 * 3 * 40 * 30),
        (("evaluation.open_set=always",), 2 * 400 * 399 * 20, 2 * 400 * 30),
        (("evaluation.open_set=always", "federation.rounds=5", "evaluation.every=2"), 3 * 400 * 399 * 20, 5 * 12_000),
        (("method.name=fedbn",), 3 * 400 * 399 * 20, 2 * 400 * 30),
        (("method.name=fedper", 'adaptation.methods=["fine_tune"]'), 4 * 400 * 399 * 20, 2 * 400 * 30),
        (("method.name=centralised", "evaluation.local_only=true"), 400 * 399 * 20, 2 * 400 * 30),
    ],
)
def test_evaluations_that_take_longer_than_the_training_are_told(
    overrides: tuple[str, ...], embedded: int, trained: int, scenario: Path
) -> None:
    """After the last round, each client that took part looks at the 20 images of each of the 399 others."""
    (told,) = long_evaluations_of(scenario, *overrides)
    assert f"embed up to {embedded:,} images of strangers, and train on {trained:,} images in all rounds" in told
    assert "evaluation.open_set = 'never'" in told
    assert ("evaluation.open_set = 'last'" in told) == ("evaluation.open_set=always" in overrides)
    assert ("evaluation.local_only = false" in told) == ("evaluation.local_only=true" in overrides)


@pytest.mark.parametrize(("public", "is_named"), [(0, False), (100, True), (8000, False)])
def test_public_strangers_are_named_as_a_remedy_where_they_are_fewer(
    public: int, is_named: bool, scenario: Path
) -> None:
    """The others' are 399 x 20 = 7,980."""
    (told,) = long_evaluations_of(scenario, public=public)
    assert ("evaluation.impostors = 'public' (" in told) == is_named


@pytest.mark.parametrize(
    ("overrides", "options"),
    [
        (("evaluation.open_set=never",), {}),
        (("method.name=centralised",), {}),
        (("federation.rounds=120",), {}),  # 3 x 120 x 400 x 30 = 4,320,000 passes, and 3,192,000 to embed
        ((), {"clients": 70}),  # 96,600 images
        (("evaluation.impostors=public",), {"public": 100}),  # 40,000
    ],
)
def test_evaluations_that_do_not_are_not_told(
    overrides: tuple[str, ...], options: dict[str, int], scenario: Path
) -> None:
    assert long_evaluations_of(scenario, *overrides, **options) == []
