"""Reading finished runs: what is in them, and one clear line for each thing that can be wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest

from fedreid.comparison import load_run
from fedreid.comparison.runs import UNVERIFIED, WITHOUT_QUERIES
from fedreid.errors import UserError
from tests.comparison.made_up import make_run


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    return make_run(
        tmp_path / "run", seed=7, ap={"shop": [0.2, 0.6, None]}, clients={0: 50.0, 1: 70.0}, alone={0: 30.0, 1: 40.0}
    )


def forget_digests(run_dir: Path) -> None:
    """As a version wrote it that kept none."""
    summary = json.loads((run_dir / "summary.json").read_text())
    del summary["digests"]
    (run_dir / "summary.json").write_text(json.dumps(summary))


def test_what_a_run_left(run_dir: Path) -> None:
    run = load_run(run_dir)
    assert (run.seed, run.scenario.name, run.notes) == (7, "made-up", ())
    assert run.scores == {
        ("generic", "shop", "mAP"): pytest.approx(40.0),
        ("generic", "shop", "rank1"): 50.0,
        ("personalized", "shop", "mAP"): 60.0,
    }
    assert run.queries["shop"]["AP"].tolist()[:2] == [0.2, 0.6]
    assert run.references["value"].tolist() == [30.0, 40.0]
    assert run.references["client"].tolist() == [0, 1]
    assert set(run.splits) == {"client-000.csv", "generic-shop.csv"}
    assert run.metrics.loc[run.metrics["scope"] == "generic", "client"].unique().tolist() == [-1]


def test_final_scores_are_each_clients_own_last_and_the_start_only_where_nothing_follows(tmp_path: Path) -> None:
    run_dir = make_run(tmp_path / "run", clients={0: 50.0})
    rows = [
        "0,personalized,0,shop,rank1,5", "0,personalized,0,shop,mAP,1", "1,personalized,1,shop,mAP,20",
        "1,personalized,0,shop,mAP,10", "2,personalized,0,shop,mAP,30", "2,personalized,0,shop,queries,9",
        "2,personalized,0,shop,local_model/mated_probes,9", "0,personalized,2,shop,mAP,99", "2,train,0,,loss,0.5",
    ]  # fmt: skip
    (run_dir / "metrics.csv").write_text("round,scope,client,dataset,metric,value\n" + "\n".join(rows) + "\n")
    forget_digests(run_dir)
    final = load_run(run_dir).final
    found = {(row.metric, row.client): row.value for row in final.itertuples()}
    assert found == {("mAP", 0): 30.0, ("mAP", 1): 20.0, ("rank1", 0): 5.0}


Change = Callable[[Path], object]


def edit(name: str, old: str, new: str) -> Change:
    def change(run_dir: Path) -> None:
        file = run_dir / name
        assert old in file.read_text()
        file.write_text(file.read_text().replace(old, new))

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (edit("metrics.csv", "70.0", "71.0"), r"metrics.csv: edited after the run was finished"),
        (edit("references.csv", "30.0", "3.0"), r"references.csv: edited"),
        (edit("scenario.toml", "seed = 7", "seed = 8"), r"scenario.toml: edited"),
        (edit("queries/shop.csv", "0.2", "0.9"), r"queries/shop.csv: edited"),
        (edit("summary.json", "60.0", "66.0"), r"summary.json: edited .* personalized/shop/mAP = 66.0, but .* says 60"),
        (lambda run_dir: (run_dir / "queries" / "shop.csv").unlink(), r"queries/shop.csv: no such file, but the run"),
        (lambda run_dir: (run_dir / "references.csv").unlink(), r"references.csv: no such file, but the run wrote one"),
        (lambda run_dir: (run_dir / "queries" / "b.csv").write_text("x"), r"queries/b.csv: edited"),
        (edit("splits/client-000.csv", "seed 7", "seed 8"), r"splits/client-000.csv: edited"),
        (lambda run_dir: (run_dir / "splits" / "client-000.csv").unlink(), r"splits/client-000.csv: no such file"),
    ],
)  # fmt: skip
def test_a_run_that_was_edited_by_hand_is_refused(run_dir: Path, change: Change, message: str) -> None:
    change(run_dir)
    with pytest.raises(UserError, match=message):
        load_run(run_dir)


def test_other_files_may_be_edited_or_left_out(run_dir: Path) -> None:
    (run_dir / "report.html").write_text("my own notes")
    (run_dir / "timing.csv").write_text("round,client,metric,value\n")
    for file in (run_dir / "splits").iterdir():
        file.unlink()
    assert load_run(run_dir).splits == {}


def test_a_run_of_an_earlier_version_is_accepted_with_a_note(run_dir: Path) -> None:
    (run_dir / "queries" / "shop.csv").unlink()
    forget_digests(run_dir)
    assert load_run(run_dir).notes == (UNVERIFIED, WITHOUT_QUERIES)


def test_where_nobody_searches_no_queries_are_missed(tmp_path: Path) -> None:
    run = load_run(make_run(tmp_path / "faces", generic={"lfw/accuracy": 90.0}, clients={0: 50.0}))
    assert run.notes == ()


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("metrics.csv", "shop,mAP,70.0\n", "shop,mA", r"metrics.csv: damaged: line 13 has 5 values, expected 6"),
        ("metrics.csv", "shop,mAP,70.0\n", "shop,mAP,70", r"metrics.csv: damaged: its last line is cut short"),
        ("metrics.csv", "mAP,70.0", "mAP,70.0,1,2", r"metrics.csv: damaged: line 13 has 8 values"),
        ("metrics.csv", "70.0", "seventy", r"metrics.csv: damaged: line 13: value = 'seventy' is not a number"),
        ("metrics.csv", "2,personalized,1", "2,personalized,one", r"line 13: client = 'one' is not a number"),
        ("metrics.csv", "2,personalized,1", "2.5,personalized,1", r"metrics.csv: damaged: .*"),
        ("metrics.csv", "round,scope", "turn,scope", r"expected the columns round, scope.*found turn, scope"),
        ("references.csv", "30.0", "", r"references.csv: damaged: line 2: value = '' is not a number"),
        ("timing.csv", "round,client,metric,value", "", r"timing.csv: damaged: "),
        ("queries/shop.csv", "AP", "ap", r"shop.csv: expected the columns draw, identity"),
        ("summary.json", "{", "{{", r"summary.json: damaged: not the summary of a run \(JSONDecodeError"),
        ("summary.json", '"status"', '"state"', r"summary.json: damaged: not the summary of a run \(KeyError"),
    ],
)
def test_a_damaged_file_is_named_with_its_line(run_dir: Path, name: str, old: str, new: str, message: str) -> None:
    forget_digests(run_dir)
    edit(name, old, new)(run_dir)
    with pytest.raises(UserError, match=message):
        load_run(run_dir)


def test_an_empty_table_is_damaged(run_dir: Path) -> None:
    forget_digests(run_dir)
    (run_dir / "metrics.csv").write_text("")
    with pytest.raises(UserError, match=r"metrics.csv: damaged"):
        load_run(run_dir)


def test_no_folder_and_no_run_folder(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"gone: no such run folder. A run writes one: fedreid run"):
        load_run(tmp_path / "gone")
    with pytest.raises(UserError, match=r"is not a run folder: it has no scenario.toml"):
        load_run(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"file is a file: give folders of finished runs, or an experiment file"):
        load_run(tmp_path / "file")
    with pytest.raises(UserError, match=r"nnn: can't be read: File name too long"):
        load_run(tmp_path / ("n" * 300))


def test_what_can_not_be_read_is_named(run_dir: Path) -> None:
    (run_dir / "summary.json").unlink()
    (run_dir / "summary.json").mkdir()
    with pytest.raises(UserError, match=r"summary.json: can't be read: Is a directory"):
        load_run(run_dir)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"final": []}, r"summary.json: damaged: final = \[\], expected names and values"),
        ({"timing": "long"}, r"damaged: timing = long, expected names and values"),
        ({"timing": {"total_seconds": "long"}}, r"damaged: timing total_seconds = long, expected a number"),
        ({"versions": [1]}, r"damaged: versions = \[1\], expected names and values"),
        ({"digests": None}, r"damaged: digests = None, expected names and values"),
    ],
)
def test_a_summary_of_other_kinds_of_values_is_damaged(
    tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        load_run(make_run(tmp_path / "run", clients={0: 1.0}, summary=changes))


def test_a_missing_table_is_named(run_dir: Path) -> None:
    (run_dir / "timing.csv").unlink()
    with pytest.raises(UserError, match=r"timing.csv: no such file, so this run folder is not complete"):
        load_run(run_dir)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"status": "interrupted", "rounds": 1}, r"\(interrupted; 1 of 2 rounds are done\). Go on: fedreid resume"),
        ({"status": "failed", "error": "client 3 failed"}, r"not finished \(failed, client 3 failed; 2 of 2"),
        ({"status": "running"}, r"is not finished \(running"),
    ],
)  # fmt: skip
def test_an_unfinished_run_is_told_how_to_go_on(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        load_run(make_run(tmp_path / "run", clients={0: 1.0}, summary=changes))


def test_a_run_that_has_hardly_begun_is_told_how_to_go_on(run_dir: Path) -> None:
    (run_dir / "summary.json").unlink()
    with pytest.raises(UserError, match=r"is not finished: summary.json is missing. Go on: fedreid resume"):
        load_run(run_dir)


def test_no_other_version_is_blamed_for_what_this_one_wrote(tmp_path: Path) -> None:
    run_dir = make_run(tmp_path / "run", clients={0: 1.0}, summary={"versions": {"fedreid": version("fedreid")}})
    forget_digests(run_dir)
    edit("scenario.toml", "[method]", "[method")(run_dir)
    with pytest.raises(UserError, match=r"run: edited by hand, or made by another state of fedreid [\d.]+, and"):
        load_run(run_dir)


def test_a_run_of_another_version_is_named_with_what_it_has(run_dir: Path) -> None:
    forget_digests(run_dir)
    edit("scenario.toml", "[method]", "[method]\nwarp_speed = 9")(run_dir)
    with pytest.raises(
        UserError,
        match=r"made by another version of fedreid \(0.0.9, this is [\d.]+\), and can't be read:\n.*warp_speed",
    ):
        load_run(run_dir)
