"""Long names and long settings leave room for the numbers; what one seed can't say isn't said."""

from __future__ import annotations

import csv
from pathlib import Path

import pandas as pd
import pytest

from fedreid.comparison import group_runs, load_run
from fedreid.comparison.compared import RUN_COLUMNS, compared_runs
from fedreid.comparison.held_against import Comparison, held_against
from fedreid.reports.comparison_page import write_comparison_report
from fedreid.reports.comparison_page.content import content_of
from tests.reports.comparison_page.made_up import a_run, sealed, two_methods
from tests.reports.page import Page

pytestmark = pytest.mark.usefixtures("text_only")
LONG = "FedAvg with everything that we use in all of our shops"


def named(folder: Path, seeds: tuple[int, ...] = (0,)) -> Comparison:
    """Two variants, the reference with a long name."""
    names = {"fedavg": LONG, "fedper": "FedPer"}
    places = {a_run(folder / f"{each}-{seed}", each, seed): name for each, name in names.items() for seed in seeds}
    variants = group_runs(map(load_run, places), names=places)
    rows = [(name, 0, "", "finished", 1.0, "", str(place)) for place, name in places.items()]
    return held_against(variants, LONG, folder / "out", "odd", runs=pd.DataFrame(rows, columns=[*RUN_COLUMNS]))


def test_a_long_reference_makes_no_tall_heads(tmp_path: Path) -> None:
    text = write_comparison_report(named(tmp_path)).read_text()
    rows = Page(text).table("Variant", "mAP vs reference", "Own vs reference")
    assert rows[0]["Variant"].startswith(LONG)
    assert f'<th scope="row" class="long">{LONG}' in text
    assert '<th scope="row">FedPer' in text


def test_lists_in_settings_are_told_in_words(tmp_path: Path) -> None:
    rows = Page(write_comparison_report(named(tmp_path)).read_text()).table("Variant", "BatchNorm")
    assert rows[1][f"Differs from {LONG} in"] == "method.name = fedper; method.fedper.layers = embedding, embedding_bn"


def test_one_seed_has_no_standard_deviation_in_the_words_either(tmp_path: Path) -> None:
    one, several = (write_comparison_report(two_methods(tmp_path / f"{n}", range(n))).read_text() for n in (1, 2))
    assert "standard deviation over 1 seed" not in one
    assert "Scores of one seed." in one
    assert "In percent, of one seed." in one
    assert "Mean ± standard deviation over 2 seeds" in several


def test_answers_that_came_too_late_are_counted(tmp_path: Path) -> None:
    """One run with two late answers, one with none: one on average."""
    timed = ["system.deadline_seconds=5", 'system.profiles=[{device="jetson-nano", link="mobile"}]']
    runs = [a_run(tmp_path / f"{name}-{seed}", name, seed, settings=timed)
            for name in ("fedavg", "fedprox") for seed in (0, 1)]  # fmt: skip
    with (runs[0] / "metrics.csv").open("a", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([[1, "cost", 0, "", "late", 1], [2, "cost", 1, "", "late", 1]])
    sealed(runs[0])
    page = Page(write_comparison_report(compared_runs(runs, tmp_path / "out", "", "fedreid compare a b")).read_text())
    assert [row["Too late"] for row in page.table("Images", "Too late")] == ["1", "0"]


def test_an_interval_beyond_zero_that_is_still_chance_says_why(tmp_path: Path) -> None:
    """One of many variants is ahead in every seed: alone that would do, among so many it doesn't."""
    told = []
    for others in (0, 6):
        folder = tmp_path / f"{others}"
        runs = [a_run(folder / f"a-{seed}", "fedavg", seed, ap=()) for seed in (0, 1, 2)]
        runs += [a_run(folder / f"b-{seed}", "fedprox", seed, ap=(), more=2 + 0.5 * seed) for seed in (0, 1, 2)]
        runs += [
            a_run(folder / f"c-{number}-{seed}", "fedprox", seed, ap=(), more=(-1) ** (seed + number) * 0.3,
                  settings=[f"method.fedprox.mu={0.1 * (number + 1)}"])
            for number in range(others) for seed in (0, 1, 2)
        ]  # fmt: skip
        found = compared_runs(runs, folder / "out", "", "fedreid compare")
        told.append(dict(content_of(found).answers)["On the clients' own people"][0])
    assert "beyond chance" in told[0]
    assert "which may be chance among so many variants" in told[1]
