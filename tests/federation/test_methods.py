"""Every method and every strategy, from the scenario to the report, and the same on both engines and after a stop."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fedreid
from clients.client import Client
from fedreid.data.image_set import ImageSet
from fedreid.reports import write_report
from tests.federation.conftest import Finished
from tests.federation.runs import METHODS, SHORT, same, stop

Files = Callable[[Path], dict[str, bytes]]
STRATEGIES = (
    "fedavgm", "fedadam", "fedyogi", "fedadagrad", "qfedavg", "fedmedian", "fedtrimmedavg", "krum", "multikrum",
    "bulyan",
)  # fmt: skip


@pytest.mark.parametrize("method", METHODS)
def test_a_stopped_run_of_every_method_ends_with_the_same_bits(
    method: str, scenario: Path, tmp_path: Path, final_files: Files, finished: Finished
) -> None:
    overrides = [*SHORT, *METHODS[method]]
    whole = finished(*overrides)
    stop(scenario, tmp_path / "stopped", overrides)
    same(final_files(fedreid.resume(tmp_path / "stopped").run_dir), final_files(whole.run_dir))
    assert {"generic/tiny/mAP", "personalized/tiny/mAP"} <= whole.summary["final"].keys()
    assert whole.report.exists()


@pytest.mark.parametrize("method", ["fedfr", "fedface", "ditto", "centralised"])
def test_ray_gives_the_bits_of_the_serial_engine(
    method: str, scenario: Path, tmp_path: Path, final_files: Files, finished: Finished
) -> None:
    overrides = [*SHORT, *METHODS[method]]
    parallel = fedreid.run(scenario, out=tmp_path / "ray", engine="ray", overrides=overrides)
    same(final_files(parallel.run_dir), final_files(finished(*overrides).run_dir))


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_flower_strategy_works_with_fedfr_and_its_proxies(
    strategy: str, scenario: Path, tmp_path: Path, final_files: Files
) -> None:
    overrides = [*SHORT, *METHODS["fedfr"], f"federation.strategy={strategy}", "evaluation.open_set=never"]
    overrides += ["aggregation.trim=0.34"]  # of three clients, one at each end
    whole = fedreid.run(scenario, out=tmp_path / "whole", overrides=overrides)
    stop(scenario, tmp_path / "stopped", overrides)
    same(final_files(fedreid.resume(tmp_path / "stopped").run_dir), final_files(whole.run_dir))


def test_without_its_parts_fedfr_is_fedavg(finished: Finished, scenario: Path, tmp_path: Path) -> None:
    overrides = [*SHORT, "method.name=fedfr", "method.parts=[]"]
    runs = [finished(*SHORT), fedreid.run(scenario, out=tmp_path / "fedfr", overrides=overrides)]
    first, second = ((run.run_dir / "metrics.csv").read_bytes() for run in runs)
    assert first == second
    first, second = ((run.run_dir / "model.safetensors").read_bytes() for run in runs)
    assert first == second


def test_two_stage_personalization_gives_reference_rows(scenario: Path, tmp_path: Path) -> None:
    overrides = [
        *SHORT, 'adaptation.methods=["fine_tune", "distillation"]', "adaptation.epochs=1", "method.name=fedfr",
        'method.parts=["public"]',
    ]  # fmt: skip
    result = fedreid.run(scenario, out=tmp_path / "run", overrides=overrides)
    rows = result.references
    assert set(rows.reference) == {"global_model", "fine_tune", "distillation"}
    assert rows[rows.metric == "mAP"].groupby("reference").size().to_dict() == dict.fromkeys(set(rows.reference), 3)


def test_the_branch_and_the_model_without_it_are_scored_after_the_last_round(finished: Finished) -> None:
    result = finished(*SHORT, *METHODS["fedfr"])
    rows = result.metrics[(result.metrics.scope == "personalized") & (result.metrics["round"] == 2)]
    names = set(rows.metric)
    assert {"mAP", "local_model/mAP", "impostor_pairs", "local_model/impostor_pairs"} <= names
    kept = result.metrics[result.metrics.metric == "hard_negative_share"]
    assert len(kept) == 2 * 3, "each client in each round"


def test_the_report_of_a_run_is_drawn(finished: Finished, tmp_path: Path, drawings: None) -> None:
    """Those of the other methods: `make nightly`."""
    run_dir = shutil.copytree(finished(*SHORT, *METHODS["fedfr"]).run_dir, tmp_path / "run")
    shutil.rmtree(run_dir / "figures")
    page = write_report(run_dir).read_text(encoding="utf-8")
    pictures = [path.stem for path in (run_dir / "figures").iterdir() if path.read_bytes().startswith(b"\x89PNG")]
    assert "generic-mAP" in pictures
    assert page.count('<svg class="figure"') == len(pictures)


def test_public_features_made_once_give_the_bits_of_every_client_making_its_own(
    scenario: Path, tmp_path: Path, final_files: Files, finished: Finished, monkeypatch: pytest.MonkeyPatch
) -> None:
    overrides = [*SHORT, *METHODS["fedfr"]]
    shared = finished(*overrides)
    asked: list[int] = []

    def alone(self: Client) -> np.ndarray:
        asked.append(self.index)
        return self.embed(self.workspace.public)

    monkeypatch.setattr(Client, "public_features", alone)
    naive = fedreid.run(scenario, out=tmp_path / "naive", overrides=overrides)
    assert asked == [0, 1, 2, 0, 1, 2]
    same(final_files(naive.run_dir), final_files(shared.run_dir))
    kept = shared.metrics[shared.metrics.metric == "hard_negatives"].value
    assert (kept > 0).all()


@pytest.mark.parametrize(
    ("overrides", "at_once", "alone"),
    [
        ((), {0: 72, 2: 90, 3: 72}, {0: 90, 2: 90, 3: 90}),
        (("method.name=centralised",), {0: 72, 2: 72, 3: 72}, {0: 90, 2: 90, 3: 90}),
        (("evaluation.impostors=public",), {0: 78, 2: 126, 3: 78}, {0: 126, 2: 126, 3: 126}),
    ],
    ids=["fedavg", "centralised", "public"],
)
def test_strangers_embedded_once_give_the_bits_of_every_client_doing_it(
    overrides: tuple[str, ...], at_once: dict[int, int], alone: dict[int, int], scenario: Path, tmp_path: Path,
    final_files: Files, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """3 clients with 12 images for training and 6 held out; 24 are public.

    Under a model that all of them have (before the first round, central training's, the final one), 3 x 18 of their
    own and 18 or 24 strangers; else each of them looks at the 12 or 24 strangers itself. Rankings between the first and
    the last round ask for nobody else.
    """
    embedded: dict[int, int] = {}
    embed = Client.embed

    def counted(self: Client, images: ImageSet, *arguments: Any, **options: Any) -> np.ndarray:
        embedded[self.round] = embedded.get(self.round, 0) + len(images)
        return embed(self, images, *arguments, **options)

    monkeypatch.setattr(Client, "embed", counted)
    settings = [*SHORT, "evaluation.every=0", *overrides]
    shared = fedreid.run(scenario, out=tmp_path / "shared", overrides=settings)
    assert embedded == at_once
    embedded.clear()
    monkeypatch.setattr("clients.strangers.is_everybodys", lambda client: False)
    naive = fedreid.run(scenario, out=tmp_path / "naive", overrides=settings)
    assert embedded == alone
    same(final_files(naive.run_dir), final_files(shared.run_dir))
    assert not (shared.run_dir / "checkpoints" / "public_features").exists()


def test_a_finished_run_keeps_one_private_state_for_each_kept_checkpoint(scenario: Path, tmp_path: Path) -> None:
    result = fedreid.run(scenario, out=tmp_path / "run", overrides=["federation.rounds=4", "evaluation.open_set=never"])
    folder = result.run_dir / "checkpoints"
    assert sorted(path.name for path in folder.glob("round-*")) == ["round-0003", "round-0004"]
    for client in range(3):
        names = sorted(path.stem for path in (folder / "clients" / f"{client:04d}").iterdir())
        assert names == ["round-0003", "round-0004"]
    (result.run_dir / "report.html").unlink()  # what else would be refused
    shutil.rmtree(folder / "round-0004")
    before = (result.run_dir / "model.safetensors").read_bytes()
    (result.run_dir / "model.safetensors").unlink()
    fedreid.resume(result.run_dir)
    assert (result.run_dir / "model.safetensors").read_bytes() == before
