"""`fedreid.prune`: a trained backbone in, a small one out, and what it leaves behind."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file, save_file

import fedreid
from fedreid import PruneOptions, PruneResult, run_folder
from fedreid.compression import command, limits
from fedreid.compression.images import read_images, validation_split
from fedreid.compression.training import mean_embeddings
from fedreid.data.image_set import ImageSet
from fedreid.errors import RunError, UserError
from fedreid.progress import Progress
from fedreid.pruning import ChannelMap, LatencyTable, count, groups_of, is_nested, layers_of, slice_state, tensor_map
from fedreid.scenario import load_scenario
from tests.pruning.networks import with_statistics

Prune = Callable[..., PruneResult]
STATISTICS = ("running_mean", "running_var", "num_batches_tracked")


class Notes(Progress):
    """Remembers what stands in a line of its own."""

    def __init__(self) -> None:
        self.messages: list[str] = []

    def message(self, text: str) -> None:
        self.messages.append(text)


@pytest.fixture(scope="module")
def trained(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder with a final model, whose BatchNorms aren't the identity."""
    from fedreid.models import build_backbone

    run_dir = tmp_path_factory.mktemp("trained") / "run"
    shutil.copytree(prepared, run_dir)
    scenario = load_scenario(run_dir / "scenario.toml").scenario
    model = with_statistics(build_backbone(scenario.model))
    tensors = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    save_file(tensors, run_dir / run_folder.FINAL)
    return run_dir


@pytest.fixture
def prune(trained: Path, tmp_path: Path) -> Prune:
    """Prunes the trained run, by default without export and fine-tuning, on few mini-batches."""

    def call(
        *overrides: str,
        checkpoint: Path = trained,
        out: str = "out",
        progress: Progress | None = None,
        **options: object,
    ) -> PruneResult:
        few = {"fine_tune": 0, "onnx": False, "batches": 2, "channels_per_step": 8}
        chosen = PruneOptions(**(few | options))  # type: ignore[arg-type]
        return fedreid.prune(checkpoint, trained, tmp_path / out, chosen, overrides=overrides, progress=progress)

    return call


def share(result: PruneResult, resource: str) -> float:
    return float(result.table[resource].iloc[-1] / result.table[resource].iloc[0])


@pytest.mark.parametrize(
    ("given", "criterion", "schedule"),
    [
        ({}, "caie", "caie"),
        ({"criterion": "l1"}, "l1", "uniform"),
        ({"criterion": "taylor_activation"}, "taylor_activation", "one_shot"),
        ({"schedule": "uniform"}, "sparsity", "uniform"),
        ({"schedule": "psfp"}, "l2", "psfp"),
        ({"criterion": "caie", "schedule": "one_shot"}, "caie", "one_shot"),
    ],
)
def test_what_is_left_open_is_what_goes_together(given: dict[str, str], criterion: str, schedule: str) -> None:
    found = PruneOptions(limits={"macs": 0.5}, **given).resolved()
    assert (found.criterion, found.schedule) == (criterion, schedule)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"criterion": "l3"}, "--criterion l3: expected one of l1, l2, sparsity"),
        ({"schedule": "twice"}, "--schedule twice: expected one of one_shot, uniform"),
        ({"images": "mine"}, "--images mine: expected one of public, all"),
        (
            {"schedule": "caie", "criterion": "l1"},
            "doesn't take --criterion l1: it takes caie, taylor_batchnorm",
        ),
        ({"schedule": "iterative", "criterion": "caie"}, "--schedule iterative doesn't take --criterion caie"),
        ({"schedule": "psfp", "criterion": "taylor_batchnorm"}, "psfp doesn't take --criterion taylor_batchnorm"),
        ({"limits": {}}, "how much may remain? Give at least one of --macs"),
        ({"limits": {"macs": -1.0}}, "--macs -1.0: expected above 0"),
        ({"limits": {"params": math.inf, "macs": 0.5}}, "--params inf: expected above 0"),
        ({"limits": {"macs": math.nan}}, "--macs nan: expected above 0"),
        ({"schedule": "cpo", "limits": {}, "drop": math.nan}, "--drop nan: expected a number of at least 0"),
        ({"learning_rate": math.inf}, "--learning-rate inf: expected a number of at least 0"),
        ({"seed": -1}, "--seed -1: expected a number of at least 0"),
        ({"schedule": "cpo"}, "--schedule cpo has no use for --macs: give --drop instead"),
        ({"schedule": "none"}, "--schedule none has no use for --macs: leave it out"),
        ({"schedule": "cpo", "limits": {}}, "--schedule cpo needs --drop"),
        ({"drop": 1.0}, "--drop is for --schedule cpo and play_and_prune, not for caie"),
        ({"fine_tune": -1}, "--fine-tune -1: expected a number of at least 0"),
        ({"channels_per_step": 0}, "--channels-per-step 0: expected at least 1"),
        ({"minimum_share": 1.5}, "--minimum-share 1.5: expected 0 to 1"),
        ({"latency_table": Path("x")}, "--latency-table is for --latency, which isn't given"),
    ],
)
def test_contradictions_are_refused(given: dict[str, object], text: str) -> None:
    options = PruneOptions(**({"limits": {"macs": 0.5}} | given))  # type: ignore[arg-type]
    with pytest.raises(UserError, match=text.replace("?", r"\?")):
        options.resolved()


