"""LFW-style pairs and IJB-style templates as generic tests of a federation, from the files to the report."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import fedreid
from fedreid.data.federation import FederationData
from fedreid.models import build_backbone
from fedreid.reports import write_report
from fedreid.scenario import load_scenario
from tests.federation.runs import same, stop

Files = Callable[[Path], dict[str, bytes]]


@pytest.fixture(scope="module")
def whole(face_data: Path, tmp_path_factory: pytest.TempPathFactory) -> fedreid.RunResult:
    """The uninterrupted serial run."""
    return fedreid.run(face_data / "faces.toml", out=tmp_path_factory.mktemp("run") / "whole")


def features_of(run: Path, name: str) -> np.ndarray:
    """What the final model makes of a test's images, one by one, without the code that evaluation uses."""
    model = build_backbone(load_scenario(run / "scenario.toml").scenario.model)
    model.load_state_dict(load_file(run / "model.safetensors"))
    model.eval()
    images = FederationData.open(run).generic[name].images
    pixels = images.batch(np.arange(len(images))).astype(np.float32) / 255
    normal = (pixels - np.float32([0.485, 0.456, 0.406])) / np.float32([0.229, 0.224, 0.225])
    inputs = torch.from_numpy(normal).permute(0, 3, 1, 2)
    with torch.inference_mode():
        return torch.cat([model(one[None]) for one in inputs]).double().numpy()


def paths_of(run: Path, name: str) -> list[str]:
    lines = (run / "splits" / f"generic-{name}.csv").read_text(encoding="utf-8").splitlines()[1:]
    return [line.split(",")[2] for line in lines]


def cosine(one: np.ndarray, other: np.ndarray) -> float:
    return float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))


def test_the_run_reports_faces_by_their_own_keys(whole: fedreid.RunResult) -> None:
    generic = {key for key in whole.final if key.startswith("generic/") and "tiny" not in key}
    assert generic == {
        "generic/pairs/accuracy", "generic/pairs/TAR@FAR=2e-1", "generic/templates/TAR@FAR=2e-2",
        "generic/templates/TAR@FAR=2e-1", "generic/templates/TPIR@FPIR=2e-1",
    }  # fmt: skip
    assert "generic/tiny/mAP" in whole.final
    assert all(0 <= value <= 100 for value in whole.final.values())


def test_accuracy_is_that_of_the_list_on_disk(face_data: Path, whole: fedreid.RunResult) -> None:
    feature = dict(zip(paths_of(whole.run_dir, "pairs"), features_of(whole.run_dir, "pairs"), strict=True))
    head, *lines = [line.split("\t") for line in (face_data / "faces" / "pairs.txt").read_text().splitlines()]
    folds, each = map(int, head)
    scores, genuine = [], []
    for one, first, *rest in lines:
        other, second = (one, *rest) if len(rest) == 1 else rest
        names = (f"{one}/{one}_{int(first):04d}.jpg", f"{other}/{other}_{int(second):04d}.jpg")
        scores.append(cosine(*(feature[name] for name in names)))
        genuine.append(len(rest) == 1)
    by_fold = [np.array(values).reshape(folds, 2 * each) for values in (scores, genuine)]
    right = []
    for fold in range(folds):
        others, same_person = (np.delete(values, fold, axis=0).ravel() for values in by_fold)
        ordered = np.sort(others)
        candidates = [np.inf, *((ordered[1:] + ordered[:-1]) / 2)[::-1], -np.inf]
        best = max(candidates, key=lambda threshold: (np.mean((others > threshold) == same_person), threshold))
        right.append(np.mean((by_fold[0][fold] > best) == by_fold[1][fold]))
    assert whole.final["generic/pairs/accuracy"] == pytest.approx(100 * np.mean(right))


