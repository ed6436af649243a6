"""The networks behind the evidence page of pruning: what is trained, pruned and fine-tuned, and how that is resumed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn

from fedreid.compression.checkpoint import FORMAT, PRUNED, Checkpoint
from fedreid.compression.files import NETWORK, write_network
from fedreid.compression.images import read_images
from fedreid.data.image_set import ImageSet
from fedreid.models import build_backbone
from fedreid.progress import Progress
from fedreid.pruning import ChannelMap, full_map, groups_of, sub_network
from fedreid.pruning.schedules import Consumption, uniform_rate
from fedreid.pruning.selection import uniform_removal
from fedreid.scenario import Scenario, to_toml
from fedreid.training import Classification, train_epochs, warmup_cosine
from fedreid.training.pretrain import initial_proxies
from tests.benchmarks.tools import say

THREE = ("caie", "l1", "uniform")
METHODS: dict[str, tuple[str, ...]] = {
    "caie": ("--criterion", "caie"),
    "l1": ("--criterion", "l1", "--schedule", "one_shot"),
    "uniform": ("--criterion", "sparsity", "--schedule", "uniform"),
    "loss only": ("--criterion", "taylor_batchnorm", "--schedule", "caie"),
    "taylor_activation": ("--criterion", "taylor_activation", "--schedule", "one_shot"),
    "l2": ("--criterion", "l2", "--schedule", "one_shot"),
    "fpgm": ("--criterion", "fpgm", "--schedule", "one_shot"),
    "bn_scale": ("--criterion", "bn_scale", "--schedule", "one_shot"),
    "psfp": ("--criterion", "l2", "--schedule", "psfp"),
}
WHOLE, DENSE = "whole", "dense"


@dataclass(frozen=True)
class Plan:
    """Everything that decides the figures.

    Attributes:
        scenario: data, network, loss; `pretrain` trains from scratch, `method` fine-tunes.
        seeds: of the methods in THREE; others get the first.
    """

    scenario: Scenario
    work: Path
    targets: tuple[int, ...]
    seeds: tuple[int, ...]
    fine_tune: int
    at_once: int


@dataclass(frozen=True)
class Job:
    """A call of `fedreid prune`."""

    method: str
    target: int
    seed: int

    @property
    def name(self) -> str:
        return f"{self.method.replace(' ', '-')}-{self.target}-{self.seed}"


def jobs_of(plan: Plan) -> list[Job]:
    """The whole network, dense ones, then criteria."""
    jobs = [Job(WHOLE, 100, plan.seeds[0])] + [Job(DENSE, target, plan.seeds[0]) for target in plan.targets]
    for method in METHODS:
        seeds = plan.seeds if method in THREE else plan.seeds[:1]
        jobs += [Job(method, target, seed) for seed in seeds for target in plan.targets]
    return jobs


def prepare(plan: Plan) -> None:
    """Train the one backbone from scratch, and a network of each target's size the same way; kept once trained."""
    folder = plan.work / "data"
    shutil.rmtree(folder, ignore_errors=True)
    images = read_images(plan.scenario, folder, "all", Progress()).training
    torch.set_num_threads(plan.at_once)
    base = plan.work / WHOLE
    if not (base / NETWORK).exists():
        model = build_backbone(plan.scenario.model, image_size=plan.scenario.data.image_size)
        _keep(plan, base, _trained(plan, model, images, WHOLE), full_map(groups_of(model), _architecture(model)))
    for target in plan.targets:
        if not (plan.work / f"{DENSE}-{target}" / NETWORK).exists():
            channel_map = uniform_map(plan.scenario, target / 100)
            model = sub_network(plan.scenario.model, channel_map, image_size=plan.scenario.data.image_size)
            _keep(
                plan,
                plan.work / f"{DENSE}-{target}",
                _trained(plan, model, images, f"{DENSE} {target} %"),
                channel_map,
            )


def uniform_map(scenario: Scenario, share: float) -> ChannelMap:
    """The first channels of each group, as many as this share of the multiplications allows."""
    model = build_backbone(scenario.model, image_size=scenario.data.image_size)
    groups = groups_of(model)
    costs = Consumption(model, groups, scenario.data.image_size)
    rate = uniform_rate(costs, costs.limits({"macs": share}))
    gone = uniform_removal({group.name: group.width for group in groups}, rate)
    kept = {group.name: range(group.width - gone[group.name]) for group in groups}
    return full_map(groups, _architecture(model)).compose(kept)