def test_proxies_are_mean_embeddings_of_unit_length() -> None:
    found = mean_embeddings(np.array([[1.0, 0], [0, 1], [0, -1]], np.float32), np.array([0, 0, 1]))
    torch.testing.assert_close(found, torch.tensor([[0.5**0.5, 0.5**0.5], [0, -1]]))


def test_public_images_alone_or_all_training_images(trained: Path, tmp_path: Path) -> None:
    """13 people with 6 images; 3 clients have 3 people each, and 2 or 3 images of each are held out."""
    scenario = load_scenario(trained / "scenario.toml").scenario
    public = read_images(scenario, tmp_path / "a", "public", Progress()).training
    everyone = read_images(scenario, tmp_path / "b", "all", Progress()).training
    assert (len(public), public.num_identities) == (4 * 6, 4)
    assert (len(everyone), everyone.num_identities) == (13 * 6, 13)
    assert set(public.identities) < set(everyone.identities)


def test_people_to_choose_by_are_a_tenth_and_at_least_two_and_nobody_trains_on_them(
    trained: Path, tmp_path: Path
) -> None:
    scenario = load_scenario(trained / "scenario.toml").scenario
    everyone = read_images(scenario, tmp_path / "all", "all", Progress()).training
    training, asked = validation_split(everyone, np.random.default_rng(0))
    assert (training.num_identities, asked.num_identities) == (11, 2)
    assert not set(training.identities) & set(asked.identities)
    with pytest.raises(UserError, match="at least 4 in all; found 2"):
        validation_split(asked, np.random.default_rng(0))


def test_without_pruning_and_training_nothing_changes(prune: Prune, trained: Path) -> None:
    result = prune(schedule="none")
    before, after = load_file(trained / run_folder.FINAL), load_file(result.out / run_folder.FINAL)
    assert all(torch.equal(tensor, after[name]) for name, tensor in before.items())
    assert list(result.table["stage"]) == ["before"]
    assert result.channel_map.kept_widths == dict(result.channel_map.widths)


def test_a_pruned_network_is_a_slice_with_statistics_of_its_own(prune: Prune, trained: Path) -> None:
    result = prune(criterion="l2", limits={"macs": 0.5})
    scenario = load_scenario(trained / "scenario.toml").scenario
    assert share(result, "macs") < 0.5
    assert result.table["macs"].iloc[-1] == count(result.model, scenario.data.image_size).macs
    assert list(result.table["stage"]) == ["before", "pruned"]
    whole = load_file(trained / run_folder.FINAL)
    small = load_file(result.out / run_folder.FINAL)
    expected = slice_state(whole, _tensors(trained, result.channel_map))
    same = {name for name in small if torch.equal(small[name], expected[name])}
    assert {name for name in small if name not in same} == {name for name in small if name.endswith(STATISTICS)}


