"""What must be there before the first round: images, splits and the starting model, kept in the run folder."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file
from torch import Tensor

from fedreid import run_folder
from fedreid.atomic import write_atomically
from fedreid.data.federation import FederationData
from fedreid.data.locations import cache_folder, data_root
from fedreid.errors import UserError
from fedreid.progress import Progress
from fedreid.pruning.device_latency import refuse_tables
from fedreid.scenario import Scenario, load_scenario, pinned, to_toml
from fedreid.training import pretrain
from fedreid.training.device import torch_threads
from fedreid.training.pretrain import initial_backbone, untrained
from server.preflight import fruitless_tests, long_evaluations, refuse_data, refuse_settings
from server.tiers import make_tiers


@dataclass(frozen=True)
class Setup:
    """A run that is ready for its first round, or for going on.

    Attributes:
        start: state of the backbone before the first round.
        facts: what the report says about the pre-training ("pretrain") and the time it all took ("timing").
    """

    scenario: Scenario
    run_dir: Path
    data: FederationData
    start: Mapping[str, Tensor]
    facts: Mapping[str, Any]

    @classmethod
    def open(cls, run_dir: Path) -> Setup:
        """What `set_up` left in the run folder."""
        return cls(
            scenario=load_scenario(run_dir / run_folder.SCENARIO).scenario,
            run_dir=run_dir,
            data=FederationData.open(run_dir),
            start=load_file(run_dir / run_folder.START),
            facts=json.loads((run_dir / run_folder.SETUP).read_text()),
        )


def create_run(scenario: Scenario, out: Path | None) -> Path:
    """A new run folder with the resolved scenario in it; by default results/<name>/<UTC time>.

    Raises:
        UserError: the folder is in use, or can't be written.
    """
    folder = out or Path("results") / scenario.name / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    run_dir = Path(os.path.abspath(folder))  # noqa: PTH100  (without "..", and without following links)
    if run_dir.exists() and (not run_dir.is_dir() or any(run_dir.iterdir())):
        is_run = (run_dir / run_folder.SCENARIO).exists()
        remedy = (
            f"Go on with it: fedreid resume {run_dir}\n  Or give another --out." if is_run else "Give another --out."
        )
        raise UserError(f"{run_dir} exists and is not empty.\n  {remedy}")
    try:
        run_dir.mkdir(parents=True, exist_ok=True)
        fixed = pinned(scenario, root=data_root(scenario.data), cache=cache_folder(scenario.data))
        with (run_dir / run_folder.SCENARIO).open("x") as file:  # of two runs that want this folder, one gets it
            file.write(to_toml(fixed))
    except FileExistsError as error:
        raise UserError(f"{run_dir} exists, or was taken by another run just now. Give another --out.") from error
    except OSError as error:
        raise UserError(f"can't write the run folder {run_dir}: {error.strerror}. Give another --out.") from error
    return run_dir


def set_up(run_dir: Path, progress: Progress) -> Setup:
    """Read and split the data, and get the starting model, from the cache where it was made before.

    Doing it again for a run that goes on checks that the data are still what they were.

    Raises:
        UserError: a mistake in the data or the scenario.
    """
    scenario = load_scenario(run_dir / run_folder.SCENARIO).scenario
    started = time.perf_counter()
    refuse_settings(scenario)
    data = FederationData.prepare(scenario, run_dir, progress.stage)
    refuse_data(scenario, data)
    for warning in [*fruitless_tests(data), *long_evaluations(scenario, data)]:
        progress.message(warning)
    if scenario.pruning.is_on and not (run_dir / run_folder.SETUP).exists():
        refuse_tables(scenario.pruning.budgets)
        if scenario.pruning.are_widths_known:  # budgets that no tier fits, and maps that don't fit the network
            make_tiers(Setup(scenario, run_dir, data, initial_backbone(scenario).state_dict(), {}))
    prepared = time.perf_counter()
    path = run_dir / run_folder.SETUP
    if path.exists():  # the start stays what it was, even if the cache that it came from is gone
        return Setup.open(run_dir)
    with torch_threads(scenario.runtime.server_threads):
        facts = {"pretrain": _write_start(scenario, run_dir, data, progress)}
        if scenario.pruning.is_on and not scenario.pruning.asks_clients:  # else it waits for clients to ask
            make_tiers(Setup(scenario, run_dir, data, load_file(run_dir / run_folder.START), facts)).save(run_dir)
    facts["timing"] = {"prepare_seconds": prepared - started, "pretrain_seconds": time.perf_counter() - prepared}
    write_atomically(path, lambda temporary: temporary.write_text(json.dumps(facts, indent=2) + "\n"))
    return Setup.open(run_dir)


def _write_start(scenario: Scenario, run_dir: Path, data: FederationData, progress: Progress) -> dict[str, Any]:
    public, path = data.public, run_dir / run_folder.START
    if public is None:
        _save(path, initial_backbone(scenario).state_dict())
        return {"epochs": 0, "identities": 0, "images": 0, "from_cache": False}
    if scenario.pretrain.epochs == 0:
        start = untrained(scenario, public.num_identities)
        _save(path, start.backbone_state)
        _save(run_dir / run_folder.PUBLIC_PROXIES, {"proxies": start.proxies})
        return {"epochs": 0, "identities": 0, "images": 0, "from_cache": False}
    pretrained = pretrain(
        scenario,
        public,
        cache_folder(scenario.data),
        on_progress=lambda done, total: progress.stage("pre-training on the public set", done, total),
    )
    _save(path, pretrained.backbone_state)
    _save(run_dir / run_folder.PUBLIC_PROXIES, {"proxies": pretrained.proxies})
    return {
        "epochs": scenario.pretrain.epochs,
        "identities": public.num_identities,
        "images": len(public),
        "from_cache": pretrained.from_cache,
    }


def _save(path: Path, tensors: Mapping[str, Tensor]) -> None:
    whole = {name: tensor.contiguous() for name, tensor in tensors.items()}
    write_atomically(path, lambda temporary: save_file(whole, temporary))
