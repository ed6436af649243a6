"""Which model for a client's own people: rows that were measured, means and spreads over the same clients."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from statistics import fmean, stdev

import pandas as pd
import pytest

from fedreid.reports.findings import find
from fedreid.reports.loading import read_run
from fedreid.reports.models_table import models_table
from tests.reports.made_up import make_run
from tests.reports.made_up_open_set import add_adaptation, add_branch, add_open_set, make_fedfr, with_settings
from tests.reports.page import metric, read, write

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.usefixtures("text_only")


def models(run_dir: Path) -> dict[str, dict[str, str]]:
    """Rows of the table by name."""
    tables = write(run_dir).tables
    chosen = next(rows for rows in tables if rows[0][:3] == ["", "mAP", "rank-1"] and "rank-5" not in rows[0])
    head, *rows = [[" ".join(cell.split()) for cell in row] for row in chosen]
    return {row[0]: dict(zip(head, row, strict=True)) for row in rows}


def test_every_row_has_the_means_of_the_run_s_tables(tmp_path: Path) -> None:
    run_dir = make_fedfr(make_run(tmp_path / "run"))
    rows = models(run_dir)
    own = {"round": "5", "scope": "personalized"}
    expected = {
        "Pre-trained model": metric(run_dir, round="0", scope="personalized", metric="mAP"),
        "Own model": metric(run_dir, metric="local_model/mAP", **own),
        "Own model with branch": metric(run_dir, metric="mAP", **own),
    }
    for title, reference in (
        ("Shared model", "global_model"), ("Shared model, fine-tuned", "fine_tune"),
        ("Shared model, distilled", "distillation"), ("Trained alone", "local_only"),
    ):  # fmt: skip
        expected[title] = metric(run_dir, "references.csv", reference=reference, scope="personalized", metric="mAP")
    assert list(rows) == [
        "Pre-trained model", "Shared model", "Own model", "Own model with branch", "Shared model, fine-tuned",
        "Shared model, distilled", "Trained alone",
    ]  # fmt: skip
    assert {name: row["mAP"] for name, row in rows.items()} == {
        name: f"{fmean(values):.1f}" for name, values in expected.items()
    }
    branch = metric(run_dir, metric="TAR@FAR=1e-3", **own)
    plain = metric(run_dir, metric="local_model/TAR@FAR=1e-3", **own)
    assert rows["Own model with branch"]["TAR@FAR 1e-3"] == f"{fmean(branch):.1f}"
    assert rows["Own model"]["TAR@FAR 1e-3"] == f"{fmean(plain):.1f}"
    text = read(run_dir, "report.md")
    scored = expected["Own model with branch"]
    assert f"| **Own model with branch (before aggregation)** | **{fmean(scored):.1f} ± {stdev(scored):.1f}** |" in text
    assert "mean over 4 clients ± their standard deviation" in text
    assert r"\[Θ\_i, Π\_i\]" in text


def test_rates_that_only_some_clients_resolve_have_no_column(tmp_path: Path) -> None:
    run_dir = make_run(tmp_path / "run")
    add_open_set(run_dir, fewest=9_000)
    row = models(run_dir)["Own model"]
    assert "TAR@FAR 1e-3" in row
    assert "TAR@FAR 1e-4" not in row
    text = read(run_dir, "report.md")
    assert "9,000 to 39,000 impostor pairs for each client" in text
    assert (
        "(1e-6, 1e-5, 1e-4) are left out. Rates that only some of the clients can measure have no mean: 1e-4 (3 of 4)."
        in text
    )


def test_all_rows_are_means_over_the_same_clients(tmp_path: Path) -> None:
    run_dir = make_run(tmp_path / "run", clients=6, fraction=0.5)
    add_open_set(run_dir)  # the start of everybody, but the own models of those who took part in round 5
    last = metrics_of(run_dir, 5)
    assert len(last) == 3
    rows = models(run_dir)
    for name, number in (("Pre-trained model", "0"), ("Own model", "5")):
        values = [
            metric(run_dir, round=number, scope="personalized", client=str(client), metric="TAR@FAR=1e-2")[0]
            for client in last
        ]
        assert rows[name]["TAR@FAR 1e-2"] == f"{fmean(values):.1f}"
    alone = [
        metric(run_dir, "references.csv", reference="local_only", scope="personalized", client=str(client),
               metric="TAR@FAR=1e-2")[0] for client in last
    ]  # fmt: skip
    assert rows["Trained alone"]["TAR@FAR 1e-2"] == f"{fmean(alone):.1f}"
    assert "TAR over 3, TPIR over 3 of 6 clients." in read(run_dir, "report.md")


def metrics_of(run_dir: Path, number: int) -> list[int]:
    """Clients that were scored in a round."""
    frame = pd.read_csv(run_dir / "metrics.csv")
    chosen = frame[(frame["scope"] == "personalized") & (frame["round"] == number) & (frame["metric"] == "mAP")]
    return sorted(int(client) for client in chosen["client"])


def test_a_model_that_lacks_a_score_shows_a_dash(tmp_path: Path) -> None:
    run_dir = make_run(tmp_path / "run")
    add_open_set(run_dir)
    add_adaptation(run_dir)  # ranked, but not verified
    rows = models(run_dir)
    assert rows["Shared model, fine-tuned"]["TAR@FAR 1e-2"] == "–"
    assert rows["Shared model"]["TAR@FAR 1e-2"] != "–"


def test_one_client_has_no_spread(tmp_path: Path) -> None:
    run_dir = make_run(tmp_path / "run", clients=1)
    assert models(run_dir)
    assert "±" not in read(run_dir, "report.md").replace("±0.0", "")


def test_rows_that_do_not_exist_are_left_out(tmp_path: Path) -> None:
    run_dir = make_run(tmp_path / "run", local_only=False)  # no references at all
    assert list(models(run_dir)) == ["Pre-trained model", "Own model"]
    run_dir = make_run(tmp_path / "start", local_only=False)
    lines = (run_dir / "metrics.csv").read_text().splitlines()
    start = [line for line in lines if line.startswith(("round", "0,"))]
    (run_dir / "metrics.csv").write_text("\n".join(start) + "\n")
    run = read_run(run_dir)
    assert models_table(run, find(run)) is None


@pytest.mark.parametrize(
    ("overrides", "name", "about"),
    [
        (["method.name=ditto"], "Personal model", "(never sent)"),
        (["method.name=centralised"], "Central model", "(trained on all clients' images)"),
        (["method.name=fedbn"], "Shared model", "(the last, with each client's private layers)"),
        (["method.name=fedper"], "Shared model", "(the last, with each client's private layers)"),
    ],
)
def test_rows_are_named_after_the_method(tmp_path: Path, overrides: list[str], name: str, about: str) -> None:
    run_dir = with_settings(make_run(tmp_path / "run", rounds=2), *overrides)
    assert name in models(run_dir)
    assert f"{name} {about}" in read(run_dir, "report.md")


def test_the_branch_and_what_it_adds_are_in_the_first_words(tmp_path: Path) -> None:
    run_dir = make_run(tmp_path / "run", rounds=2)
    add_branch(run_dir, points=4.0)
    with_settings(run_dir, "method.name=fedfr")
    write(run_dir)
    own = fmean(metric(run_dir, round="2", scope="personalized", metric="mAP"))
    shared = fmean(metric(run_dir, "references.csv", reference="global_model", metric="mAP"))
    first = read(run_dir, "report.md").split("| Key figure")[0].replace("\u00a0", " ")
    difference = f"{abs(own - shared):.1f} points {'less' if own > shared else 'more'}"
    assert f"The shared model reaches {shared:.1f} % there, {difference}" in first
    assert f"without their branches the own models reach {own - 4:.1f} %." in first


NEWER = re.compile("TAR@FAR|TPIR@FPIR|_pairs|_probes")


@pytest.mark.skipif(not (ROOT / "results" / "market1501-fedavg").exists(), reason="no reference run here")
def test_a_folder_of_an_earlier_version_still_gives_its_report(tmp_path: Path) -> None:
    run_dir = tmp_path / "run"
    shutil.copytree(ROOT / "results" / "market1501-fedavg", run_dir)
    for table in ("metrics.csv", "references.csv"):  # which knew neither verification nor identification
        lines = (run_dir / table).read_text().splitlines(keepends=True)
        (run_dir / table).write_text("".join(line for line in lines if not NEWER.search(line)))
    rows = models(run_dir)
    assert list(rows) == ["Pre-trained model", "Shared model", "Own model", "Trained alone"]
    finals = metric(run_dir, round="6", scope="personalized", metric="mAP")
    assert rows["Own model"]["mAP"] == f"{fmean(finals):.1f}"
    assert "TAR@FAR" not in read(run_dir)
