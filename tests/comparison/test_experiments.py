"""Experiment files: which variants and runs they mean, and what is said of mistakes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from fedreid.comparison.comparison_folder import refuse_folder, write_experiment, write_failures
from fedreid.comparison.experiment_variants import slug
from fedreid.comparison.experiments import Experiment, load_experiment
from fedreid.comparison.run_keys import variant_key
from fedreid.errors import UserError

BASE = """
name = "base"
[data.sources.people]
format = "synthetic"
[method]
learning_rate = 0.5
"""
Load = Callable[..., Experiment]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """An experiment from its text, on a base scenario."""

    def read(text: str, *, base: str = BASE, **options: object) -> Experiment:
        (tmp_path / "base.toml").write_text(base)
        path = tmp_path / "e.toml"
        path.write_text(f'base = "base.toml"\n{text}')
        return load_experiment(path, **options)  # type: ignore[arg-type]

    return read


@pytest.fixture
def mistakes(load: Load, tmp_path: Path) -> Callable[..., list[str]]:
    """The lines that are said of an experiment, without the file's name."""

    def said(text: str, **options: object) -> list[str]:
        with pytest.raises(UserError) as caught:
            load(text, **options)
        return [line.removeprefix(f"{tmp_path / 'e.toml'}: ") for line in str(caught.value).split("\n")]

    return said


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


def test_mistakes_in_the_file_have_a_line_each(mistakes: Callable[..., list[str]]) -> None:
    said = mistakes("""
        sead = [0]
        at_once = -1
        seeds = [0, "a"]
        variants = [{nmae = "A"}, {name = "B", set = 3, sett = {}}, {name = "a\\nb"}, 5]
        [method]
        name = "fedprox"
    """)
    assert sorted(said) == sorted(
        [
            "sead is not a setting. Did you mean seeds?",
            "at_once = -1 is not allowed: expected a whole number of at least 0",
            'seeds = [0, "a"] is not allowed: expected a list of whole numbers from 0 to 4294967295, as in [0, 1, 2]',
            "[[variants]] number 1: name is missing: expected text of 1 to 80 characters in one line",
            "[[variants]] number 1: nmae is not a setting. Did you mean name?",
            'variant B: set = 3 is not allowed: expected a table of settings, as in {"method.name" = "fedprox"}',
            "variant B: sett is not a setting. Did you mean set?",
            '[[variants]] number 3: name = "a\\nb" is not allowed: expected text of 1 to 80 characters in one line',
            "[[variants]] number 4: expected tables [[variants]] with a name and what each sets",
            "method belongs to scenarios: put it into [set], or into the set of a variant",
        ]
    )
    assert mistakes("seeds = []") == [
        "seeds is empty: expected a list of whole numbers from 0 to 4294967295, as in [0, 1, 2]"
    ]


def test_mistakes_of_variants_name_them(mistakes: Callable[..., list[str]]) -> None:
    said = mistakes("""
        [[variants]]
        name = "A"
        set = {"method.nmae" = "x", "method.epochs" = 0}
        [[variants]]
        name = "B"
        set = {"method.epochs" = 0}
        [[variants]]
        name = "C"
    """)
    assert said == [
        "variants A; B: method.epochs = 0 is not allowed: expected a whole number of at least 1",
        "variant A: [method] nmae is not a setting. Did you mean method.name?",
    ]
    everywhere = mistakes("[set]\nmethod.epochs = 0")
    assert everywhere == ["the base: method.epochs = 0 is not allowed: expected a whole number of at least 1"]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("seeds = [1, 1]", "seeds = [1, 1] has 1 twice: the same run again would count as another"),
        ('variants = [{name = "A"}, {name = "A"}]', "two variants are called A: give each a name of its own"),
        ("[set]\nseed = 1", "[set] seed is decided by seeds = [...] in the experiment file"),
        (
            "[grid]\nevaluation.local_only = [true, false]",
            "[grid] evaluation.local_only is decided by local_only = true or false in the experiment file",
        ),
        (
            "[grid]\nmethod.epochs = 3",
            "[grid] method.epochs = 3 is not allowed: expected a list of values, as in [0.01, 0.1]",
        ),
        ("[grid]\nmethod.epochs = [1, 1]", "[grid] method.epochs = [1, 1] has a value twice"),
        (
            'variants = [{name = "A", set = {method.epochs = 2}}]\n[grid]\nmethod.epochs = [1, 3]',
            "variant A: method.epochs is varied by [grid] already: set it in one of the two",
        ),
        (
            'variants = [{name = "A"}, {name = "B", set = {"method.moon.weight" = 9.0}}]',
            "variants A and B are the same: they differ in no setting that has an influence on the numbers. Leave one "
            "out, or change what it sets.",
        ),
        (
            'reference = "centralized"',
            'reference = "centralized" is not one of the variants. Did you mean Centralised?',
        ),
        (
            'reference = "x"\nlocal_only = false',
            'reference = "x" is not one of the variants. There are: base, Centralised.',
        ),
        (
            'variants = [{name = "Local only"}]',
            "variant Local only: the row of clients trained alone has this name: use another",
        ),
        (
            f"[grid]\nmethod.epochs = {list(range(1, 4000))}",
            "means 11,997 runs: more than 10,000 is a mistake in [grid], or work for several files",
        ),
    ],
)  # fmt: skip
def test_what_contradicts_itself(text: str, line: str, mistakes: Callable[..., list[str]]) -> None:
    assert mistakes(text) == [line]


