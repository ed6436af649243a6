"""Which strategy a scenario gets, what it asks of the federation, and weights that clients choose."""

from __future__ import annotations

import pytest
from flwr.app import ConfigRecord
from hypothesis import given
from hypothesis import strategies as st

from fedreid import wire
from fedreid.errors import ClientError, RunError, UserError
from fedreid.scenario.method_schema import MethodSettings
from fedreid.scenario.schema import AggregationSettings, FederationSettings
from server.setup import Setup
from server.strategies import STRATEGIES, build_strategy
from server.strategies.centralised import Centralised
from server.strategies.fedavg import FedAvg, cohort_size, sample_clients
from server.strategies.fedface import FedFace
from server.strategies.fedpav import FedPavDistillation
from server.strategies.requirements import conflicts, requirements
from tests.conftest import NewRun
from tests.server.replies import GRID, NODES, answer, ask, play, theta
from tests.server.toy import federation, toy_app

NAMES = FederationSettings.model_fields["strategy"].annotation.__args__  # type: ignore[union-attr]


def test_every_strategy_that_a_scenario_may_name_can_be_made() -> None:
    assert set(STRATEGIES) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_strategy_gets_the_scenarios_settings(name: str, new_run: NewRun) -> None:
    chosen = (f"federation.strategy={name}", "federation.fraction=0.67", "seed=5", "method.learning_rate=0.03")
    found = build_strategy(Setup.open(new_run(*chosen, "aggregation.malicious=2", "aggregation.momentum=0.25")))
    assert (found.fraction, found.seed) == (0.67, 5)
    assert (found.evaluates_global, found.shares_private_proxies) == (False, False)
    if name == "fedavg":
        assert type(found) is FedAvg
    else:
        assert found.name == name  # type: ignore[attr-defined]
    if name == "fedavgm":
        assert found.flower.server_momentum == 0.25  # type: ignore[attr-defined]
    if name in ("krum", "qfedavg"):
        assert (found.settings.malicious, found.client_learning_rate) == (2, 0.03)  # type: ignore[attr-defined]


def test_some_methods_bring_their_own(new_run: NewRun) -> None:
    def made(*overrides: str, name: str) -> FedAvg:
        return build_strategy(Setup.open(new_run(*overrides, "seed=3", name=name)))

    fedface = made("method.name=fedface", "method.fedface.steps=7", name="a")
    assert isinstance(fedface, FedFace)
    assert (fedface.settings.steps, fedface.shares_private_proxies, fedface.seed) == (7, True, 3)
    centralised = made("method.name=centralised", name="b")
    assert isinstance(centralised, Centralised)
    assert centralised.evaluates_global
    distilling = made("method.name=fedpav", "method.fedpav.distillation=true", "method.batch_size=5", name="c")
    assert isinstance(distilling, FedPavDistillation)
    assert (distilling.batch_size, distilling.seed, len(distilling.public)) == (5, 3, 24)  # 4 of 13 people are public
    assert type(made("method.name=fedpav", name="d")) is FedAvg


def test_distillation_starts_from_the_runs_own_weights(new_run: NewRun) -> None:
    setup = Setup.open(new_run("method.name=fedpav", "method.fedpav.distillation=true"))
    found = build_strategy(setup)
    assert isinstance(found, FedPavDistillation)
    assert all(bool((setup.start[name] == tensor).all()) for name, tensor in found.model.state_dict().items())


def test_distillation_without_public_images_is_a_users_mistake(new_run: NewRun) -> None:
    run_dir = new_run("method.name=fedpav", "method.fedpav.distillation=true")
    (run_dir / "splits" / "public.csv").unlink()
    with pytest.raises(UserError, match=r"distillation needs public images, .* set partition\.public_identities"):
        build_strategy(Setup.open(run_dir))


