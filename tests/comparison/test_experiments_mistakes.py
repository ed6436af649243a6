"""Mistakes in experiment files: a line for each, which says where it is and what was expected."""

from __future__ import annotations

from pathlib import Path

import pytest

from fedreid.comparison.experiments import load_experiment
from fedreid.errors import UserError
from tests.comparison.conftest import BASE, Mistakes


def test_mistakes_in_the_file_have_a_line_each(mistakes: Mistakes) -> None:
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


def test_mistakes_of_variants_name_them(mistakes: Mistakes) -> None:
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
            "seeds = [-1]",
            "seeds = [-1] is not allowed: expected a list of whole numbers from 0 to 4294967295, as in [0, 1, 2]",
        ),
        (
            f"[grid]\nmethod.epochs = {list(range(1, 4000))}",
            "means 11,997 runs: more than 10,000 is a mistake in [grid], or work for several files",
        ),
    ],
)  # fmt: skip
def test_what_contradicts_itself(text: str, line: str, mistakes: Mistakes) -> None:
    assert mistakes(text) == [line]


def test_files_that_are_none(tmp_path: Path, mistakes: Mistakes) -> None:
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