def test_files_that_are_none(tmp_path: Path, mistakes: Callable[..., list[str]]) -> None:
    path = tmp_path / "s.toml"
    with pytest.raises(UserError, match=r"s\.toml: no such experiment file"):
        load_experiment(path)
    path.write_text(BASE)
    with pytest.raises(UserError, match=r'is a scenario, and an experiment file is .*: one with base = "s\.toml"'):
        load_experiment(path)
    path.write_text('base = "nowhere.toml"')
    with pytest.raises(UserError, match=r"the base: .*nowhere\.toml: no such scenario file"):
        load_experiment(path)
    path.write_text("base = ")
    with pytest.raises(UserError, match=r"s\.toml: not valid TOML"):
        load_experiment(path)
    path.write_bytes(b"\xff")
    with pytest.raises(UserError, match="not a text file in UTF-8"):
        load_experiment(path)
    with pytest.raises(UserError, match="can't be read"):
        load_experiment(tmp_path)


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


def test_the_resolved_experiment_means_the_same_runs(load: Load, tmp_path: Path) -> None:
    found = load(
        """
        name = "which"
        description = "Which?"
        seeds = [2, 3]
        at_once = 5
        local_only = false
        [set]
        "federation.rounds" = 9
        [[variants]]
        name = "A <b>"
        description = "first"
        [[variants]]
        name = "B"
        set = {"method.name" = "fedprox", "method.epochs" = 5}
        [grid]
        "data.image_size" = [[32, 16], [64, 32]]
        """,
        overrides=["method.epochs=3"],
        reference="B, image_size = [64, 32]",
    )
    folder = tmp_path / "out"
    write_experiment(found, folder)
    again = load_experiment(folder / "experiments.toml")
    for name in ("name", "description", "seeds", "reference", "at_once", "local_only"):
        assert getattr(again, name) == getattr(found, name)
    assert [each.name for each in again.variants] == [each.name for each in found.variants]
    assert [variant_key(each.scenario) for each in again.variants] == [
        variant_key(each.scenario) for each in found.variants
    ]
    assert [each.description for each in again.variants] == [each.description for each in found.variants]
    assert str(tmp_path) not in (folder / "experiments.toml").read_text()


def test_a_folder_of_something_else_is_refused(load: Load, tmp_path: Path) -> None:
    refuse_folder(tmp_path / "new", "a")
    write_experiment(load('name = "a"'), tmp_path / "out")
    refuse_folder(tmp_path / "out", "a")
    with pytest.raises(UserError, match="holds the comparison a, and this one is b: give another --out"):
        refuse_folder(tmp_path / "out", "b")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "scenario.toml").touch()
    with pytest.raises(UserError, match="is the folder of a run"):
        refuse_folder(tmp_path / "run", "a")
    with pytest.raises(UserError, match="is a file"):
        refuse_folder(tmp_path / "e.toml", "a")
    with pytest.raises(UserError, match="can't write"):
        write_experiment(load(""), tmp_path / "e.toml")


def test_failures_are_kept_while_there_are_any(tmp_path: Path) -> None:
    write_failures(tmp_path, [{"reason": "loss is nan – ü"}])
    assert '"reason": "loss is nan – ü"' in (tmp_path / "failures.json").read_text(encoding="utf-8")
    write_failures(tmp_path, [])
    assert not (tmp_path / "failures.json").exists()
    write_failures(tmp_path, [])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("FedAvg", "FedAvg"),
        ("FedProx, mu = 0.1", "FedProx-mu-0.1"),
        ("<b>Größe</b> / .. ", "b-Gr-e-b"),
        ("...", "variant"),
        ("日本", "variant"),
        ("x" * 90, "x" * 48),
    ],
)
def test_names_become_parts_of_folders(name: str, expected: str) -> None:
    assert slug(name) == expected
