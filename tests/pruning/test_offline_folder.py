"""The folder that `fedreid.prune` writes: what it tells, what it needs, and what is left of it after a failure."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from fedreid import run_folder
from fedreid.compression import command
from fedreid.errors import RunError, UserError
from fedreid.pruning import ChannelMap
from fedreid.scenario import load_scenario
from tests.pruning.conftest import Prune, share


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
