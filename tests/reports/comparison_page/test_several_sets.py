"""Several test sets: their mean comes first, with a verdict of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from fedreid.comparison.compared import compared_runs
from fedreid.reports.comparison_page import write_comparison_report
from fedreid.reports.comparison_page.content import content_of
from tests.comparison.made_up import make_run
from tests.reports.comparison_page.made_up import a_run
from tests.reports.page import Page

pytestmark = pytest.mark.usefixtures("text_only")


def test_the_mean_over_test_sets_has_a_table_a_verdict_and_the_first_word(tmp_path: Path) -> None:
    """FedProx is 20 points ahead in the shop and 10 behind in the mall: 5 in the mean, in every seed nearly."""
    runs = []
    for seed in (0, 1, 2):
        wiggle = 0.001 * seed
        runs.append(a_run(tmp_path / f"avg-{seed}", "fedavg", seed, ap=[0.4] * 4, other_set=[0.5] * 4))
        other = {"ap": [0.6 + wiggle] * 4, "other_set": [0.4 - wiggle / 2] * 4}
        runs.append(a_run(tmp_path / f"prox-{seed}", "fedprox", seed, **other))  # type: ignore[arg-type]
    found = compared_runs(runs, tmp_path / "out", "", "fedreid compare a b")
    page = write_comparison_report(found).read_text()
    assert [each.title for each in content_of(found).sections[0].tables[:3]] == ["all test sets", "mall", "shop"]
    rows = Page(page).table("Variant", "mAP")
    assert [row["mAP"] for row in rows] == ["45.0 ± 0.0", "50.0 ± 0.0"]
    assert rows[1]["Verdict"] == "better"
    assert rows[1]["mAP vs FedAvg"].startswith("+5.0")
    assert "Means over 2 test sets, each counting alike: mall, shop." in page
    told = dict(content_of(found).answers)
    assert told["What won"][0] == (
        "On people nobody trained on (mean over 2 test sets) FedProx is better than FedAvg, beyond chance."
    )
    starts = [line.split(":")[0] for line in told["On people nobody trained on"]]
    assert starts == ["All test sets", "mall", "shop"]
    assert told["On people nobody trained on"][1].startswith("mall: FedAvg is highest")


def test_many_sets_are_told_by_their_mean_and_by_who_is_first_how_often(tmp_path: Path) -> None:
    runs = [
        make_run(
            tmp_path / f"{method}-{seed}", seed=seed, settings=[f"method.name={method}"],
            generic={f"set{number}/mAP": 40 + (gain if number < 4 else -gain) + seed for number in range(5)},
        )
        for method, gain in (("fedavg", 0.0), ("fedprox", 2.0)) for seed in (0, 1)
    ]  # fmt: skip
    found = compared_runs(runs, tmp_path / "out", "", "fedreid compare a b")
    first, last = dict(content_of(found).answers)["On people nobody trained on"]
    assert first.startswith("All test sets: FedProx is highest with 41.7")
    assert last == "Highest: FedProx on 4, FedAvg on 1 of 5 test sets."


def test_the_mean_over_test_sets_stands_beside_that_over_all_clients(tmp_path: Path) -> None:
    runs = [
        make_run(
            tmp_path / f"{method}-{seed}", seed=seed, settings=[f"method.name={method}", 'partition.by="dataset"'],
            generic={"mall/mAP": 30.0 + gain, "shop/mAP": 50.0 + gain}, homes={1: "mall"},
            clients={0: 60.0 + gain * (1 + seed / 9), 1: 40.0 + gain},
        )
        for method, gain in (("fedavg", 0.0), ("fedprox", 2.0)) for seed in (0, 1, 2)
    ]  # fmt: skip
    found = compared_runs(runs, tmp_path / "out", "", "fedreid compare a b")
    tables = content_of(found).sections[0].tables
    assert [each.title for each in tables[:3]] == ["all test sets", "mall", "shop"]
    rows = Page(write_comparison_report(found).read_text()).table("Variant", "Own models mAP")
    assert [row["Own models mAP"].split(" ")[0] for row in rows] == ["50.0", "52.1"]
    told = dict(content_of(found).answers)["On the clients' own people"]
    assert [line.split(":")[0] for line in told] == ["All clients", "mall", "shop"]
    worst = dict(content_of(found).answers)["Who is worst off?"]
    assert worst == [
        "The worst-off client fares best with FedProx: 42.0 % mAP (client 1, mean over 3 seeds), against "
        "40.0 % with FedAvg; clients spread by 14.3 points (standard deviation)."
    ]
    assert [row["Worst client mAP"].split(" ")[0] for row in rows] == ["40.0", "42.0"]