def test_templates_are_those_of_the_lists_on_disk(face_data: Path, whole: fedreid.RunResult) -> None:
    meta = face_data / "janus" / "IJBC" / "meta"
    feature = dict(zip(paths_of(whole.run_dir, "templates"), features_of(whole.run_dir, "templates"), strict=True))
    score = {line.split()[0]: float(line.split()[-1]) for line in (meta / "ijbc_name_5pts_score.txt").open()}
    media: dict[str, dict[str, list[np.ndarray]]] = {}
    for line in (meta / "ijbc_face_tid_mid.txt").open():
        image, template, video = line.split()
        weighted = feature[f"loose_crop/{image}"] * score[image]
        media.setdefault(template, {}).setdefault(video, []).append(weighted)
    pooled = {
        name: np.sum([np.mean(images, axis=0) for images in videos.values()], axis=0) for name, videos in media.items()
    }
    pairs = [line.split() for line in (meta / "ijbc_template_pair_label.txt").open()]
    found: dict[str, list[float]] = {"0": [], "1": []}
    for one, other, kind in pairs:
        found[kind].append(cosine(pooled[one], pooled[other]))
    for rate, name in ((0.02, "2e-2"), (0.2, "2e-1")):
        threshold = sorted(found["0"], reverse=True)[int(rate * len(found["0"]) + 1e-9)]
        tar = 100 * np.mean(np.array(found["1"]) > threshold)
        assert whole.final[f"generic/templates/TAR@FAR={name}"] == pytest.approx(tar)


def test_every_round_has_its_headline_and_clients_alone_have_theirs(whole: fedreid.RunResult) -> None:
    rows = whole.metrics[whole.metrics["scope"] == "generic"]
    rounds = {name: set(found["round"]) for name, found in rows.groupby(["dataset", "metric"])}
    assert rounds["pairs", "accuracy"] == rounds["templates", "TAR@FAR=2e-1"] == {0, 1, 2}
    assert rounds["pairs", "TAR@FAR=2e-1"] == {0, 2}, "evaluation.open_set = 'last'"
    lonely = whole.references[(whole.references["scope"] == "generic") & (whole.references["dataset"] == "pairs")]
    assert set(lonely[lonely["metric"] == "accuracy"]["client"]) == {0, 1}


def test_the_report_speaks_of_faces(whole: fedreid.RunResult, drawings: None) -> None:
    page = write_report(whole.run_dir).read_text(encoding="utf-8")
    text = (whole.run_dir / "report.md").read_text(encoding="utf-8")
    for expected in (
        "On the faces of pairs, which nobody trained on, the shared model's accuracy",
        "On the faces of templates, which nobody trained on, the shared model's TAR@FAR 2e-2",
        "### Generic: pairs\n\n|  | accuracy | TAR@FAR 2e-1 | accuracy vs start |",
        "### Generic: templates\n\n|  | TAR@FAR 2e-2 | TAR@FAR 2e-1 | TPIR@FPIR 2e-1 | TAR@FAR 2e-2 vs start |",
        "| Generic accuracy · pairs |",
        "**Templates of faces.** templates:",
        "| pairs | Faces | 10 | 30 |",
        "holding 6 private identities of tiny",
    ):
        assert expected in text
    assert " nan " not in text
    assert "Generic accuracy" in page
    assert (whole.run_dir / "figures" / "generic-accuracy.png").is_file()
    assert (whole.run_dir / "figures" / "generic-TAR-FAR-2e-2.png").is_file()


def test_a_stopped_run_ends_with_the_same_bits(
    face_data: Path, whole: fedreid.RunResult, tmp_path: Path, final_files: Files
) -> None:
    stop(face_data / "faces.toml", tmp_path / "stopped")
    same(final_files(fedreid.resume(tmp_path / "stopped").run_dir), final_files(whole.run_dir))


def test_ray_gives_the_bits_of_the_serial_engine(
    face_data: Path, whole: fedreid.RunResult, tmp_path: Path, final_files: Files
) -> None:
    parallel = fedreid.run(face_data / "faces.toml", out=tmp_path / "ray", engine="ray")
    same(final_files(parallel.run_dir), final_files(whole.run_dir))


def test_merged_galleries_are_a_deviation_that_the_report_names(face_data: Path, tmp_path: Path) -> None:
    result = fedreid.run(
        face_data / "faces.toml",
        out=tmp_path / "merged",
        overrides=["faithful.merged_galleries=true", "federation.rounds=1", "evaluation.local_only=false"],
    )
    rows = result.metrics[(result.metrics["dataset"] == "templates") & (result.metrics["round"] == 1)]
    found = rows.set_index("metric")["value"].to_dict()
    assert (found["mated_probes"], found["non_mated_probes"]) == (10, 0)
    text = (result.run_dir / "report.md").read_text(encoding="utf-8")
    assert "merged\\_galleries" in text
    assert "10 mated probes, all in one gallery." in text