def _tensors(run_dir: Path, channel_map: ChannelMap) -> dict[str, tuple[np.ndarray | None, np.ndarray | None]]:
    from fedreid.models import build_backbone

    return tensor_map(groups_of(build_backbone(load_scenario(run_dir / "scenario.toml").scenario.model)), channel_map)


def test_the_map_of_a_network_pruned_twice_counts_from_the_whole_one(prune: Prune, trained: Path) -> None:
    once = prune(criterion="l1", limits={"macs": 0.6})
    twice = prune(criterion="fpgm", limits={"params": 0.6}, checkpoint=once.out, out="twice")
    assert is_nested(twice.channel_map, once.channel_map)
    assert twice.channel_map != once.channel_map
    assert twice.table["params"].iloc[0] == once.table["params"].iloc[-1]
    expected = slice_state(load_file(trained / run_folder.FINAL), _tensors(trained, twice.channel_map))
    for name, tensor in load_file(twice.out / run_folder.FINAL).items():
        assert name.endswith(STATISTICS) or torch.equal(tensor, expected[name]), name


def test_caie_meets_every_limit_and_keeps_a_log(prune: Prune) -> None:
    result = prune(limits={"macs": 0.6, "params": 0.5, "memory": 0.8})
    assert share(result, "macs") < 0.6
    assert share(result, "params") < 0.5
    assert share(result, "training_memory_mb") < 0.8
    steps = pd.read_csv(result.out / "steps.csv")
    removed = sum(result.channel_map.widths.values()) - sum(result.channel_map.kept_widths.values())
    assert steps["removed"].sum() == removed
    assert steps.groupby("step")["removed"].sum().iloc[:-1].eq(8).all()


def test_by_loss_impacts_alone_the_loop_ignores_what_a_channel_saves(prune: Prune) -> None:
    """Both loops begin with the same impacts; where multiplications are sought, only CAIE looks where they are."""
    found = [
        prune(criterion=criterion, schedule="caie", limits={"macs": 0.8}, out=criterion)
        for criterion in ("caie", "taylor_batchnorm")
    ]
    assert share(found[0], "macs") < 0.8
    assert share(found[1], "macs") < 0.8
    left = [sum(result.channel_map.kept_widths.values()) for result in found]
    assert left[0] > left[1], "the same saving with fewer channels"


@pytest.mark.parametrize(
    ("options", "events"),
    [
        ({"criterion": "caie", "schedule": "one_shot", "limits": {"params": 0.5}}, {"remove"}),
        ({"schedule": "iterative", "limits": {"params": 0.5}}, {"remove"}),
        ({"criterion": "taylor_batchnorm", "schedule": "caie", "limits": {"params": 0.5}}, {"remove"}),
        ({"schedule": "psfp", "retrain": 2, "limits": {"params": 0.5}}, {"soft zero", "remove"}),
        ({"schedule": "psfp", "criterion": "fpgm", "retrain": 1, "limits": {"params": 0.5}}, {"soft zero", "remove"}),
    ],
)
def test_every_schedule_ends_at_its_limit(options: dict[str, object], events: set[str], prune: Prune) -> None:
    result = prune(images="all", **options)
    assert share(result, "params") < 0.5
    assert set(pd.read_csv(result.out / "steps.csv")["event"]) == events


def test_layer_wise_pruning_chooses_by_people_that_it_does_not_train_on(
    prune: Prune, monkeypatch: pytest.MonkeyPatch
) -> None:
    people: list[int] = []

    class Noted(command.Trainer):
        def __init__(self, model: torch.nn.Module, images: ImageSet, *others: Any, **named: Any) -> None:
            people.append(images.num_identities)
            super().__init__(model, images, *others, **named)

    monkeypatch.setattr(command, "Trainer", Noted)
    result = prune(schedule="cpo", drop=100.0, images="all")
    assert people == [11, 13], "two of the thirteen are for choosing; fine-tuning has them all"
    steps = pd.read_csv(result.out / "steps.csv")
    groups = len(result.channel_map.widths)
    assert steps[steps["event"] == "probe"]["step"].nunique() == groups
    assert steps[steps["event"] == "commit"]["step"].nunique() == groups
    assert share(result, "params") < 0.75, "a hundred points may go: every group loses at least a half"