@pytest.mark.parametrize("method", ["fedface", "centralised", "fedpav"])
def test_a_method_with_its_own_aggregation_refuses_another(method: str, new_run: NewRun) -> None:
    overrides = (f"method.name={method}", "method.fedpav.distillation=true", "federation.strategy=krum")
    with pytest.raises(UserError, match=r"^federation\.strategy = 'krum', but \w+.* brings its own aggregation: use"):
        build_strategy(Setup.open(new_run(*overrides)))


def test_all_other_methods_go_with_all_strategies() -> None:
    for method in ("fedavg", "fedfr", "moon", "fedpav", "local_only"):
        assert conflicts(MethodSettings(name=method), "bulyan") == []  # type: ignore[arg-type]
    assert conflicts(MethodSettings(name="fedface"), "fedavg") == []


def needs(strategy: str, clients: int, **settings: float) -> list[tuple[str, str]]:
    return requirements(strategy, AggregationSettings.model_validate(settings), clients)


@pytest.mark.parametrize(
    ("strategy", "settings", "fewest"),
    [
        ("fedavg", {}, 1), ("fedavgm", {}, 1), ("fedadam", {}, 1), ("fedyogi", {}, 1), ("fedadagrad", {}, 1),
        ("qfedavg", {}, 1), ("fedmedian", {}, 3), ("fedtrimmedavg", {"trim": 0.2}, 5),
        ("fedtrimmedavg", {"trim": 0.4}, 3), ("fedtrimmedavg", {"trim": 0}, 1), ("krum", {}, 3),
        ("krum", {"malicious": 2}, 7), ("multikrum", {"malicious": 1}, 5),
        ("multikrum", {"malicious": 1, "selected": 6}, 7), ("bulyan", {}, 3), ("bulyan", {"malicious": 2}, 11),
    ],
)  # fmt: skip
def test_the_fewest_clients_of_each_strategy(strategy: str, settings: dict[str, float], fewest: int) -> None:
    assert [clients for clients in range(1, 30) if not needs(strategy, clients, **settings)] == [*range(fewest, 30)]


def test_what_is_wrong_is_said_with_a_way_out() -> None:
    assert needs("bulyan", 8, malicious=2) == [
        (
            "aggregation.malicious",
            "= 2 needs at least 11 clients in a round for bulyan, but 8 take part: use at most 1, or let more clients "
            "take part",
        )
    ]
    assert needs("krum", 2, malicious=1) == [
        (
            "federation.strategy",
            "= 'krum' needs at least 3 clients in a round, but 2 take part: let more take part, or use 'fedavg'",
        )
    ]
    assert needs("multikrum", 9, malicious=2, selected=8) == [
        ("aggregation.selected", "= 8 of 9 clients leaves no room for 2 malicious ones: use at most 7, or 0")
    ]


@given(st.integers(3, 30_000), st.floats(0, 0.49))
def test_the_least_trim_that_is_offered_is_enough(clients: int, trim: float) -> None:
    found = needs("fedtrimmedavg", clients, trim=trim)
    if found:
        least = float(found[0][1].rpartition("at least ")[2])
        assert not needs("fedtrimmedavg", clients, trim=least)


@given(st.sampled_from(["krum", "multikrum", "bulyan"]), st.integers(3, 60), st.integers(0, 40))
def test_the_number_of_attackers_that_is_offered_is_right_and_the_largest(name: str, clients: int, many: int) -> None:
    found = needs(name, clients, malicious=many)
    if found:
        most = int(found[0][1].split("use at most ")[1].split(",")[0])
        assert not needs(name, clients, malicious=most)
        assert needs(name, clients, malicious=most + 1)


def test_participants_alone_are_asked_to_train() -> None:
    strategy = FedAvg(participants=(2, 0, 2), nodes=NODES)
    assert [message.metadata.dst_node_id for message in ask(strategy, theta(1))] == [NODES[0], NODES[2]]
    record = wire.to_record(theta(1))
    asked = strategy.configure_evaluate(1, record, ConfigRecord({}), GRID)
    assert [message.metadata.dst_node_id for message in asked] == list(NODES.values())


