"""The written report: its numbers are the run's, its page needs nothing else, and odd runs are readable too."""

from __future__ import annotations

import json
import re
from pathlib import Path
from statistics import fmean

import numpy as np
import pandas as pd
import pytest

from fedreid.errors import RunError
from fedreid.reports import write_report
from tests.reports.made_up import make_run
from tests.reports.page import Page, metric, read, write


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A plain run folder with its report, for tests that only read."""
    run_dir = make_run(tmp_path_factory.mktemp("shop") / "run")
    write_report(run_dir)
    return run_dir


def test_the_generic_table_has_the_numbers_of_metrics_csv(shop: Path) -> None:
    rows = Page(read(shop)).table("mAP", "rank-1", "mINP")
    shown = {row[""]: row for row in rows}
    for title, number in (("Pre-trained model (round 0)", "0"), ("Federation, final (round 5)", "5")):
        for column, name in (
            ("mAP", "mAP"),
            ("rank-1", "rank1"),
            ("rank-5", "rank5"),
            ("rank-10", "rank10"),
            ("mINP", "mINP"),
        ):
            (value,) = metric(shop, round=number, scope="generic", metric=name)
            assert shown[title][column] == f"{value:.1f}"
    alone = metric(shop, "references.csv", reference="local_only", scope="generic", metric="mAP")
    assert shown["Local only (mean over clients)"]["mAP"] == f"{fmean(alone):.1f}"


@pytest.mark.usefixtures("text_only")
def test_the_client_table_has_the_numbers_of_metrics_csv(tmp_path: Path) -> None:
    run_dir = make_run(tmp_path / "run", datasets=("shop", "station"))
    *rows, mean = write(run_dir).table("Own model mAP", "vs local only")
    finals = [
        metric(run_dir, round="5", scope="personalized", client=str(client), metric="mAP")[0] for client in range(4)
    ]
    assert [row["Own model mAP"] for row in rows] == [f"{value:.1f}" for value in finals]
    assert [row["Dataset"] for row in rows] == ["shop", "station", "shop", "station"]
    assert [row["Training images"] for row in rows] == ["420", "433", "446", "459"]
    assert mean["Own model mAP"] == f"{fmean(finals):.1f}"


@pytest.mark.usefixtures("text_only")
def test_the_costs_are_sums_of_metrics_csv(tmp_path: Path) -> None:
    run_dir = make_run(tmp_path / "run", fraction=0.5)
    page = write(run_dir)
    *_, total = page.table("Round", "Clients", "Received")
    assert total["Images"] == f"{sum(metric(run_dir, scope='cost', metric='images')):,.0f}"
    assert total["Received"] == f"{sum(metric(run_dir, scope='cost', metric='bytes_down')) / 1e6:.1f} MB"
    *by_client, _ = page.table("Client", "Rounds", "Sent")
    assert sum(int(row["Rounds"]) for row in by_client) == 5 * 2


def test_the_page_needs_no_other_file(shop: Path) -> None:
    page = Page(read(shop))
    assert page.resources, "parts of figures refer to each other"
    assert all(resource.startswith("#") for resource in page.resources)
    assert not page.tags & {"link", "iframe", "img", "object", "embed", "video", "audio", "base"}
    text = read(shop)
    assert all(target.startswith("#") for target in re.findall(r"url\([\"']?([^)\"']+)", text))
    assert "@import" not in text
    assert text.count('<svg class="figure"') == 11


def test_figures_follow_the_pages_colours(shop: Path) -> None:
    text = read(shop)
    drawn = "".join(re.findall(r"<svg.*?</svg>", text, flags=re.DOTALL))
    assert "var(--series-1)" in drawn
    assert re.findall(r"#[0-9a-f]{6}", drawn) == []
    used = set(re.findall(r"var\((--[a-z0-9-]+)\)", text))
    for scheme in text.split("prefers-color-scheme: dark")[:2]:
        defined = set(re.findall(r"(--[a-z0-9-]+):", scheme))
        assert {name for name in used if name.startswith("--series")} <= defined


def test_no_two_figures_share_an_id(shop: Path) -> None:
    text = read(shop)
    per_figure = [
        set(re.findall(r'\bid="([^"]+)"', svg)) for svg in re.findall(r"<svg.*?</svg>", text, flags=re.DOTALL)
    ]
    names = [name for names in per_figure for name in names]
    assert len(names) == len(set(names))


@pytest.mark.usefixtures("text_only")
def test_foreign_text_is_escaped(tmp_path: Path) -> None:
    evil = "<script>alert(1)</script>"
    failure = {"round": 2, "client": 1, "stage": "training", "cause": f"ValueError: {evil}"}
    told = {"failures": [failure], "command": f"fedreid run {evil}"}
    run_dir = make_run(tmp_path / "run", summary=told)
    scenario = run_dir / "scenario.toml"  # whose names are checked, but not what it says of itself
    scenario.write_text(scenario.read_text().replace("Five shops", f"Five shops {evil}"))
    page = write(run_dir)
    assert page.open == []
    text = read(run_dir)
    assert re.findall("<script[^>]*>", text) == ['<script type="module">'], "the page's own"
    assert "alert(1)" not in text[text.index("<script") : text.index("</script>")]
    for place in ("fedreid run ", "ValueError: ", "Five shops "):
        assert f"{place}&lt;script&gt;alert(1)" in re.sub("</?span>", "", text), place
    assert r"ValueError: \<script\>" in read(run_dir, "report.md")


def test_the_report_says_how_to_repeat_it(shop: Path) -> None:
    for name in ("report.html", "report.md"):
        text = (shop / name).read_text(encoding="utf-8")
        assert "fedreid run scenarios/shop.toml --set seed=7" in re.sub(r"</?span>", "", text)
        assert "2.13.0" in text
        assert 'backbone = "resnet18"' in text.replace("&#34;", '"')


def test_markdown_and_page_have_the_same_rows(shop: Path) -> None:
    page = Page(read(shop))
    text = read(shop, "report.md")
    for row in page.table("Own model mAP"):
        cells = [cell for cell in row.values() if cell]
        assert any(all(cell in line for cell in cells) for line in text.splitlines() if line.startswith("|"))
    for path in re.findall(r"!\[[^]]*\]\(([^)]+)\)", text):
        assert (shop / path).read_bytes().startswith(b"\x89PNG")


ODD: dict[str, tuple[dict, str]] = {
    "several datasets": ({"generic": ("shop", "station"), "datasets": ("shop", "station")}, "Generic: station"),
    "no generic test set": ({"generic": ()}, "nothing can be said about people nobody trained on"),
    "no public set": ({"public": False}, "Initial model (round 0)"),
    "nobody trained alone": ({"local_only": False}, "vs pre-trained"),
    "evaluated at the start and the end": ({"every": 0}, "Federation, final (round 5)"),
    "one round": ({"rounds": 1}, "Federation, final (round 1)"),
    "one client": ({"clients": 1}, "1 client holding 45 private identities"),
    "some clients in each round": ({"clients": 12, "fraction": 0.25}, "Participation"),
    "it got worse": ({"worse": True}, "the federation made it worse"),
    "interrupted": (
        {"summary": {"status": "interrupted", "rounds": 3}},
        "This run was interrupted after 3 of 5 rounds.",
    ),
    "failed": ({"summary": {"status": "failed", "error": "ClientError: loss is nan"}}, "ClientError: loss is nan"),
}


@pytest.mark.parametrize("name", ODD)
@pytest.mark.usefixtures("text_only")
def test_odd_runs(tmp_path: Path, name: str) -> None:
    options, expected = ODD[name]
    run_dir = make_run(tmp_path / "run", **options)
    write(run_dir)
    assert expected in read(run_dir)
    assert "nan" not in read(run_dir, "report.md").replace("loss is nan", "")


@pytest.mark.usefixtures("text_only")
def test_a_run_that_stopped_before_its_first_round(tmp_path: Path) -> None:
    run_dir = make_run(tmp_path / "run", summary={"status": "interrupted", "rounds": 0})
    (run_dir / "references.csv").unlink()
    for name, keep in (
        ("metrics.csv", lambda line: line.startswith(("round", "0,"))),
        ("timing.csv", lambda line: line[:5] == "round"),
    ):
        lines = (run_dir / name).read_text().splitlines()
        (run_dir / name).write_text("\n".join(filter(keep, lines)) + "\n")
    write(run_dir)
    assert "no later round was evaluated" in read(run_dir)


@pytest.mark.usefixtures("text_only")
def test_forty_clients_have_a_row_each_and_more_are_folded(tmp_path: Path) -> None:
    assert len(write(make_run(tmp_path / "few", clients=40, rounds=2)).table("Own model mAP")) == 41
    many = write_report(make_run(tmp_path / "many", clients=60, rounds=2)).read_text(encoding="utf-8")
    folded = re.search(r"<details><summary>Every client .*?</details>", many, flags=re.DOTALL)
    assert folded
    assert folded.group().count("<tr>") == 61
    assert "Spread over clients" in many


@pytest.mark.usefixtures("text_only")
def test_of_a_thousand_clients_there_are_only_quantiles_and_extremes(tmp_path: Path) -> None:
    page = write(make_run(tmp_path / "run", clients=1000, rounds=2, fraction=0.5))
    assert max(map(len, page.tables)) <= 12
    assert [row["Client"] for row in page.table("Own model mAP")] == ["Lowest", "10 %", "Median", "90 %", "Highest"]


def test_writing_again_gives_the_same_bytes(shop: Path) -> None:
    names = [shop / "report.html", shop / "report.md", *sorted((shop / "figures").glob("*.png"))]
    before = [name.read_bytes() for name in names]
    for name in names:
        name.unlink()
    write_report(shop)
    assert [name.read_bytes() for name in names] == before
    assert len(names) > 2


@pytest.mark.usefixtures("text_only")
def test_a_place_that_can_not_be_written_is_a_failure_of_the_run(tmp_path: Path) -> None:
    run_dir = make_run(tmp_path / "run")
    (run_dir / "figures").write_text("in the way")
    with pytest.raises(RunError, match="the report can't be written"):
        write_report(run_dir)


@pytest.mark.usefixtures("text_only")
def test_bad_images_and_shared_identities_are_told(tmp_path: Path) -> None:
    run_dir = make_run(tmp_path / "run")
    summary = json.loads((run_dir / "summary.json").read_text())
    summary["data"]["shared_identities"] = 3
    (run_dir / "summary.json").write_text(json.dumps(summary))
    write_report(run_dir)
    text = read(run_dir)
    assert "3 identities are held by more than one client." in text
    assert "0007_c1s1_000451_03.jpg: image file is truncated" in text


@pytest.mark.usefixtures("text_only")
def test_a_gallery_without_any_match(tmp_path: Path) -> None:
    run_dir = make_run(tmp_path / "run")
    table = pd.read_csv(run_dir / "metrics.csv")
    table.loc[(table["scope"] == "generic") & ~table["metric"].isin(["queries", "skipped"]), "value"] = np.nan
    table["client"] = table["client"].map(lambda client: "" if np.isnan(client) else int(client))
    table.to_csv(run_dir / "metrics.csv", index=False, na_rep="nan")
    write(run_dir)
    text = read(run_dir, "report.md")
    assert "nothing can be ranked: no query has a match in the gallery." in text
    assert "nan" not in text
