"""Experiment files: which variants and runs they mean."""

from __future__ import annotations

from tests.comparison.conftest import BASE, Load


def test_variants_are_the_base_with_their_settings(load: Load) -> None:
    found = load("""
        name = "which"
        seeds = [4, 7]
        reference = "Near"
        [set]
        federation.rounds = 9
        "method.batch_size" = 8
        [[variants]]
        name = "Plain"
        [[variants]]
        name = "Near"
        description = "stays near"
        set = {"method.name" = "fedprox", method.fedprox = {mu = 0.25}, "method.batch_size" = 16}
    """)
    assert (found.name, found.seeds, found.reference) == ("which", (4, 7), "Near")
    plain, near, central = found.variants
    assert (plain.scenario.method.name, plain.scenario.method.batch_size) == ("fedavg", 8)
    assert (near.scenario.method.name, near.scenario.method.batch_size) == ("fedprox", 16)
    assert near.scenario.method.fedprox.mu == 0.25
    assert near.own == {"method.name": "fedprox", "method.fedprox.mu": 0.25, "method.batch_size": 16}
    assert {each.scenario.federation.rounds for each in found.variants} == {9}
    assert {each.scenario.method.learning_rate for each in found.variants} == {0.5}
    assert (central.name, central.is_added) == ("Centralised", True)
    assert (central.scenario.method.name, central.scenario.method.batch_size) == ("centralised", 8)


def test_a_grid_is_a_product_with_names_that_tell_its_points_apart(load: Load) -> None:
    found = load("""
        centralised = false
        [[variants]]
        name = "A"
        [[variants]]
        name = "B"
        set = {"method.name" = "moon"}
        [grid]
        "method.learning_rate" = [0.1, 0.2]
        "pretrain.learning_rate" = [0.3]
        "method.moon.temperature" = [0.5, 0.6]
    """)
    names = [each.name for each in found.variants]
    assert names == [
        "A, method.learning_rate = 0.1, pretrain.learning_rate = 0.3",  # plain FedAvg doesn't read MOON's temperature
        "A, method.learning_rate = 0.2, pretrain.learning_rate = 0.3",
        "B, method.learning_rate = 0.1, pretrain.learning_rate = 0.3, temperature = 0.5",
        "B, method.learning_rate = 0.1, pretrain.learning_rate = 0.3, temperature = 0.6",
        "B, method.learning_rate = 0.2, pretrain.learning_rate = 0.3, temperature = 0.5",
        "B, method.learning_rate = 0.2, pretrain.learning_rate = 0.3, temperature = 0.6",
    ]
    assert found.variants[0].own == {"method.learning_rate": 0.1, "pretrain.learning_rate": 0.3}
    assert found.variants[5].scenario.method.moon.temperature == 0.6
    assert found.reference == names[0]


def test_without_variants_the_grid_or_the_base_is_compared(load: Load) -> None:
    grid = load('[grid]\n"method.name" = ["fedavg", "fedbn"]\n"data.image_size" = [[32, 16]]')
    assert [each.name for each in grid.variants] == [
        "FedAvg, image_size = [32, 16]", "FedBN, image_size = [32, 16]", "Centralised",
    ]  # fmt: skip
    assert [each.name for each in load("").variants] == ["base", "Centralised"]


def test_the_command_line_wins_over_a_variant(load: Load) -> None:
    found = load(
        '[[variants]]\nname = "A"\nset = {"method.epochs" = 5}',
        overrides=["method.epochs=1", "federation.rounds=2"],
        seeds=[9],
        reference="Centralised",
    )
    assert (found.variants[0].scenario.method.epochs, found.start.federation.rounds) == (1, 2)
    assert (found.seeds, found.reference) == ((9,), "Centralised")


def test_central_training_leaves_out_what_only_federations_have(load: Load) -> None:
    base = (
        BASE
        + """
        name = "fedbn"
        [federation]
        batchnorm = "local"
        strategy = "fedadam"
        participants = [0, 1]
        [adaptation]
        methods = ["fine_tune"]
    """
    )
    central = load('[set]\n"federation.rounds" = 7', base=base).variants[1]
    assert central.own == {
        "method.name": "centralised", "federation.strategy": "fedavg", "federation.batchnorm": "average",
        "federation.participants": [], "adaptation.methods": [],
    }  # fmt: skip
    assert central.scenario.federation.rounds == 7
    pruned = load("", base=BASE + "[pruning]\ntiers = [1.0, 0.5]\n[[pruning.budgets]]\nmacs = 0.5").variants[1]
    assert (pruned.scenario.pruning.tiers, pruned.scenario.pruning.budgets) == ((), ())


def test_central_training_is_added_once_and_under_a_name_of_its_own(load: Load) -> None:
    listed = load('[[variants]]\nname = "All"\nset = {"method.name" = "centralised"}\n[[variants]]\nname = "A"')
    assert [each.name for each in listed.variants] == ["All", "A"]
    taken = load('[[variants]]\nname = "Centralised"')
    assert [each.name for each in taken.variants] == ["Centralised", "Centralised (upper bound)"]


def test_variants_that_will_not_be_comparable_are_named_before_anything_runs(load: Load) -> None:
    found = load("""
        [[variants]]
        name = "A"
        [[variants]]
        name = "B"
        set = {"method.epochs" = 1}
        [[variants]]
        name = "C"
        set = {"partition.clients" = 2}
    """)
    assert found.warnings() == [
        "C differs from A in partition.clients: where that changes who holds or tests which images, the two can't be "
        "compared."
    ]
