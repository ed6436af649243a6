"""Pre-training: trained once for everything that determines it, and never from a damaged file."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from fedreid.errors import RunError, UserError
from fedreid.models import build_backbone
from fedreid.scenario.schema import Scenario
from fedreid.training import Pretrained, pretrain
from fedreid.training.pretrain import cache_key
from tests.training.made_up import MODEL, made_up_images


def scenario(**changes: Any) -> Scenario:
    """A tiny one; a change is section__key=value."""
    plain: dict[str, Any] = {
        "data": {"sources": {"made_up": {"format": "synthetic"}}},
        "model": MODEL.model_dump(),
        "pretrain": {"epochs": 2, "batch_size": 8},
        "runtime": {"device": "cpu"},
    }
    for key, value in changes.items():
        section, _, name = key.partition("__")
        if name:
            plain.setdefault(section, {})[name] = value
        else:
            plain[section] = value
    return Scenario.model_validate(plain)


def entries(folder: Path) -> list[Path]:
    return sorted((folder / "pretrained").iterdir())


def same(first: Pretrained, second: Pretrained) -> bool:
    return torch.equal(first.proxies, second.proxies) and all(
        torch.equal(tensor, second.backbone_state[name]) for name, tensor in first.backbone_state.items()
    )


def test_trains_once_and_reads_afterwards(tmp_path: Path):
    images, told = made_up_images(), []
    first = pretrain(scenario(), images, tmp_path, on_progress=lambda done, total: told.append((done, total)))
    again = pretrain(scenario(), images, tmp_path)
    assert (first.from_cache, again.from_cache) == (False, True)
    assert same(first, again)
    assert told[-1] == (6, 6)
    assert first.proxies.shape == (4, MODEL.embedding_dim)
    assert len(entries(tmp_path)) == 1
    backbone = build_backbone(MODEL)
    backbone.load_state_dict(again.backbone_state)


def test_what_it_returns_is_trained(tmp_path: Path):
    start = build_backbone(MODEL, generator=torch.Generator().manual_seed(0)).state_dict()
    found = pretrain(scenario(), made_up_images(), tmp_path)
    assert not torch.equal(found.backbone_state["conv1.weight"], start["conv1.weight"])
    assert not torch.equal(found.backbone_state["bn1.running_mean"], start["bn1.running_mean"])


def test_zero_epochs_leave_the_weights_as_they_start(tmp_path: Path):
    found = pretrain(scenario(pretrain__epochs=0), made_up_images(), tmp_path)
    start = build_backbone(MODEL, generator=torch.Generator().manual_seed(0)).state_dict()
    assert torch.equal(found.backbone_state["conv1.weight"], start["conv1.weight"])


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 1},
        {"model__width": 0.25},
        {"loss__margin": 0.3},
        {"augment__flip": False},
        {"pretrain__epochs": 3},
        {"pretrain__learning_rate": 0.04},
    ],
)
def test_key_follows_what_matters(change):
    images = made_up_images()
    assert key(scenario(), images) != key(scenario(**change), images)


def key(settings: Scenario, images: Any, bf16: bool = False) -> str:
    return cache_key(settings, images, torch.device("cpu"), bf16)


def test_key_follows_precision_and_threads(monkeypatch):
    images = made_up_images()
    first = key(scenario(), images)
    assert first != key(scenario(), images, bf16=True)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 77)
    assert first != key(scenario(), images)


def test_key_follows_pixels_and_labels_but_not_the_rest_of_the_scenario():
    first = key(scenario(), made_up_images())
    assert first == key(scenario(name="another", method={"epochs": 7}), made_up_images())
    assert first != key(scenario(), made_up_images(seed=1))
    assert first != key(scenario(), made_up_images(each=5))
    relabelled = made_up_images()
    relabelled.labels = relabelled.labels[::-1].copy()
    assert first != key(scenario(), relabelled)


def test_key_follows_the_content_of_the_weights_file_not_its_name(tmp_path: Path):
    found = []
    for name, value in (("a", 0.0), ("b", 0.0), ("c", 1.0)):
        save_file({"conv1.weight": torch.full((8, 3, 7, 7), value)}, tmp_path / name)
        found.append(key(scenario(model__weights=str(tmp_path / name)), made_up_images()))
    assert found[0] == found[1] != found[2]


def test_starts_from_the_weights_file(tmp_path: Path):
    weights = torch.full((8, 3, 7, 7), 0.25)
    save_file({"conv1.weight": weights}, tmp_path / "w.safetensors")
    settings = scenario(model__weights=str(tmp_path / "w.safetensors"), pretrain__epochs=0)
    found = pretrain(settings, made_up_images(), tmp_path)
    assert torch.equal(found.backbone_state["conv1.weight"], weights)


def cut_in_half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)


def empty(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize("damage", [cut_in_half, flip_a_bit, empty])
def test_a_damaged_entry_is_made_again_with_a_warning(tmp_path: Path, damage, caplog):
    first = pretrain(scenario(), made_up_images(), tmp_path)
    damage(entries(tmp_path)[0])
    with caplog.at_level(logging.WARNING):
        again = pretrain(scenario(), made_up_images(), tmp_path)
    assert not again.from_cache
    assert same(first, again)
    assert "is damaged" in caplog.text
    assert str(entries(tmp_path)[0]) in caplog.text
    assert pretrain(scenario(), made_up_images(), tmp_path).from_cache


def test_a_second_run_may_finish_the_same_entry_first(tmp_path: Path):
    others: list[Pretrained] = []

    def run_meanwhile(done: int, steps: int) -> None:
        if done == 2:
            others.append(pretrain(scenario(), made_up_images(), tmp_path))

    found = pretrain(scenario(), made_up_images(), tmp_path, on_progress=run_meanwhile)
    assert (found.from_cache, others[0].from_cache) == (False, False)
    assert same(found, others[0])
    assert len(entries(tmp_path)) == 1
    assert pretrain(scenario(), made_up_images(), tmp_path).from_cache


def test_divergence_names_its_cause_and_leaves_no_entry(tmp_path: Path):
    with pytest.raises(RunError, match=r"pre-training failed: loss is (nan|inf) \(step \d+\).*1e\+30"):
        pretrain(scenario(pretrain__learning_rate=1e30), made_up_images(), tmp_path)
    assert not list(tmp_path.rglob("*.safetensors"))


def test_an_unwritable_cache_is_the_users_to_repair(tmp_path: Path):
    (tmp_path / "pretrained").write_text("a file where the folder should be")
    with pytest.raises(UserError, match=r"can't write the pre-trained model.*Set data.cache"):
        pretrain(scenario(), made_up_images(), tmp_path)


def test_a_missing_weights_file_is_named(tmp_path: Path):
    with pytest.raises(UserError, match=r"nowhere\.pth"):
        pretrain(scenario(model__weights=str(tmp_path / "nowhere.pth")), made_up_images(), tmp_path)