@given(seed=st.integers(0, 99), able=st.sets(st.integers(0, 2), min_size=1), fraction=st.floats(0.01, 1))
def test_a_share_of_the_participants_is_drawn(seed: int, able: set[int], fraction: float) -> None:
    strategy = FedAvg(seed=seed, participants=tuple(able), fraction=fraction, nodes=NODES)
    asked = [message.metadata.dst_node_id for message in ask(strategy, theta(1))]
    assert len(asked) == cohort_size(len(able), fraction)
    assert set(asked) <= {NODES[client] for client in able}


@given(st.integers(1, 500), st.floats(0.001, 1))
def test_the_cohort_is_as_large_as_its_sample(count: int, fraction: float) -> None:
    assert len(sample_clients(0, 1, count, fraction)) == cohort_size(count, fraction)


def test_centralised_training_asks_the_first_client_alone_and_takes_its_model() -> None:
    strategy = Centralised(fraction=0.5, nodes=NODES)
    messages = ask(strategy, theta(1))
    assert [message.metadata.dst_node_id for message in messages] == [NODES[0]]
    assert play(strategy, theta(1), [answer(theta(2.7), images=13)])["theta"] == theta(2.7)["theta"]


def test_everybody_is_asked_to_evaluate_a_centralised_model() -> None:
    record = wire.to_record(theta(1))
    messages = list(Centralised(nodes=NODES).configure_evaluate(1, record, ConfigRecord({}), GRID))
    assert [message.metadata.dst_node_id for message in messages] == list(NODES.values())


def test_a_client_may_choose_its_weight() -> None:
    """(0.5 * 2 + 1.5 * 6) / 2 = 5, whatever the numbers of images."""
    replies = [
        answer(theta(2), 0, images=10, **{wire.WEIGHT: 0.5}),
        answer(theta(6), 1, images=1, **{wire.WEIGHT: 1.5}),
    ]
    assert play(FedAvg(), theta(0), replies)["theta"] == 5


@pytest.mark.parametrize("weight", [0.0, -1.0, float("nan"), float("inf")])
@pytest.mark.parametrize("name", ["fedavg", "fedadam", "krum"])
def test_a_weight_that_makes_no_mean_is_refused_with_its_client(name: str, weight: float, new_run: NewRun) -> None:
    strategy = build_strategy(Setup.open(new_run(f"federation.strategy={name}")))
    replies = [answer(theta(2), 4, **{wire.WEIGHT: weight})]
    with pytest.raises(RunError, match=f"client 4 sent the weight {weight}: a mean needs positive, finite weights"):
        play(strategy, theta(0), replies)


@pytest.mark.parametrize("name", ["fedadam", "fedavgm", "qfedavg", "krum"])
def test_a_federation_that_failed_and_went_on_ends_with_the_files_of_one_that_did_not(
    name: str, new_run: NewRun
) -> None:
    settings = (f"federation.strategy={name}", "aggregation.momentum=0.2", "evaluation.every=0")  # 3 rounds
    whole, stopped = new_run(*settings, name="whole"), new_run(*settings, name="stopped")
    federation(whole, toy_app()).run()
    with pytest.raises(ClientError):
        federation(stopped, toy_app(fails={3: [1]})).run()
    federation(stopped, toy_app()).run()
    for file in ("model.safetensors", "checkpoints/round-0003/global.safetensors"):
        assert (stopped / file).read_bytes() == (whole / file).read_bytes()
    strategies = [path / "checkpoints" / "round-0003" / "strategy.safetensors" for path in (whole, stopped)]
    assert [path.exists() for path in strategies] == [name.startswith("feda")] * 2
    if name.startswith("feda"):
        assert strategies[0].read_bytes() == strategies[1].read_bytes()
