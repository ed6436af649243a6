"""Whole federations with all trackers: the same numbers, and a resumed run is one run in each of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest

import fedreid
from fedreid.progress import Progress
from fedreid.trackers import TrackedRun
from tests.conftest import leave_out_drawings
from tests.federation.runs import QUICK, stop
from tests.trackers import test_mlflow, test_tensorboard, test_wandb

ALL = 'tracking.to=["tensorboard","mlflow","wandb"]'


@pytest.fixture(scope="module", autouse=True)
def without_drawings() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        leave_out_drawings(patch)
        yield


def in_each(run_dir: Path) -> list[dict[str, list[tuple[int, float | None]]]]:
    run = TrackedRun(run_dir, None)  # type: ignore[arg-type]
    client, (stored,) = test_mlflow.read(run_dir / "mlruns", "tiny")
    return [test_tensorboard.series(run), test_mlflow.series(client, stored), test_wandb.series(run)]


def test_trackers_change_no_number_and_a_stopped_run_goes_on_in_all_of_them(
    scenario: Path, tmp_path: Path, final_files: Callable[[Path], dict[str, bytes]]
) -> None:
    plain = fedreid.run(scenario, out=tmp_path / "plain", overrides=QUICK)
    stop(scenario, tmp_path / "run", [*QUICK, ALL])
    assert [[point[0] for point in each["generic/tiny/mAP"]] for each in in_each(tmp_path / "run")] == [[0, 1]] * 3
    told: list[str] = []

    class Told(Progress):
        def message(self, text: str) -> None:
            told.append(text)

    result = fedreid.resume(tmp_path / "run", progress=Told())
    found, expected = final_files(tmp_path / "run"), final_files(tmp_path / "plain")
    assert found == expected
    assert [text.split(":")[0] for text in told if text.startswith("tracked by")] == [
        "tracked by tensorboard", "tracked by mlflow", "tracked by wandb",
    ]  # fmt: skip
    rows = result.metrics.query("scope == 'generic' and metric == 'mAP'")
    for series in in_each(tmp_path / "run"):
        points = series["generic/tiny/mAP"]
        assert [step for step, _ in points] == [0, 1, 2]
        assert [value for _, value in points] == pytest.approx(list(rows["value"]))
        last = {name: series[name][-1][1] for name in ("generic/tiny/rank1", "personalized/tiny/mAP")}
        assert last == pytest.approx({name: plain.final[name] for name in last})
        loss = pd.DataFrame(series["train/loss"], columns=["round", "value"]).set_index("round")["value"]
        assert loss.to_dict() == pytest.approx(
            plain.metrics.query("metric == 'loss'").groupby("round")["value"].mean().to_dict()
        )
