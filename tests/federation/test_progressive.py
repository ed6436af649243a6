"""Soft pruning of the global model across rounds: zeros that come back, and tiers that come at the end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

import fedreid
from fedreid.errors import UserError
from fedreid.progress import Progress
from fedreid.pruning import groups_of, is_nested, slice_state, sub_network, tensor_map
from fedreid.pruning.channel_group import ChannelGroup
from fedreid.pruning.channel_map import ChannelMap
from fedreid.pruning.schedules.progressive_rate import ProgressiveRate
from fedreid.scenario import load_scenario
from server.references import References
from tests.federation.runs import same, stop

Files = Callable[[Path], dict[str, bytes]]
BUDGETS = "pruning.budgets=[{clients=[1],macs=0.5},{clients=[2],macs=0.25}]"
SOFT = (
    "federation.rounds=3", "evaluation.local_only=false", "evaluation.open_set=never", "runtime.keep_checkpoints=9",
    "pruning.tiers=[1.0,0.5,0.25]", BUDGETS, "pruning.scores=progressive", "pruning.criterion=l2",
    "method.learning_rate=0.1",
)  # fmt: skip
ALL = (*SOFT, "adaptation.methods=['fine_tune']", "evaluation.local_only=true")


class Told(Progress):
    """Keeps what the user was told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def message(self, text: str) -> None:
        self.lines.append(text)


@pytest.fixture(scope="module")
def told() -> Told:
    return Told()


@pytest.fixture(scope="module")
def run(scenario: Path, tmp_path_factory: pytest.TempPathFactory, told: Told) -> fedreid.RunResult:
    return fedreid.run(scenario, out=tmp_path_factory.mktemp("soft") / "run", overrides=ALL, progress=told)


def everything(files: Files, run_dir: Path) -> dict[str, bytes]:
    """With the tiers' maps and networks."""
    paths = [path for path in (run_dir / "tiers").rglob("*") if path.is_file()]
    return files(run_dir) | {str(path.relative_to(run_dir)): path.read_bytes() for path in paths}


def groups_in(run: fedreid.RunResult) -> tuple[ChannelGroup, ...]:
    settings = load_scenario(run.run_dir / "scenario.toml").scenario.model
    channel_map = ChannelMap.load(run.run_dir / "tiers" / "tier-1.json")
    return groups_of(sub_network(settings, channel_map))


def zero_rows(weight: np.ndarray) -> list[int]:
    return np.flatnonzero(np.abs(weight).reshape(len(weight), -1).max(1) == 0).tolist()


def after_round(run: fedreid.RunResult, number: int) -> Mapping[str, np.ndarray]:
    return load_file(run.run_dir / "checkpoints" / f"round-{number:04d}" / "global.safetensors")


def test_after_each_round_but_the_last_ever_more_filters_are_zero(run: fedreid.RunResult) -> None:
    smallest = ChannelMap.load(run.run_dir / "tiers" / "tier-0.25.json")
    for group in groups_in(run):
        removed = group.width - len(smallest.kept[group.name])
        first, second = (
            [zero_rows(after_round(run, number)[f"{layer}.weight"]) for layer in group.producers] for number in (1, 2)
        )
        assert all(rows == first[0] for rows in first), "the same filters of every producer"
        assert all(after_round(run, 1)[f"{layer}.weight"].all() for layer in group.batchnorms), "only convolutions"
        # 3/4 of what is to go after an eighth of the rounds, so nearly all of it after a third.
        assert np.floor(0.9 * removed) <= len(first[0]) <= removed
        # A filter that no gradient reached since may be zero in one producer alone.
        assert len(set.intersection(*map(set, second))) >= len(first[0])
    assert any(
        set(zero_rows(after_round(run, 1)[name])) - set(zero_rows(after_round(run, 3)[name]))
        for name in after_round(run, 1)
        if name.endswith("conv1.weight")
    ), "filters come back"


def test_the_rate_is_that_of_a_round_for_an_epoch(run: fedreid.RunResult) -> None:
    """The goal is a number of thousandths: some goal explains what is zero after round 1 and what goes at the end."""
    groups = groups_in(run)
    smallest = ChannelMap.load(run.run_dir / "tiers" / "tier-0.25.json")
    model = after_round(run, 1)
    zero = [len(zero_rows(model[f"{group.producers[0]}.weight"])) for group in groups]
    gone = [group.width - len(smallest.kept[group.name]) for group in groups]
    widths = np.array([group.width for group in groups])

    def explains(goal: float) -> bool:
        rate = ProgressiveRate(goal, 3)
        expected = [np.floor(widths * rate(number) + 1e-9).astype(int).tolist() for number in (1, 3)]
        return expected == [zero, gone]

    assert any(explains(thousandths / 1000) for thousandths in range(1, 1000))


