"""Measured times, with clocks and measurements that the tests make up: nothing here waits for a real one."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch
from torch import nn

from fedreid.errors import UserError
from fedreid.pruning import LatencyTable, full_map, latency, latency_impacts, layers_of, measure_on, narrow
from fedreid.pruning.latency_table import key_of
from tests.pruning.networks import MINI_GROUPS, SEPARABLE_GROUPS, MiniResidual, Separable, backbone

SIZE = (16, 8)


class Passes(nn.Module):
    """Counts its passes, and notes in what circumstances they happen."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 2, 1)
        self.seen: list[tuple[object, ...]] = []

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        is_channels_last = x.is_contiguous(memory_format=torch.channels_last)
        self.seen.append(
            (tuple(x.shape), self.training, torch.get_num_threads(), torch.is_grad_enabled(), is_channels_last)
        )
        return self.conv(x)


def clock_with(durations: list[float]):
    """A clock that is read twice for each pass; the passes take these times."""
    starts = [100.0 * number for number in range(len(durations))]
    readings = [time for start, duration in zip(starts, durations, strict=True) for time in (start, start + duration)]
    return iter(readings).__next__


def test_median_and_quartiles_of_the_repeats():
    found = latency(Passes(), SIZE, warm_up=2, repeats=5, clock=clock_with([5.0, 1.0, 9.0, 2.0, 4.0]))
    assert (found.lower_quartile, found.median, found.upper_quartile, found.repeats) == (2.0, 4.0, 5.0, 5)


def test_a_single_repeat_is_its_own_median():
    found = latency(Passes(), SIZE, repeats=1, clock=clock_with([3.0]))
    assert (found.lower_quartile, found.median, found.upper_quartile) == (3.0, 3.0, 3.0)


def test_what_is_measured():
    threads = torch.get_num_threads()
    model = Passes().train()
    latency(model, SIZE, batch_size=6, threads=2, warm_up=3, repeats=4, clock=clock_with([1.0] * 4))
    assert model.seen == [((6, 3, 16, 8), False, 2, False, True)] * 7
    assert model.training
    assert torch.get_num_threads() == threads


def test_threads_come_back_after_a_failure():
    threads = torch.get_num_threads()
    with pytest.raises(ValueError, match="for images of 32 x 32"):
        latency(backbone("spherenet20"), SIZE, threads=threads + 1)
    assert torch.get_num_threads() == threads


def test_a_real_measurement_takes_some_time():
    found = latency(MiniResidual(), SIZE, warm_up=1, repeats=3)
    assert 0 < found.lower_quartile <= found.median <= found.upper_quartile


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_measures_with_its_own_events():
    def broken_clock() -> float:
        raise AssertionError("the CPU's clock doesn't know when a kernel ends")

    found = latency(MiniResidual().cuda(), SIZE, batch_size=64, clock=broken_clock)
    assert 0 < found.lower_quartile <= found.median < 1


@pytest.mark.parametrize("odd", [{"batch_size": 0}, {"threads": 0}, {"repeats": 0}, {"warm_up": -1}])
def test_refuses_to_measure_nothing(odd):
    with pytest.raises(ValueError, match="expected at least 1 image, thread and repeat"):
        latency(MiniResidual(), SIZE, **odd)


def by_outputs(layer) -> float:
    """A made-up device: a layer takes a second for each output, BatchNorms nothing."""
    return float(layer.outputs) if layer.kind != "norm" else 0.0


def test_a_network_takes_the_sum_of_its_layers():
    layers = layers_of(MiniResidual(), SIZE)
    assert LatencyTable("made up", by_outputs).total(layers) == 4 + 2 + 4 + 5 + 3


def test_each_kind_of_layer_is_measured_once():
    measured = []
    table = LatencyTable("made up", lambda layer: measured.append(layer.name) or 1.0)
    layers = layers_of(MiniResidual(), SIZE)
    table.total(layers)
    table.total(layers)
    assert sorted(measured) == ["bn1", "bn_a", "bn_c", "conv1", "conv_a", "conv_b", "conv_c", "fc"]  # bn_b is as bn1


def test_layers_that_differ_have_entries_of_their_own():
    layer = next(layer for layer in layers_of(Separable(), (8, 8)) if layer.name == "depthwise")
    changes = {"kind": "norm", "inputs": 7, "outputs": 7, "groups": 3, "biases": 1, "kernel_size": (3, 1)}
    changes |= {"stride": (1, 2), "padding": (0, 1), "input_size": (4, 16)}
    keys = [key_of(layer), *(key_of(replace(layer, **{name: value})) for name, value in changes.items())]
    assert len(set(keys)) == len(keys)
    assert key_of(replace(layer, name="other")) == keys[0]


