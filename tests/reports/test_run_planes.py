"""One run's heat map of clients by round, and its way through the plane."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import matplotlib as mpl
import pytest

from fedreid.reports.curves import personalized
from fedreid.reports.drawing import STYLE, Drawing
from fedreid.reports.findings import Findings, find
from fedreid.reports.heat_map import heat_map
from fedreid.reports.loading import read_run
from fedreid.reports.plane import plane
from tests.reports.made_up import make_run


def drawn(findings: Findings) -> tuple[Drawing | None, Drawing | None]:
    with mpl.rc_context(STYLE):
        return heat_map(findings, "pre-trained"), plane(findings, "pre-trained")


@pytest.fixture
def findings(tmp_path: Path) -> Findings:
    return find(read_run(make_run(tmp_path / "run", generic=("one", "two"))))


def test_cells_are_the_clients_scores_by_round(findings: Findings) -> None:
    drawing, _ = drawn(findings)
    assert drawing is not None
    (axes,) = drawing.figure.axes
    last = findings.personalized.loc[5, "mAP"].sort_values(ascending=False)
    assert [each.get_text() for each in axes.get_yticklabels()] == [f"client {client}" for client in last.index]
    assert [each.get_text() for each in axes.get_xticklabels()] == ["0", "1", "2", "3", "4", "5"]
    best = [findings.clients["start"][last.index[0]]] + [
        findings.personalized["mAP"][number, last.index[0]] for number in range(1, 6)
    ]
    assert [text.get_text() for text in axes.texts[:6]] == [f"{value:.1f}" for value in best]
    assert "Round 0 is the pre-trained model." in drawing.caption


def test_the_way_goes_through_both_means(findings: Findings) -> None:
    _, drawing = drawn(findings)
    assert drawing is not None
    axes = drawing.figure.axes[0]
    (way,) = [line for line in axes.get_lines() if line.get_label() == "round by round"]
    generic = sum(result.rounds["mAP"] for result in findings.generic) / 2
    own = [findings.clients["start"].mean(), *findings.personalized["mAP"].groupby(level="round").mean()]
    assert way.get_xdata().tolist() == pytest.approx(generic.tolist())
    assert way.get_ydata().tolist() == pytest.approx(own)
    assert {text.get_text() for text in axes.texts} == {"0", "1", "2", "3", "4", "5"}
    levels = [
        line.get_ydata()[0] for line in axes.get_lines() if line.get_xdata()[0] == 0 and line.get_xdata()[-1] == 1
    ]
    assert findings.clients["alone"].mean() == pytest.approx(levels[0])
    assert "mean of 2 test sets" in drawing.caption


def test_many_clients_are_quantiles_and_many_rounds_are_some(tmp_path: Path) -> None:
    found = find(read_run(make_run(tmp_path / "run", clients=70, rounds=60)))
    cells, way = drawn(found)
    assert cells is not None
    assert way is not None
    (axes,) = cells.figure.axes
    assert [each.get_text() for each in axes.get_yticklabels()] == [str(share) for share in range(0, 101, 10)]
    shown = [int(each.get_text()) for each in axes.get_xticklabels()]
    assert axes.get_xlim() == (-0.5, 39.5)
    assert (len(shown), shown[-1]) == (20, 60), "every second has its number, counted from the last"
    assert not axes.texts, "no numbers in so many cells"
    assert "40 of 61 evaluated rounds" in cells.caption
    assert len(way.figure.axes[0].texts) == 5


def test_one_round_is_neither(tmp_path: Path) -> None:
    found = find(read_run(make_run(tmp_path / "run", rounds=1)))
    cells, way = drawn(found)
    assert cells is not None, "start and end"
    assert way is not None
    start_only = found.personalized.iloc[:0]
    lacking = Findings(**{**vars(found), "personalized": start_only})
    assert drawn(lacking) == (None, None)


def test_one_client_has_no_heat_map(tmp_path: Path) -> None:
    assert drawn(find(read_run(make_run(tmp_path / "run", clients=1))))[0] is None


def test_no_test_set_no_plane(tmp_path: Path) -> None:
    assert drawn(find(read_run(make_run(tmp_path / "run", generic=()))))[1] is None


def test_rounds_without_some_clients_are_told(findings: Findings) -> None:
    away = replace(findings, personalized=findings.personalized.drop(index=(3, findings.clients.index[0])))
    for found, is_told in ((findings, False), (away, True)):
        _, drawing = drawn(found)
        assert drawing is not None
        with mpl.rc_context(STYLE):
            curve = personalized(found, "pre-trained")
        for each in (drawing, curve):
            assert ("which aren't always all" in each.caption) is is_told
