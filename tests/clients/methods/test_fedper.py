"""FedPer and FedBN: FedAvg's step with layers that stay at home."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from clients.workspace import workspace
from fedreid import run_folder
from tests.clients.methods.rounds import arrays_of, kept_by, start_of, train

NewRun = Callable[..., Path]
HEAD = {f"embedding_bn.{name}" for name in ("weight", "bias", "running_mean", "running_var")} | {"embedding.weight"}


def test_private_layers_stay_at_home_and_persist(new_run: NewRun) -> None:
    run_dir = new_run("method.name=fedper")
    start = start_of(run_dir)
    sent = arrays_of(train(run_dir, start))
    assert sent.keys() == start.keys()
    assert not HEAD & sent.keys()
    kept = kept_by(run_dir, 0, 1)
    assert kept.keys() == HEAD | {"proxies"}
    begin = load_file(run_dir / run_folder.START)
    assert not any(torch.equal(kept[name], begin[name]) for name in HEAD), "they are trained as well"
    train(run_dir, start, client=1)
    space = workspace(str(run_dir))
    space.receive(start, kept)
    held = space.model.state_dict()
    assert all(torch.equal(held[name], kept[name]) for name in HEAD)


def test_other_layers_can_be_named(new_run: NewRun) -> None:
    run_dir = new_run("method.name=fedper", 'method.fedper.layers=["layer4", "embedding_bn"]')
    names = set(start_of(run_dir))
    assert "embedding.weight" in names
    assert not any(name.startswith(("layer4", "embedding_bn")) for name in names)


def test_a_layer_that_is_not_there_is_named(new_run: NewRun) -> None:
    run_dir = new_run("method.name=fedper", 'method.fedper.layers=["head"]')
    with pytest.raises(ValueError, match=r"the backbone has no layer 'head'; it has conv1, bn1, layer1"):
        start_of(run_dir)


def test_the_first_round_is_fedavgs(new_run: NewRun) -> None:
    runs = [new_run(f"method.name={name}", name=name) for name in ("fedper", "fedavg", "fedbn")]
    per, avg, bn = (arrays_of(train(run_dir, start_of(run_dir))) for run_dir in runs)
    assert avg.keys() - per.keys() == HEAD
    for fewer in (per, bn):
        assert all(np.array_equal(fewer[name], avg[name]) for name in fewer)
    assert not any(name.split(".")[-2].startswith("bn") or name.startswith("embedding_bn") for name in bn)
