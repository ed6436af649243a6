"""The numbers behind the figures, against sums made by hand."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedreid.comparison.families import generic_sets
from fedreid.reports.comparison_figures.measured import bound_of, measure
from fedreid.reports.comparison_figures.sums import by_round, sums_of
from tests.reports.comparison_figures.made_up import COLUMNS, Rows, cost, generic, local_only, own, run, variant, whole

ROW = st.tuples(
    st.integers(0, 4), st.sampled_from(["generic", "cost"]), st.integers(-1, 2), st.sampled_from(["a", "b"]),
    st.sampled_from(["mAP", "macs"]), st.floats(0, 100),
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.lists(ROW, max_size=30), st.sampled_from([None, "a"]), st.sampled_from([None, True, False]))
def test_sums_are_those_of_pandas(rows: Rows, dataset: str | None, is_whole: bool | None) -> None:
    table = pd.DataFrame(rows, columns=COLUMNS).drop_duplicates(COLUMNS[:-1], keep="last")
    chosen = table[(table["scope"] == "cost") & (table["metric"] == "macs")]
    chosen = chosen if dataset is None else chosen[chosen["dataset"] == dataset]
    chosen = chosen if is_whole is None else chosen[(chosen["client"] < 0) == is_whole]
    sums = sums_of(run(rows), ["mAP", "macs"])
    for total in (True, False):
        groups = chosen.groupby("round")["value"]
        expected = groups.sum() if total else groups.mean()
        found = by_round(sums, "cost", "macs", dataset, is_whole, total)
        assert found.sort_index().to_dict() == pytest.approx(expected.to_dict())


def test_what_a_variant_is_drawn_from() -> None:
    one = variant("A", lambda seed: [
        *generic({0: 10.0, 2: 20.0 + seed}), *own({0: [1.0, 1.0], 1: [30.0, 40.0], 2: [50.0 + seed, 70.0]}),
        *cost("bytes_down", {1: [5.0, 5.0], 2: [7.0, 0.0]}), *cost("bytes_up", {1: [1.0, 1.0], 2: [3.0, 0.0]}),
        *whole("simulated_seconds", {1: 60.0, 2: 90.0}), *cost("simulated_seconds", {1: [60.0, 1.0]}),
    ])  # fmt: skip
    field = measure([one], "A")
    (found,) = field.subjects
    assert found.generic["shop"].to_dict() == {0: {0: 10, 2: 20}, 1: {0: 10, 2: 21}}
    assert found.personalized.to_dict() == {0: {1: 35, 2: 60}, 1: {1: 35, 2: 60.5}}, "round 0 is the start"
    assert found.finals["generic"].to_dict() == {0: 20, 1: 21}
    assert found.finals["personalized"].to_dict() == {0: 60, 1: 60.5}
    assert found.spent["bytes"][0].to_dict() == {1: 12, 2: 22}
    assert found.spent["simulated_seconds"][1].to_dict() == {1: 60, 2: 150}, "of the whole, not of clients"
    assert {name: values.tolist() for name, values in found.totals.items()} == {
        "bytes_down": [17, 17], "bytes_up": [5, 5], "simulated_seconds": [150, 150]
    }  # fmt: skip


def test_clients_that_are_others_with_every_seed_are_ranked() -> None:
    scores = {0: [50.0, 30.0], 1: [20.0, 60.0]}
    one = variant("A", lambda seed: own({1: scores[seed]}))
    assert measure([one], "A").subjects[0].clients.to_dict() == {0: {0: 30, 1: 50}, 1: {0: 20, 1: 60}}
    lasting = variant("A", lambda seed: own({1: scores[seed]}), settings=['partition.by="camera"'])
    field = measure([lasting], "A")
    assert field.is_lasting
    assert field.subjects[0].clients.to_dict() == {0: {0: 50, 1: 30}, 1: {0: 20, 1: 60}}


def test_generic_quality_is_the_mean_over_test_sets_that_all_have() -> None:
    one = variant("A", lambda _: generic({1: 10.0}, "x") + generic({1: 30.0}, "y") + generic({1: 80.0}, "only-a"))
    other = variant("B", lambda _: generic({1: 20.0}, "x") + generic({1: 40.0}, "y"))
    field = measure([one, other, local_only([1.0], [2.0])], "A")
    assert [*field.sets] == ["x", "y"]
    assert [*field.others] == ["only-a", "shop"]
    assert [subject.finals["generic"].tolist() for subject in field.subjects[:2]] == [[20, 20], [30, 30]]


def test_faces_stand_beside_rankings() -> None:
    rows = generic({1: 10.0}, "x") + generic({1: 90.0}, "pairs", "accuracy") + generic({1: 5.0}, "x", "tier-0.5/mAP")
    one = variant("A", lambda _: rows)
    assert generic_sets([one]) == {"pairs": "accuracy", "x": "mAP"}
    field = measure([one], "A")
    assert (field.metric, field.sets, field.others) == ("mAP", {"x": "mAP"}, {"pairs": "accuracy"})
    faces = measure([variant("A", lambda _: generic({1: 90.0}, "pairs", "accuracy"))], "A")
    assert (faces.metric, faces.sets) == ("accuracy", {"pairs": "accuracy"})


def test_what_is_no_federation() -> None:
    plain = variant("A", lambda _: own({1: [1.0]}))
    central = variant("B", lambda _: own({1: [1.0]}), settings=['method.name="centralised"'])
    alone = variant("C", lambda _: own({1: [1.0]}) + generic({1: 3.0}), settings=['method.name="local_only"'])
    assert [bound_of(each) for each in (plain, central, alone, local_only([1.0]))] == [
        "",
        "centralised",
        "local",
        "local",
    ]
    assert measure([plain, alone], "A").subjects[1].finals["generic"].empty, "its shared model stays the start"