def test_impacts_are_those_of_some_channels_at_once():
    """18 seconds in all. conv1's group has two layers of four channels, of which three can go."""
    layers, table = layers_of(MiniResidual(), SIZE), LatencyTable("made up", by_outputs)
    found = latency_impacts(layers, MINI_GROUPS, table)
    assert found == pytest.approx({"conv1": 2 / 18, "conv_a": 1 / 18, "conv_c": 1 / 18})
    stairs = LatencyTable("made up", lambda layer: 8.0 if layer.outputs > 2 and layer.kind == "conv" else 0.0)
    assert latency_impacts(layers, MINI_GROUPS, stairs, probe=1)["conv1"] == 0
    assert latency_impacts(layers, MINI_GROUPS, stairs, probe=2)["conv1"] == pytest.approx(16 / 2 / 24)


def test_what_gets_slower_with_fewer_channels_saves_nothing():
    odd = LatencyTable("made up", lambda layer: 10.0 - layer.outputs)
    assert set(latency_impacts(layers_of(MiniResidual(), SIZE), MINI_GROUPS, odd).values()) == {0.0}


def test_the_last_channel_saves_nothing():
    model = MiniResidual()
    first = {group.name: [0] for group in MINI_GROUPS}
    groups = narrow(model, MINI_GROUPS, full_map(MINI_GROUPS, "mini").compose(first))
    found = latency_impacts(layers_of(model, SIZE), groups, LatencyTable("made up", by_outputs))
    assert set(found.values()) == {0.0}


def test_layers_can_be_measured_by_themselves():
    table = LatencyTable("this machine", measure_on("cpu", warm_up=0, repeats=1))
    for model, size in ((MiniResidual(), SIZE), (Separable(), (8, 8))):
        assert table.total(layers_of(model, size)) > 0
    assert all(seconds > 0 for seconds in table.seconds.values())
    assert set(latency_impacts(layers_of(Separable(), (8, 8)), SEPARABLE_GROUPS, table)) == {"conv1", "conv2"}


def test_a_file_gives_the_table_back(tmp_path):
    layers = layers_of(MiniResidual(), SIZE)
    table = LatencyTable("board", by_outputs)
    expected = table.total(layers)
    table.save(tmp_path / "board.json")
    again = LatencyTable.load(tmp_path / "board.json")
    assert again.device == "board"
    assert again.total(layers) == expected
    with pytest.raises(UserError, match=r"table of board has no entry for conv1 \(conv 3>4"):
        again.total(layers_of(MiniResidual(), (32, 8)))


@pytest.mark.parametrize("seconds", ["-1e-6", "NaN", "Infinity"])
def test_refuses_times_that_are_none(tmp_path, seconds):
    (tmp_path / "board.json").write_text(f'{{"format": 1, "device": "a", "seconds": {{"norm 4>4": {seconds}}}}}')
    with pytest.raises(UserError, match=r"board\.json can't be read as a latency table \(\S+ seconds for norm 4>4\)"):
        LatencyTable.load(tmp_path / "board.json")


@pytest.mark.parametrize("text", ["", "[]", '{"format": 2}', '{"format": 1, "device": "a", "seconds": {"k": "x"}}'])
def test_refuses_what_is_no_table(tmp_path, text):
    (tmp_path / "board.json").write_text(text)
    with pytest.raises(UserError, match=r"board\.json can't be read as a latency table"):
        LatencyTable.load(tmp_path / "board.json")
    with pytest.raises(UserError, match="missing"):
        LatencyTable.load(tmp_path / "missing.json")


def test_refuses_to_probe_nothing():
    with pytest.raises(ValueError, match="at least 1 channel is probed, found 0"):
        latency_impacts(layers_of(MiniResidual(), SIZE), MINI_GROUPS, LatencyTable("made up", by_outputs), probe=0)


def test_the_file_is_readable(tmp_path):
    table = LatencyTable("board", by_outputs)
    table.total(layers_of(MiniResidual(), SIZE))
    table.save(tmp_path / "board.json")
    entries = json.loads((tmp_path / "board.json").read_text())["seconds"]
    assert entries["conv 4>5 groups=1 biases=0 k=1x1 s=2x2 p=0x0 in=16x8"] == 5.0
    assert entries["linear 5>3 groups=1 biases=1"] == 3.0