def test_the_tiers_are_the_best_channels_of_the_last_model(run: fedreid.RunResult) -> None:
    last = load_file(run.run_dir / "model.safetensors")
    maps = {name: ChannelMap.load(run.run_dir / "tiers" / f"tier-{name}.json") for name in ("1", "0.5", "0.25")}
    for group in groups_in(run):
        norms = [
            np.sqrt(np.square(last[f"{layer}.weight"], dtype=np.float64).sum((1, 2, 3))) for layer in group.producers
        ]
        scores = np.mean([each / each.mean() for each in norms], axis=0)
        for name in ("0.5", "0.25"):
            kept = maps[name].kept[group.name]
            assert set(kept) == set(np.argsort(scores, kind="stable")[group.width - len(kept) :].tolist())
    assert is_nested(maps["0.25"], maps["0.5"])
    before = ChannelMap.load(run.run_dir / "tiers" / "before-round-0004" / "tier-0.25.json")
    assert before.kept != maps["0.25"].kept, "those of the starting model"


def test_each_tier_is_cut_out_and_measured_at_the_end(run: fedreid.RunResult) -> None:
    import torch

    settings = load_scenario(run.run_dir / "scenario.toml").scenario
    full = {name: torch.from_numpy(array) for name, array in load_file(run.run_dir / "model.safetensors").items()}
    for name in ("0.5", "0.25"):
        channel_map = ChannelMap.load(run.run_dir / "tiers" / f"tier-{name}.json")
        own = {k: torch.from_numpy(a) for k, a in load_file(run.run_dir / "tiers" / f"tier-{name}.safetensors").items()}
        sub_network(settings.model, channel_map).load_state_dict(own)
        groups = groups_of(
            sub_network(settings.model, ChannelMap.load(run.run_dir / "tiers" / "tier-1.json")), frozen=()
        )
        expected = slice_state(full, tensor_map(groups, channel_map))
        buffers = ("running_mean", "running_var", "num_batches_tracked")
        assert all(own[key].equal(expected[key]) for key in own if not key.endswith(buffers))
        assert not any(own[key].equal(expected[key]) for key in own if key.endswith("running_var"))
    rows = run.metrics[run.metrics.metric.isin(["tier-0.5/mAP", "tier-0.25/mAP"])]
    assert set(rows["round"]) == {3}, "there are no tiers before"


def test_nothing_is_saved_on_the_way_and_the_run_says_so(run: fedreid.RunResult, told: Told) -> None:
    assert any("nothing is saved on the way" in line for line in told.lines)
    cost = run.metrics[(run.metrics.scope == "cost") & run.metrics.metric.isin(["bytes_up", "bytes_down"])]
    sizes = {array.nbytes for array in [np.concatenate([a.ravel() for a in after_round(run, 3).values()])]}
    assert set(cost.value) == sizes
    page = (run.run_dir / "report.md").read_text()
    assert "Soft pruning saves nothing on the way" in page
    megabytes = f"{2e-6 * next(iter(sizes)):,.2f}"
    table = page[page.index("| Tier") :].splitlines()[2:5]
    assert all(megabytes in line for line in table)


def test_references_have_the_tiers_and_local_only_the_whole_network(run: fedreid.RunResult) -> None:
    found = run.references[run.references.metric == "mAP"]
    assert set(found.reference) == {"global_model", "local_only", "fine_tune"}
    assert len(found[(found.reference == "fine_tune") & (found.scope == "personalized")]) == 3


OTHERS = (*SOFT, "federation.rounds=2", "federation.strategy=fedadam", "pruning.criterion=fpgm", "method.name=ditto")


def test_a_stopped_run_ends_with_the_same_bits(
    run: fedreid.RunResult, scenario: Path, tmp_path: Path, final_files: Files
) -> None:
    out = tmp_path / "stopped"
    stop(scenario, out, ALL)
    fedreid.resume(out)
    same(everything(final_files, out), everything(final_files, run.run_dir))


