"""`python -m fedreid.pruning.measure_tiers SCENARIO TABLE`: the times of all tiers' layers on this machine.

To be run on the board that a budget is about; the table then goes to where the federation is launched, as
`latency_table` of that budget. It needs no images: layers are timed on noise.
"""

from __future__ import annotations

import argparse
import logging
import platform
from pathlib import Path

import torch

from fedreid import run_folder
from fedreid.errors import UserError
from fedreid.models import build_backbone
from fedreid.pruning.channel_map import ChannelMap
from fedreid.pruning.latency_table import LatencyTable, Measure, measure_on
from fedreid.pruning.layers import layers_of
from fedreid.pruning.sub_networks import sub_network
from fedreid.pruning.tier_maps import tier_maps
from fedreid.pruning.tiers import Tiers
from fedreid.scenario import Scenario, load_scenario

logger = logging.getLogger(__name__)


def measured(scenario: Scenario, maps: list[ChannelMap], name: str, measure: Measure) -> LatencyTable:
    """Times of every layer of the whole network and of each tier.

    Args:
        name: of the machine.
        measure: gives the seconds of a layer.
    """
    table, size = LatencyTable(name, measure), scenario.data.image_size
    networks = [build_backbone(scenario.model, image_size=size)]
    networks += [sub_network(scenario.model, channel_map, image_size=size) for channel_map in maps]
    for network in networks:
        logger.info("%.3f ms", 1e3 * table.total(layers_of(network, size)))
    return table


def maps_to_measure(path: Path) -> tuple[Scenario, list[ChannelMap]]:
    """The scenario, and the maps of its tiers.

    Args:
        path: a scenario, or a run folder, whose tiers are known.

    Raises:
        UserError: a scenario without tiers, or whose widths depend on scores.
    """
    tiers = Tiers.load(path) if path.is_dir() else None
    scenario = load_scenario(path / run_folder.SCENARIO if path.is_dir() else path).scenario
    if tiers is not None:
        return scenario, [tier.channel_map for tier in tiers.tiers]
    if not scenario.pruning.is_on:
        raise UserError(f"{path} has no tiers: set pruning.tiers.")
    if not scenario.pruning.are_widths_known:
        raise UserError(
            f"{path}: how wide its tiers are depends on scores of channels. Give a run folder of this scenario, "
            "without the budget, or set pruning.schedule = 'uniform' and pruning.scores = 'weights'."
        )
    size = scenario.data.image_size
    return scenario, tier_maps(build_backbone(scenario.model, image_size=size), scenario.pruning, size)


def main(arguments: list[str] | None = None) -> None:
    """Measure, and write the table.

    Raises:
        UserError: a machine or a file that isn't there; see also `maps_to_measure`.
    """
    parser = argparse.ArgumentParser(prog="python -m fedreid.pruning.measure_tiers", description=__doc__)
    parser.add_argument("scenario", type=Path, help="a scenario with tiers, or a run folder of one")
    parser.add_argument("table", type=Path, help="the file to write")
    parser.add_argument("--name", default="", help="what the machine is called; by default its host name")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"), help="where layers run: cpu or cuda")
    parser.add_argument("--threads", type=int, default=1, help="of the CPU")
    chosen = parser.parse_args(arguments)
    _refuse(chosen)
    scenario, maps = maps_to_measure(chosen.scenario)
    measure = measure_on(chosen.device, threads=chosen.threads)
    measured(scenario, maps, chosen.name or platform.node(), measure).save(chosen.table)
    logger.info("%s", chosen.table)


def _refuse(chosen: argparse.Namespace) -> None:
    """What would fail only after the measurement, or with words that aren't about the command."""
    if chosen.device == "cuda" and not torch.cuda.is_available():
        raise UserError("--device cuda, but torch sees no GPU here.")
    if chosen.threads < 1:
        raise UserError(f"--threads {chosen.threads}: expected at least 1.")
    if chosen.table.is_dir() or not chosen.table.absolute().parent.is_dir():
        raise UserError(f"{chosen.table} can't be written: expected a file in a folder that exists.")


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        main()
    except UserError as error:
        raise SystemExit(f"error: {error}") from None
