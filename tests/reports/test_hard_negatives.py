"""Which public images clients trained on: figures, table, and a word where choosing did nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.reports.made_up import make_run
from tests.reports.made_up_open_set import add_hard_negatives, with_settings
from tests.reports.page import metric, read, write

pytestmark = pytest.mark.usefixtures("text_only")
PUBLIC = 4354


def make(folder: Path, shares: list[float], *overrides: str, **options: int) -> Path:
    run_dir = make_run(folder, rounds=2, **options)
    add_hard_negatives(run_dir, shares)
    return with_settings(run_dir, "method.name=fedfr", *overrides)


def test_the_table_has_the_numbers_of_metrics_csv(tmp_path: Path) -> None:
    run_dir = make(tmp_path / "run", [10, 20, 30, 40, 1, 2, 3, 4])  # four clients, two rounds
    first, last = write(run_dir).table("Round", "Fewest", "Most")
    images = metric(run_dir, round="1", metric="hard_negatives")
    people = metric(run_dir, round="1", metric="hard_negative_identities")
    assert (first["Fewest"], first["Most"]) == ("435", "1,742")  # 10 and 40 % of 4354 images
    assert first["Images, mean"] == f"{sum(images) / 4:,.0f}"
    assert first["People, mean"] == f"{sum(people) / 4:,.0f}"
    assert (first["Share of the public images (%)"], last["Share of the public images (%)"]) == ("25.0", "2.5")


def test_the_figures_tell_how_many_they_were_in_the_end(tmp_path: Path) -> None:
    run_dir = make(tmp_path / "run", [10, 20, 30, 40, 1, 2, 3, 4])
    write(run_dir)
    text = read(run_dir, "report.md")
    # 1 to 4 % of 4354: 44, 87, 131 and 174 images, 109 in the mean; a twelfth of each, 3, 7, 10 and 14 people
    assert "In round 2, the last one, these were 109 images of 8 people for a client on average." in text
    assert "![Public images kept](figures/hard-negatives.png)" in text
    assert read(run_dir).count('id="figure-hard-negative') == 2


@pytest.mark.parametrize(
    ("shares", "expected"),
    [
        (
            [100, 50, 50, 50, 100, 50, 50, 50],
            "In 2 of 8 local trainings (25 %, 1 client) every public image was a hard negative",
        ),
        (
            [0, 50, 50, 50, 50, 50, 50, 50],
            "In 1 of 8 local trainings (12 %, 1 client) no public image was a hard negative",
        ),
    ],
)
def test_a_threshold_that_chooses_nothing_is_told_with_a_way_out(
    tmp_path: Path, shares: list[float], expected: str
) -> None:
    run_dir = make(tmp_path / "run", shares, "method.hard_negatives.threshold=0.35")
    write(run_dir)
    text = read(run_dir, "report.md").replace("\\_", "_")
    assert expected in text
    assert 'The threshold is 0.35. With method.hard_negatives.select = "quantile"' in text


def test_nothing_is_said_where_choosing_works(tmp_path: Path) -> None:
    run_dir = make(tmp_path / "run", [10, 20, 30, 40, 1, 2, 3, 4])
    write(run_dir)
    assert "local trainings" not in read(run_dir)


def test_a_quantile_of_everything_has_no_threshold_to_blame(tmp_path: Path) -> None:
    run_dir = make(tmp_path / "run", [100] * 8, "method.hard_negatives.select=quantile")
    write(run_dir)
    text = read(run_dir, "report.md")
    assert "In 8 of 8 local trainings (100 %, 4 clients) every public image was a hard negative" in text
    assert "The threshold is" not in text


def test_one_client_and_one_round_are_drawn_too(tmp_path: Path) -> None:
    run_dir = make_run(tmp_path / "run", clients=1, rounds=1)
    add_hard_negatives(run_dir, [7.0])
    with_settings(run_dir, "method.name=fedfr")
    assert len(write(run_dir).table("Round", "Fewest")) == 1
    assert "beside its own. In round 1" in read(run_dir, "report.md")