def test_so_does_one_with_server_momentum_and_personal_models(
    scenario: Path, tmp_path: Path, final_files: Files
) -> None:
    whole = fedreid.run(scenario, out=tmp_path / "whole", overrides=OTHERS).run_dir
    stop(scenario, tmp_path / "stopped", OTHERS)
    found = fedreid.resume(tmp_path / "stopped").run_dir
    same(everything(final_files, found), everything(final_files, whole))


def test_a_run_stopped_when_its_tiers_are_there_ends_with_the_same_bits(
    run: fedreid.RunResult, scenario: Path, tmp_path: Path, final_files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    out = tmp_path / "stopped"
    with monkeypatch.context() as patch:
        patch.setattr(References, "complete", interrupt)
        with pytest.raises(fedreid.Interrupted):
            fedreid.run(scenario, out=out, overrides=ALL)
    fedreid.resume(out)
    same(everything(final_files, out), everything(final_files, run.run_dir))


def test_ray_gives_the_bits_of_the_serial_engine(
    run: fedreid.RunResult, scenario: Path, tmp_path: Path, final_files: Files
) -> None:
    both = [*ALL, "runtime.workers=2"]
    ray = fedreid.run(scenario, out=tmp_path / "ray", overrides=both, engine="ray").run_dir
    same(everything(final_files, ray), everything(final_files, run.run_dir))


BAD = {
    "a criterion of gradients": (["pruning.criterion=taylor_batchnorm"], "needs data"),
    "BatchNorm's scale": (["pruning.criterion=bn_scale"], "leaves alone"),
    "nothing to remove": (["pruning.tiers=[1.0]"], "nothing to set to zero"),
    "another schedule": (["pruning.schedule=one_shot"], "use 'uniform'"),
    "maps made again": (["pruning.refresh_rounds=1"], "come at the end"),
    "statistics of tiers in training": (["pruning.batchnorm=coverage"], "use 'tier'"),
    "BatchNorm at home": (["method.name=fedbn"], "stays with the clients"),
    "no public images": (["partition.public_identities=0", "pretrain.epochs=0"], "needs public images"),
}


@pytest.mark.parametrize("mistake", BAD)
def test_a_mistake_is_refused(mistake: str, scenario: Path, tmp_path: Path) -> None:
    changes, text = BAD[mistake]
    with pytest.raises(UserError, match=text):
        fedreid.run(scenario, out=tmp_path / "run", overrides=[*SOFT, *changes])


def test_a_robust_strategy_averages_whole_networks(scenario: Path, tmp_path: Path) -> None:
    """Which tiers that train don't allow."""
    run = fedreid.run(
        scenario, out=tmp_path / "run", overrides=[*SOFT, "federation.strategy=fedmedian", "federation.rounds=2"]
    )
    assert "generic/tiny/tier-0.5/mAP" in run.final


def test_tiers_come_also_when_nobody_answers_in_the_last_round(scenario: Path, tmp_path: Path) -> None:
    away = tmp_path / "away.csv"
    away.write_text("client,first_round,last_round,slowdown\n" + "".join(f"{client},2,2,0\n" for client in range(3)))
    overrides = [*SOFT, "federation.rounds=2", f"system.trace={away}"]
    run = fedreid.run(scenario, out=tmp_path / "run", overrides=overrides)
    assert {"generic/tiny/tier-0.5/mAP", "generic/tiny/tier-0.25/mAP"} <= run.final.keys()
    assert (run.run_dir / "tiers" / "tier-0.25.safetensors").exists()


def longest(run: fedreid.RunResult) -> float:
    """How many times as long as the starting model's longest filter the final model's longest one is."""
    start, final = (load_file(run.run_dir / name) for name in ("start.safetensors", "model.safetensors"))
    lengths = [
        np.concatenate([np.linalg.norm(one.reshape(len(one), -1), axis=1) for one in state.values() if one.ndim == 4])
        for state in (start, final)
    ]
    return float(lengths[1].max() / lengths[0].max())


def test_filters_that_come_back_stay_of_a_size_with_the_others(
    run: fedreid.RunResult, scenario: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Behind a zeroed filter BatchNorm divides by the root of its epsilon alone: one step would blow it up."""
    assert longest(run) < 3
    monkeypatch.setattr("clients.training._recovering", lambda model: nullcontext())
    assert longest(fedreid.run(scenario, out=tmp_path / "run", overrides=SOFT)) > 10