def run(plan: Plan, jobs: Sequence[Job]) -> pd.DataFrame:
    """All jobs that aren't done, some at once; each finished one is in WORK/rows.csv.

    Raises:
        RuntimeError: a job failed; the others are finished first.
    """
    failed = []
    with ThreadPoolExecutor(plan.at_once) as pool:
        running = {pool.submit(_run, plan, job): job for job in jobs}
        for done in as_completed(running):
            job = running[done]
            if done.result():
                failed.append(job.name)
            say(f"{job.name}: {'failed' if job.name in failed else 'done'}")
            rows_of(plan, jobs).to_csv(plan.work / "rows.csv", index=False)
    if failed:
        raise RuntimeError(f"failed: {', '.join(failed)}; see {plan.work}/jobs/NAME.log")
    return rows_of(plan, jobs)


def rows_of(plan: Plan, jobs: Sequence[Job]) -> pd.DataFrame:
    """A line for each finished job: shares of the whole network, scores right after pruning and in the end."""
    whole = _table(plan, Job(WHOLE, 100, plan.seeds[0]))
    rows = []
    for job in jobs:
        table = _table(plan, job)
        if table is None or whole is None:
            continue
        first, last = whole.iloc[0], table.iloc[-1]
        metrics = {key.rpartition("/")[2]: last[key] for key in table.columns if "/" in key}
        pruned = table[table["stage"] == "pruned"]
        at_once = {f"pruned_{key.rpartition('/')[2]}": pruned[key].iloc[0] for key in table.columns
                   if "/" in key and len(pruned)}  # fmt: skip
        shares = {key: 100 * last[key] / first[key] for key in ("macs", "params")}
        rows.append({"method": job.method, "target": job.target, "seed": job.seed} | shares | metrics | at_once)
    return pd.DataFrame(rows)


def _run(plan: Plan, job: Job) -> int:
    """0: done, now or before."""
    out = _out(plan, job)
    if _table(plan, job) is not None:
        return 0
    shutil.rmtree(out, ignore_errors=True)  # of a job that was killed
    out.parent.mkdir(parents=True, exist_ok=True)
    is_reference = job.method in (WHOLE, DENSE)
    start = plan.work / (f"{DENSE}-{job.target}" if job.method == DENSE else WHOLE)
    how = ("--schedule", "none") if is_reference else (*METHODS[job.method], "--macs", str(job.target / 100))
    after = plan.fine_tune
    if job.method == "psfp":  # which trains while it prunes: as many epochs in all as others after pruning
        after = plan.fine_tune // 4
        how = (*how, "--retrain", str(plan.fine_tune - after))
    command = [
        sys.executable, "-m", "fedreid.cli", "prune", str(start), "--data", str(plan.work / "scenario.toml"),
        "--out", str(out), "--images", "all", "--no-onnx", "--seed", str(job.seed), "--fine-tune", str(after),
        *how,
    ]  # fmt: skip
    with out.with_suffix(".log").open("w") as log:
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        return subprocess.run(command, stdout=log, stderr=subprocess.STDOUT, env=environment).returncode


def _table(plan: Plan, job: Job) -> pd.DataFrame | None:
    """None where the job isn't finished: its README is written last."""
    out = _out(plan, job)
    return pd.read_csv(out / "table.csv") if (out / "README.md").exists() else None


def _out(plan: Plan, job: Job) -> Path:
    return plan.work / "jobs" / job.name


def _trained(plan: Plan, model: nn.Module, images: ImageSet, name: str) -> nn.Module:
    """From scratch, as public pre-training does."""
    generator = np.random.default_rng([plan.seeds[0], len(name)])
    proxies = nn.Parameter(initial_proxies(plan.scenario, images.num_identities, generator))
    say(f"training {name} from scratch")
    train_epochs(
        model, Classification(plan.scenario.loss, proxies), images, **plan.scenario.pretrain.model_dump(),
        augment=plan.scenario.augment, generator=generator, device="cpu", schedule=warmup_cosine,
    )  # fmt: skip
    return model


def _keep(plan: Plan, folder: Path, model: nn.Module, channel_map: ChannelMap) -> None:
    """As a folder that `fedreid prune` takes."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = plan.scenario.model
    content = {"format": FORMAT, "model": settings.model_dump(mode="json")}
    (folder / PRUNED).write_text(json.dumps(content))
    checkpoint = Checkpoint(settings, model, channel_map, folder)
    write_network(folder, model, channel_map, checkpoint, plan.scenario.data.image_size)


def _architecture(model: nn.Module) -> str:
    from fedreid.pruning import architecture_of

    return architecture_of(model)


def write_scenario(plan: Plan) -> None:
    """What all jobs read.

    Raises:
        ValueError: the work folder belongs to another plan.
    """
    plan.work.mkdir(parents=True, exist_ok=True)
    path, text = plan.work / "scenario.toml", to_toml(plan.scenario) + f"# fine-tune: {plan.fine_tune} epochs\n"
    if path.exists() and path.read_text() != text:
        raise ValueError(f"{path} is of other settings: give another work folder, or the same settings")
    path.write_text(text)
