"""LFW-style pairs and IJB-style templates as generic tests of a federation, from the files to the report."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import fedreid
from fedreid.data.federation import FederationData, cache_paths, split_of
from fedreid.data.generic_test import FaceTest
from fedreid.data.splits import write_split
from fedreid.data.synthetic.writing import LayoutSize, write_layout
from fedreid.errors import UserError
from fedreid.models import build_backbone
from fedreid.scenario import load_scenario
from tests.conftest import write_market
from tests.federation.test_methods import StopInRound, same

Files = Callable[[Path], dict[str, bytes]]
SIZE = LayoutSize(identities=6, test_identities=4, images_per_camera=3, seed=3)
SCENARIO = """
name = "faces"
[data]
root = "{root}"
cache = "{root}/cache"
image_size = [32, 32]
[data.sources.tiny]
format = "market1501"
path = "tiny"
verify_counts = false
[data.sources.pairs]
format = "lfw"
path = "faces"
verify_counts = false
[data.sources.templates]
format = "ijb"
path = "janus"
verify_counts = false
[partition]
clients = 2
identities_per_client = 3
[model]
backbone = "resnet10"
width = 0.125
stem = "small"
last_stride = 2
embedding_dim = 16
[augment]
crop_padding = 2
[pretrain]
epochs = 1
batch_size = 16
[method]
epochs = 1
batch_size = 8
[federation]
rounds = 2
[evaluation]
far = [0.02, 0.2]
fpir = [0.2]
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of LFW, one of IJB-C, and the people who train."""
    root = tmp_path_factory.mktemp("data")
    write_market(root / "tiny", identities=9)
    write_layout("lfw", root / "faces", SIZE)
    write_layout("ijb", root / "janus", LayoutSize(identities=6, test_identities=4, images_per_camera=4, seed=4))
    (root / "faces.toml").write_text(SCENARIO.format(root=root))
    return root


@pytest.fixture(scope="module")
def whole(root: Path, tmp_path_factory: pytest.TempPathFactory) -> fedreid.RunResult:
    """The uninterrupted serial run."""
    return fedreid.run(root / "faces.toml", out=tmp_path_factory.mktemp("run") / "whole")


@pytest.fixture
def own(root: Path, tmp_path: Path) -> Path:
    """A data root that a test may spoil."""
    shutil.copytree(root, tmp_path / "data", ignore=shutil.ignore_patterns("cache"))
    (tmp_path / "data" / "faces.toml").write_text(SCENARIO.format(root=tmp_path / "data"))
    return tmp_path / "data"


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


def test_accuracy_is_that_of_the_list_on_disk(root: Path, whole: fedreid.RunResult) -> None:
    feature = dict(zip(paths_of(whole.run_dir, "pairs"), features_of(whole.run_dir, "pairs"), strict=True))
    head, *lines = [line.split("\t") for line in (root / "faces" / "pairs.txt").read_text().splitlines()]
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


def test_templates_are_those_of_the_lists_on_disk(root: Path, whole: fedreid.RunResult) -> None:
    meta = root / "janus" / "IJBC" / "meta"
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


def test_the_report_speaks_of_faces(whole: fedreid.RunResult) -> None:
    text = (whole.run_dir / "report.md").read_text(encoding="utf-8")
    page = whole.report.read_text(encoding="utf-8")
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
    root: Path, whole: fedreid.RunResult, tmp_path: Path, final_files: Files
) -> None:
    with pytest.raises(fedreid.Interrupted):
        fedreid.run(root / "faces.toml", out=tmp_path / "stopped", progress=StopInRound(2))
    same(final_files(fedreid.resume(tmp_path / "stopped").run_dir), final_files(whole.run_dir))


def test_ray_gives_the_bits_of_the_serial_engine(
    root: Path, whole: fedreid.RunResult, tmp_path: Path, final_files: Files
) -> None:
    parallel = fedreid.run(root / "faces.toml", out=tmp_path / "ray", engine="ray", overrides=["runtime.workers=2"])
    same(final_files(parallel.run_dir), final_files(whole.run_dir))


def test_another_list_is_noticed_when_a_run_goes_on(own: Path, tmp_path: Path) -> None:
    prepared = load_scenario(own / "faces.toml").scenario
    FederationData.prepare(prepared, tmp_path / "run")
    file = own / "janus" / "IJBC" / "meta" / "ijbc_template_pair_label.txt"
    file.write_text(file.read_text().replace("1 2 1\n", "1 2 0\n", 1))
    with pytest.raises(UserError, match="templates: the lists of templates have other content than when this run"):
        FederationData.prepare(prepared, tmp_path / "run")


def test_bad_images_take_their_pairs_and_templates_with_them(own: Path, tmp_path: Path) -> None:
    prepared = load_scenario(own / "faces.toml", ["data.skip_bad_images=true"]).scenario
    before = FederationData.prepare(prepared, tmp_path / "before")
    person = own / "faces" / "lfw" / "Person_0001" / "Person_0001_0001.jpg"
    person.write_bytes(b"no image")
    for number in range(1, 5):  # the whole of template 1
        (own / "janus" / "IJBC" / "loose_crop" / f"{number}.jpg").write_bytes(b"no image")
    after = FederationData.prepare(prepared, tmp_path / "after")
    lists = {name: (before.generic[name], after.generic[name]) for name in ("pairs", "templates")}
    for all_of_it, rest in lists.values():
        assert isinstance(all_of_it, FaceTest)
        assert isinstance(rest, FaceTest)
    assert [len(test.images) for test in lists["pairs"]] == [30, 29]
    assert [len(test.images) for test in lists["templates"]] == [80, 76]
    notes = after.summary["notes"]
    assert "pairs: left out with images that can't be decoded: 2 of 40 pairs" in notes
    assert any(note.startswith("templates: left out") and "1 of 20 templates" in note for note in notes)


def test_aligned_images_are_others_than_resized_ones(root: Path, tmp_path: Path) -> None:
    pixels = []
    for align in ("true", "false"):
        changed = load_scenario(root / "faces.toml", [f"data.sources.templates.align={align}"]).scenario
        images = FederationData.prepare(changed, tmp_path / align).generic["templates"].images
        pixels.append(images.batch(np.arange(4)))
    assert pixels[0].shape == pixels[1].shape
    assert (pixels[0] != pixels[1]).any()


def test_workers_must_see_the_lists(root: Path, tmp_path: Path) -> None:
    data = FederationData.prepare(load_scenario(root / "faces.toml").scenario, tmp_path / "run")
    kept = [path for path in cache_paths(tmp_path / "run") if path.parent.name == "tests"]
    assert [path.name.partition("-")[0] for path in kept] == ["pairs", "templates"]
    assert {str(path) for path in kept} <= set(data.cache_folders)


def test_partition_lists_keep_a_test_whole_or_leave_it_out(root: Path, tmp_path: Path) -> None:
    write = load_scenario(root / "faces.toml").scenario
    (tmp_path / "lists").mkdir()
    write_split(split_of(write), tmp_path / "lists")
    changed = ["partition.by=lists", f"partition.lists={tmp_path / 'lists'}", "partition.identities_per_client=0"]
    listed = load_scenario(root / "faces.toml", changed).scenario
    assert set(FederationData.prepare(listed, tmp_path / "whole").generic) == {"tiny", "pairs", "templates"}
    file = tmp_path / "lists" / "generic-pairs.csv"
    file.write_text("".join(file.open().readlines()[:-1]))
    with pytest.raises(UserError, match=r"generic-pairs\.csv lists 29 of 30 images, and a test on faces needs all"):
        FederationData.prepare(listed, tmp_path / "part")
    file.unlink()
    assert set(FederationData.prepare(listed, tmp_path / "without").generic) == {"tiny", "templates"}


def test_merged_galleries_are_a_deviation_that_the_report_names(root: Path, tmp_path: Path) -> None:
    result = fedreid.run(
        root / "faces.toml",
        out=tmp_path / "merged",
        overrides=["faithful.merged_galleries=true", "federation.rounds=1", "evaluation.local_only=false"],
    )
    rows = result.metrics[(result.metrics["dataset"] == "templates") & (result.metrics["round"] == 1)]
    found = rows.set_index("metric")["value"].to_dict()
    assert (found["mated_probes"], found["non_mated_probes"]) == (10, 0)
    text = (result.run_dir / "report.md").read_text(encoding="utf-8")
    assert "merged\\_galleries" in text
    assert "10 mated probes, all in one gallery." in text