def test_play_and_prune_says_that_it_is_experimental(prune: Prune) -> None:
    notes = Notes()
    result = prune(schedule="play_and_prune", drop=50.0, images="all", progress=notes)
    assert "experimental" in notes.messages[0]
    assert share(result, "params") < 1


def test_latency_is_limited_by_a_table(prune: Prune, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a made-up device, where time is multiplications; then by the table that this left behind."""
    monkeypatch.setattr(limits, "measure_on", lambda *_, **__: lambda layer: 1e-9 * layer.macs)
    first = prune(criterion="l1", limits={"latency": 0.5})
    assert share(first, "macs") < 0.5
    table = LatencyTable.load(first.out / "latency-table.json")
    assert table.total(layers_of(first.model, (32, 16))) == pytest.approx(1e-9 * first.table["macs"].iloc[-1])
    assert first.table["layers_ms"].tolist() == pytest.approx((1e-6 * first.table["macs"]).tolist())
    assert "| time of its layers | 2.08 ms |" in (first.out / "table.md").read_text()
    monkeypatch.setattr(limits, "measure_on", None)
    again = prune(criterion="l1", limits={"latency": 0.5}, latency_table=first.out / "latency-table.json", out="b")
    assert again.channel_map == first.channel_map


@pytest.mark.parametrize(
    ("limit", "column", "least", "most"),
    [
        ({"params": 40_000}, "params", 38_000, 40_000),
        ({"memory": 1.9}, "training_memory_mb", 1.8, 1.9),
        ({"latency": 1.5}, "macs", 1.4e6, 1.5e6),
    ],
)
def test_above_1_a_limit_is_an_amount(
    limit: dict[str, float], column: str, least: float, most: float, prune: Prune, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parameters, megabytes, milliseconds; on a made-up device that does a multiplication in a nanosecond."""
    monkeypatch.setattr(limits, "measure_on", lambda *_, **__: lambda layer: 1e-9 * layer.macs)
    result = prune(criterion="l1", schedule="one_shot", limits=limit)
    assert least < result.table[column].iloc[-1] < most


def test_fine_tuning_is_repeatable_and_depends_on_the_seed(prune: Prune) -> None:
    found = [
        (prune(limits={"macs": 0.7}, fine_tune=1, seed=seed, out=name).out / run_folder.FINAL).read_bytes()
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    ]
    assert found[0] == found[1] != found[2]


def test_the_folder_tells_everything(prune: Prune, trained: Path) -> None:
    result = prune(limits={"macs": 0.5}, fine_tune=1)
    assert list(result.table["stage"]) == ["before", "pruned", "fine-tuned"]
    assert pd.read_csv(result.out / "table.csv").columns.tolist() == result.table.columns.tolist()
    table = (result.out / "table.md").read_text()
    assert "| MACs of one image | 2,077,696 |" in table
    assert table in (result.out / "README.md").read_text()
    assert ChannelMap.load(result.out / "channels.json") == result.channel_map
    content = json.loads((result.out / "pruned.json").read_text())
    assert (content["architecture"], content["options"]["criterion"]) == ("resnet10", "caie")
    assert content["checkpoint"] == str(trained / run_folder.FINAL)
    assert load_scenario(result.out / "scenario.toml").scenario.model.backbone == "resnet10"
    assert (result.out / "channels.png").read_bytes().startswith(b"\x89PNG")


PLAIN = """
import sys
sys.modules["fedreid"] = None  # as on a machine without it
sys.path.insert(0, sys.argv[1])
import torch
from network import load, normalised
images = torch.arange(3 * 32 * 16 * 3).reshape(3, 32, 16, 3) % 251
torch.save(load(sys.argv[1] + "/model.safetensors")(normalised(images.to(torch.uint8))), sys.argv[2])
"""


def test_it_loads_in_plain_torch(prune: Prune, tmp_path: Path) -> None:
    from fedreid.training import to_input

    result = prune(limits={"macs": 0.5})
    done = subprocess.run([sys.executable, "-c", PLAIN, result.out, tmp_path / "x.pt"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    images = (np.arange(3 * 32 * 16 * 3).reshape(3, 32, 16, 3) % 251).astype(np.uint8)
    with torch.inference_mode():
        expected = result.model(to_input(images))
    torch.testing.assert_close(torch.load(tmp_path / "x.pt"), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"limits": {"macs": 1e9}}, "the network already meets these limits"),
        ({"limits": {"macs": 0.0001}}, "no pruned network meets these limits"),
        (
            {"limits": {"macs": 50.0}},
            r"macs: asked for less than 50, .*\n  Above 1 .* as --macs 50; up to 1 it is a share",
        ),
        (
            {"limits": {"memory": 0.01}},
            r"  memory of training: asked for less than 0\.\d+ MB, the narrowest network needs 0\.\d+ MB \(of 2.\d+ MB",
        ),
        ({"limits": {"macs": 0.5}, "checkpoint": Path("/nowhere")}, "/nowhere does not exist"),
    ],
)
def test_mistakes_are_told_before_images_are_read(
    change: dict[str, object], text: str, prune: Prune, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fedreid.compression.command.read_images", lambda *_: pytest.fail("images were read"))
    with pytest.raises(UserError, match=text):
        prune(**change)  # type: ignore[arg-type]
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("criterion", ["", "bn_scale", "taylor_batchnorm"])
def test_a_criterion_that_reads_what_the_network_lacks(
    criterion: str, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fedreid.models import build_backbone

    monkeypatch.setattr("fedreid.compression.command.read_images", lambda *_: pytest.fail("images were read"))
    overrides = ["model.backbone=spherenet20", "model.width=0.125"]
    settings = load_scenario(trained / "scenario.toml", overrides).scenario.model
    tensors = build_backbone(settings, image_size=(32, 16)).state_dict()
    save_file({key: tensor.contiguous() for key, tensor in tensors.items()}, tmp_path / "sphere.safetensors")
    options = PruneOptions(criterion=criterion, limits={"macs": 0.5}, onnx=False)
    told = (
        rf"--criterion {criterion or 'caie'} reads BatchNorms, and spherenet20 has none: .* l1, .*, taylor_activation"
    )
    with pytest.raises(UserError, match=told):
        fedreid.prune(
            tmp_path / "sphere.safetensors", trained / "scenario.toml", tmp_path / "out", options, overrides=overrides
        )


def test_nobody_is_public(prune: Prune, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nobody is public in tiny, .*\n.*give --images all"):
        prune("partition.identities_per_client=0", limits={"macs": 0.5})
    assert not (tmp_path / "out").exists(), "so that the corrected command can use the folder"


def test_a_folder_that_is_in_use(prune: Prune, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("mine")
    with pytest.raises(UserError, match="exists and is not empty"):
        prune(limits={"macs": 0.5})
    assert (tmp_path / "out" / "thesis.txt").read_text() == "mine"


def test_a_file_in_place_of_the_folder(prune: Prune, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    with pytest.raises(UserError, match=r"exists and is no folder\. Give another --out"):
        prune(limits={"macs": 0.5})


def test_an_export_that_fails_does_not_cost_the_network(
    prune: Prune, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> float:
        raise RunError("no ONNX today")

    monkeypatch.setattr(command, "refuse_missing", lambda: None)
    monkeypatch.setattr(command, "write_onnx", fail)
    with pytest.raises(RunError, match=rf"no ONNX today\n  The network itself is in {tmp_path / 'out'}, without model"):
        prune(criterion="l1", limits={"macs": 0.5}, onnx=True)
    assert "onnx" not in (tmp_path / "out" / "README.md").read_text()
    again = prune(criterion="l1", limits={"macs": 0.5}, checkpoint=tmp_path / "out", out="again")
    assert share(again, "macs") < 0.5


def test_training_that_diverges(prune: Prune, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with pytest.raises(RunError, match=r"training failed: loss is (nan|inf).* lower --learning-rate"):
        prune(criterion="l1", limits={"macs": 0.5}, fine_tune=3, learning_rate=1e30)
    assert list((tmp_path / "out").iterdir()) == []
