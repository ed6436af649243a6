"""Who looks how: told apart, the same in all figures, and names that fit."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fedreid.reports.comparison_figures.styles import LONGEST, MOST, MOST_CURVES, literal, looks, short
from fedreid.reports.drawing import INK, MUTED

NAMES = [f"variant {place}" for place in range(20)]


def test_twelve_variants_and_both_bounds_are_told_apart() -> None:
    names = [*NAMES[:MOST], "Local only", "Centralised"]
    found = looks(names, NAMES[0], {"Local only": "local", "Centralised": "centralised"})
    assert len({(look.colour, str(look.dash)) for look in found.values()}) == len(names), "by line alone"
    assert len({look.marker for look in found.values()}) == len(names), "by marker alone"
    assert not any(look.is_muted for look in found.values())


def test_the_reference_has_the_ink_and_bounds_have_no_colour() -> None:
    found = looks(["a", "b", "c"], "b", {"c": "local"})
    assert found["b"].colour == INK
    assert found["b"].is_reference
    assert found["c"].colour == MUTED
    assert found["a"].colour not in (INK, MUTED)


def test_a_bound_may_be_the_reference() -> None:
    found = looks(["a", "c"], "c", {"c": "local"})["c"]
    assert (found.colour, found.bound) == (INK, "local")


def test_of_many_variants_the_reference_and_the_best_keep_a_colour() -> None:
    first, second = NAMES[::-1], [NAMES[4], NAMES[7], NAMES[19], *NAMES]
    found = looks([*NAMES, "Local only"], NAMES[2], {"Local only": "local"}, [first, ["Local only", *second]])
    shown = {name for name, look in found.items() if not look.is_muted}
    assert shown == {NAMES[2], "Local only", NAMES[19], NAMES[18], NAMES[17], NAMES[4], NAMES[7]}


def test_among_curves_fewer_keep_one() -> None:
    few = looks(NAMES[:MOST_CURVES], NAMES[0], {})
    assert not any(look.curve.is_muted for look in few.values())
    found = looks(NAMES[: MOST_CURVES + 1], NAMES[0], {}, [NAMES[3:9]])
    assert {name for name, look in found.items() if not look.curve.is_muted} == {NAMES[0], *NAMES[3:6]}
    assert not any(look.is_muted for look in found.values()), "as points they are told apart"


def test_long_names_keep_both_ends() -> None:
    (name,) = short(["FedProx, learning_rate = 0.05, mu = 0.1"])
    assert name == "FedProx…0.05, mu = 0.1", "and no sign that has lost its side"
    assert len(name) <= LONGEST


def test_names_cut_to_the_same_say_which_they_are() -> None:
    names = [f"FedAvg with {'x' * place} and so much more of it" for place in range(3)]
    found = short(names)
    assert found[1].endswith(" (2)")
    assert len({*found}) == 3


@given(st.lists(st.text("ab ()23", max_size=60) | st.text(max_size=60), max_size=12))
def test_short_names_are_short_and_each_is_another(names: list[str]) -> None:
    found = short(names)
    assert all(0 < len(name) <= LONGEST for name in found)
    assert len({*found}) == len(names)


def test_nothing_in_a_name_is_mathematics_or_left_out_of_a_legend() -> None:
    assert literal("a$b$c") == r"a\$b\$c"
    assert not literal("_hidden").startswith("_")
