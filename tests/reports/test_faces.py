"""What a report says of tests on faces, where there is much to say and where there is nothing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from fedreid.reports.faces import faces_table
from fedreid.reports.figures import draw
from fedreid.reports.findings import Generic, find
from fedreid.reports.loading import read_run
from fedreid.reports.page import key_figures
from fedreid.reports.report import write_report
from fedreid.reports.words import summary
from tests.reports.made_up import make_run

PAIRS = {"genuine_pairs": 3000, "impostor_pairs": 3000}
TEMPLATES = {"genuine_pairs": 36, "impostor_pairs": 720, "mated_probes": 36, "non_mated_probes": 36}
LFW = {0: {"accuracy": 80.0}, 3: {"accuracy": 84.0}, 5: {"accuracy": 82.5, "TAR@FAR=1e-2": 40.0} | PAIRS}
IJB = {
    0: {"TAR@FAR=1e-2": 30.0, "TPIR@FPIR=1e-1": 20.0} | TEMPLATES,
    5: {"TAR@FAR=1e-2": 25.0, "TPIR@FPIR=1e-1": 21.0} | TEMPLATES,
}


def run_with(folder: Path, **faces: Mapping[int, Mapping[str, float]]) -> Path:
    """A run of five rounds with a ranked test set, `synthetic`, and these; scores by round."""
    run = make_run(folder, local_only=False)
    with (run / "metrics.csv").open("a", encoding="utf-8") as file:
        for name, rounds in faces.items():
            for number, scores in rounds.items():
                file.writelines(f"{number},generic,,{name},{metric},{value}\n" for metric, value in scores.items())
    return run


def result_of(run: Path, name: str) -> Generic:
    (found,) = (result for result in find(read_run(run)).generic if result.dataset == name)
    return found


def lines_of(run: Path, name: str) -> tuple[list[list[str]], list[str]]:
    scenario = read_run(run).scenario
    table = faces_table(result_of(run, name), "pre-trained", "Federation", scenario)
    texts = [[cell.text for cell in row.cells] for row in table.rows]
    return [list(table.columns), *texts], table.note.splitlines()


def test_each_kind_of_test_has_its_own_score(tmp_path: Path):
    run = run_with(tmp_path / "run", lfw=LFW, ijb=IJB)
    found = {result.dataset: (result.is_ranked, result.metric) for result in find(read_run(run)).generic}
    assert found == {"ijb": (False, "TAR@FAR=1e-2"), "lfw": (False, "accuracy"), "synthetic": (True, "mAP")}
    assert (result_of(run, "lfw").best_round, result_of(run, "lfw").last_round) == (3, 5)


def test_pairs_in_a_table(tmp_path: Path):
    rows, notes = lines_of(run_with(tmp_path / "run", lfw=LFW), "lfw")
    assert rows == [
        ["", "accuracy", "TAR@FAR 1e-2", "accuracy vs start"],
        ["Pre-trained model (round 0)", "80.0", "–", "–"],
        ["Federation, final (round 5)", "82.5", "40.0", "+2.5"],
        ["Federation, best (round 3) *", "84.0", "–", "+4.0"],
    ]
    assert notes[0] == "In percent. Accuracy: mean over the folds of the list."
    assert notes[1].startswith("3,000 genuine pairs and 3,000 impostor pairs: the smallest false accept rate that can ")
    assert "(1e-6, 1e-5, 1e-4, 1e-3) are left out" in notes[1]


def test_templates_in_a_table(tmp_path: Path):
    rows, notes = lines_of(run_with(tmp_path / "run", ijb=IJB), "ijb")
    assert rows[0] == ["", "TAR@FAR 1e-2", "TPIR@FPIR 1e-1", "TAR@FAR 1e-2 vs start"]
    assert rows[2] == ["Federation, final (round 5)", "25.0", "21.0", "−5.0"]
    assert notes[2].startswith("36 mated probes and, with one of two galleries at a time, about 18 non-mated probes: ")


def test_the_words_lead_with_each_score(tmp_path: Path):
    run = read_run(run_with(tmp_path / "run", lfw=LFW, ijb=IJB))
    said = [text.replace("\u00a0", " ") for text in summary(run, find(run))]
    assert said[1] == (
        "On the faces of ijb, which nobody trained on, the shared model's TAR@FAR 1e-2 fell from 30.0 % (pre-trained) "
        "to 25.0 %, −5.0 points: the federation made it worse."
    )
    assert said[2] == (
        "On the faces of lfw, which nobody trained on, the shared model's accuracy rose from 80.0 % (pre-trained) to "
        "82.5 %, +2.5 points. Round 3 was better on it, at 84.0 %."
    )
    assert said[3].startswith("On the test identities of synthetic, which nobody trained on, the shared model's mAP")
    tiles = {tile.name: (tile.value, tile.detail) for tile in key_figures(run, find(run))}
    assert tiles["Generic accuracy · lfw"] == ("82.5", "+2.5 vs pre-trained")
    assert tiles["Generic TPIR@FPIR 1e-1 · ijb"] == ("21.0", "+1.0 vs pre-trained")


def test_test_sets_of_one_score_share_a_figure(tmp_path: Path):
    run = run_with(tmp_path / "run", lfw=LFW, cfp={0: {"accuracy": 70.0}, 5: {"accuracy": 71.0}}, ijb=IJB)
    drawn = [drawing.name for drawing in draw(find(read_run(run)), "pre-trained") if drawing.name.startswith("generic")]
    assert sorted(drawn) == ["generic-TAR-FAR-1e-2", "generic-accuracy", "generic-mAP", "generic-rank1"]


@pytest.mark.usefixtures("text_only")
def test_lists_that_are_too_short_for_any_score_are_said_to_be(tmp_path: Path):
    counts = {"genuine_pairs": 2, "impostor_pairs": 3, "mated_probes": 1, "non_mated_probes": 1}
    run = run_with(tmp_path / "run", ijb={0: counts, 5: counts})
    page = write_report(run).read_text(encoding="utf-8").replace("\u00a0", " ")
    assert "On the faces of ijb, which nobody trained on, nothing can be measured: there are too few pairs." in page
    rows, notes = lines_of(run, "ijb")
    assert len(rows) == 1
    assert notes[-1] == "No TPIR@FPIR: 1 mated probes and 1 non-mated probes."
