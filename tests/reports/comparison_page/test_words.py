"""The words on top of a comparison's page, where it is sure, where it isn't, and where something is missing."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from fedreid import run_folder
from fedreid.comparison import group_runs, load_run
from fedreid.comparison.compared import RUN_COLUMNS, compared_again, compared_runs
from fedreid.comparison.held_against import held_against
from fedreid.errors import UserError
from fedreid.reports import write_report
from fedreid.reports.comparison_page import write_comparison_report
from fedreid.reports.comparison_page.content import content_of
from tests.reports.comparison_page.made_up import a_run, two_methods
from tests.reports.page import Page

pytestmark = pytest.mark.usefixtures("text_only")


def answers(folder: Path, runs: list[Path]) -> dict[str, str]:
    found = compared_runs(runs, folder / "out", "", "fedreid compare")
    return {question: " ".join(lines) for question, lines in content_of(found).answers}


def test_a_winner_is_named_with_its_lead_its_cost_and_its_seeds(tmp_path: Path) -> None:
    found = two_methods(tmp_path)
    told = {question: " ".join(lines) for question, lines in content_of(found).answers}
    assert "On the clients' own people FedProx is better than FedAvg, beyond chance." in told["What won"]
    assert told["At which cost"].startswith("FedProx moves 13.5 kB in a run (1.50 × the reference)")
    assert "The least is moved by FedAvg: 9.0 kB." in told["At which cost"]
    assert "FedProx: 42.3 % mAP (client 0, mean over 3 seeds), against 40.1 % with FedAvg" in told["Who is worst off?"]
    assert told["How sure is that?"].startswith("Every variant has 3 seeds (0, 1, 2).")


def test_one_seed_withholds_intervals_and_says_so(tmp_path: Path) -> None:
    found = two_methods(tmp_path, seeds=(0,))
    page = write_comparison_report(found).read_text()
    told = {question: " ".join(lines) for question, lines in content_of(found).answers}
    assert "in one seed: whether that is more than chance can't be told" in told["What won"]
    assert "intervals and verdicts are withheld" in told["How sure is that?"]
    rows = Page(page).table("Variant", "Verdict")
    assert [row["Verdict"] for row in rows] == ["reference", "one seed"]
    assert "95 % interval" not in " ".join(told.values())


def test_a_metric_that_a_variant_lacks_is_a_dash_and_a_note(tmp_path: Path) -> None:
    runs = [a_run(tmp_path / f"avg-{seed}", "fedavg", seed, more=seed) for seed in (0, 1)]
    runs += [a_run(tmp_path / f"prox-{seed}", "fedprox", seed, ap=()) for seed in (0, 1)]
    found = compared_runs(runs, tmp_path / "out", "", "fedreid compare")
    page = write_comparison_report(found).read_text()
    assert Page(page).table("Variant", "mAP")[1]["mAP"] == "–"
    assert "FedProx has no mAP here." in page


def test_variants_of_another_split_stand_apart_with_the_setting(tmp_path: Path) -> None:
    runs = [a_run(tmp_path / "avg", "fedavg", 0), a_run(tmp_path / "prox", "fedprox", 0)]
    other = a_run(tmp_path / "moon", "moon", 0)
    (other / "splits" / "client-000.csv").write_text("other people")
    summary = json.loads((other / "summary.json").read_text())
    (other / "summary.json").write_text(json.dumps(summary | {"digests": run_folder.digests(other)}))
    found = compared_runs([*runs, other], tmp_path / "out", "", "fedreid compare")
    page = write_comparison_report(found).read_text()
    assert [row["Variant"] for row in Page(page).table("Variant", "mAP")] == ["FedAvg", "FedProx"]
    assert "MOON and FedAvg have another split: splits/client-000.csv differs" in page


def test_names_with_markup_are_escaped_everywhere(tmp_path: Path) -> None:
    evil = "<img src=x onerror=alert(1)>"
    places = {
        a_run(tmp_path / f"{method}-{seed}", method, seed, dataset=evil): f"{method} {evil} & co"
        for method in ("fedavg", "fedprox")
        for seed in (0, 1)
    }
    variants = group_runs(map(load_run, places), names=places)
    rows = [(name, 0, "", "finished", 1.0, "", str(place)) for place, name in places.items()]
    frame = pd.DataFrame(rows, columns=[*RUN_COLUMNS])
    found = held_against(variants, variants[0].name, tmp_path / "out", evil, runs=frame, description=evil, command=evil)
    text = write_comparison_report(found).read_text()
    page = Page(text)
    assert page.open == []
    assert "img" not in page.tags
    assert "&lt;img src=x" in text
    assert "\\<img" in (found.out / "report.md").read_text()
    assert all(path.parent == found.out / "tables" for path in (found.out / "tables").rglob("*.*"))


def test_the_report_is_written_again_from_the_folder_alone(tmp_path: Path) -> None:
    found = two_methods(tmp_path)
    first = write_comparison_report(found).read_text()
    found.report.unlink()
    assert write_report(found.out) == found.report
    assert found.report.read_text() == first
    assert compared_again(found.out).reference == "FedAvg"


def test_a_folder_whose_runs_are_gone_says_so(tmp_path: Path) -> None:
    found = two_methods(tmp_path, seeds=(0,))
    (tmp_path / "avg-0").rename(tmp_path / "moved")
    with pytest.raises(UserError, match=r"avg-0: no such run folder"):
        write_report(found.out)
    (found.out / "comparison.json").write_text("[")
    with pytest.raises(UserError, match=r"comparison.json: damaged"):
        write_report(found.out)


def test_the_scores_that_are_there_are_explained(tmp_path: Path) -> None:
    results = content_of(two_methods(tmp_path, seeds=(0,))).sections[0]
    assert [line.split(" (")[0].split(":")[0] for line in results.remarks] == ["mAP", "rank-1, -5, -10"]
