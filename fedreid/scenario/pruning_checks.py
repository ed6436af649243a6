"""What contradicts itself in [pruning], or contradicts the rest of a scenario."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

from fedreid.scenario.progressive_checks import progressive_contradictions
from fedreid.scenario.pruning_schema import WITH_DATA, BudgetSettings, PruningSettings

if TYPE_CHECKING:
    from fedreid.scenario.schema import Scenario

COVERING = ("fedavg", "fedavgm", "fedadam", "fedyogi", "fedadagrad")
"""Strategies that form a mean, which can be taken over those clients that have a weight."""

MOST_TIERS = 8


def pruning_contradictions(scenario: Scenario) -> Iterator[tuple[str, str]]:
    """Pairs (dotted key, what is wrong with it)."""
    pruning = scenario.pruning
    if not pruning.is_on:
        if pruning.budgets:
            yield "pruning.budgets", "are there, but no tiers to choose from: set pruning.tiers, as in [1.0, 0.5]"
        return
    yield from _tiers(pruning)
    yield from _scores(scenario)
    yield from _files(pruning)
    yield from _budgets(pruning.budgets)
    yield from _rolling(scenario)
    if pruning.is_progressive:
        yield from progressive_contradictions(scenario)
    elif any(share < 1 for share in pruning.tiers):
        yield from _aggregation(scenario)
    if scenario.method.name == "centralised" and any(share < 1 for share in pruning.tiers):
        yield "pruning.tiers", "are for clients of a federation: centralised training has one model, use []"


def _tiers(pruning: PruningSettings) -> Iterator[tuple[str, str]]:
    for larger, smaller in pairwise(pruning.tiers):
        if smaller >= larger:
            yield (
                "pruning.tiers",
                f"= {list(pruning.tiers)} must decrease, each tier inside the one before: "
                f"{smaller:g} comes after {larger:g}",
            )
            return
    if len(pruning.tiers) > MOST_TIERS:
        yield "pruning.tiers", f"has {len(pruning.tiers)}: at most {MOST_TIERS}, their sums are in memory together"
    tier_names = Counter(f"{share:g}" for share in pruning.tiers)
    if len(tier_names) < len(pruning.tiers):
        yield "pruning.tiers", f"= {list(pruning.tiers)} has two that differ in the seventh digit only"


def _scores(scenario: Scenario) -> Iterator[tuple[str, str]]:
    pruning = scenario.pruning
    if pruning.maps != "importance":
        return
    needs_data = pruning.criterion in WITH_DATA
    if needs_data and pruning.scores in ("weights", "progressive"):
        yield (
            "pruning.criterion",
            f"= {pruning.criterion!r} needs data: set pruning.scores to 'proxy', 'clients' or 'local', or use 'l1'",
        )
    if not needs_data and pruning.scores not in ("weights", "progressive"):
        yield (
            "pruning.scores",
            f"= {pruning.scores!r}, but {pruning.criterion} looks at weights only: use 'weights', or a criterion that "
            "reads gradients (taylor_batchnorm, caie)",
        )
    if pruning.criterion in ("bn_scale", "taylor_batchnorm", "caie") and not scenario.model.has_batchnorm:
        yield (
            "pruning.criterion",
            f"= {pruning.criterion!r} reads BatchNorm, and {scenario.model.backbone} has none: use 'l1' or "
            "'taylor_activation'",
        )
    if pruning.scores == "proxy" and scenario.pretrain.epochs == 0 and not scenario.model.weights:
        yield (
            "pruning.scores",
            "= 'proxy' scores the starting model, which is random: set pretrain.epochs or model.weights",
        )


def _files(pruning: PruningSettings) -> Iterator[tuple[str, str]]:
    small = sum(share < 1 for share in pruning.tiers)
    if pruning.maps != "files":
        if pruning.map_files:
            yield "pruning.map_files", f"are there, but pruning.maps = {pruning.maps!r}: set it to 'files'"
        return
    if len(pruning.map_files) != small:
        yield (
            "pruning.map_files",
            f"names {len(pruning.map_files)}, and pruning.tiers = {list(pruning.tiers)} has {small} below 1: one map "
            "for each of them, the largest first",
        )
    if pruning.refresh_rounds:
        yield "pruning.refresh_rounds", "makes maps again, and those of files are given: use 0"


def _budgets(budgets: tuple[BudgetSettings, ...]) -> Iterator[tuple[str, str]]:
    named = Counter(client for budget in budgets for client in budget.clients)
    if twice := [client for client, times in named.items() if times > 1]:
        yield "pruning.budgets", f"name client {twice[0]} twice: one budget for each client"
    if sum(not budget.clients for budget in budgets) > 1:
        yield "pruning.budgets", "has two for all other clients (clients = []): keep one"
    for number, budget in enumerate(budgets):
        if not budget.stated and not budget.device:
            yield "pruning.budgets", f"states no limit in its entry {number}: give macs, params, memory_mb or others"
        if budget.latency_table and not budget.latency_ms:
            yield "pruning.budgets", f"has a latency_table in its entry {number} and no latency_ms that it is for"


def _rolling(scenario: Scenario) -> Iterator[tuple[str, str]]:
    if scenario.pruning.maps != "fedrolex":
        return
    if scenario.pruning.batchnorm == "tier" and scenario.model.has_batchnorm:
        yield (
            "pruning.batchnorm",
            "= 'tier' keeps statistics of a tier's channels, and fedrolex has others each round: use 'coverage' or "
            "'recalibrate'",
        )
    if scenario.batchnorm != "average":
        yield (
            "federation.batchnorm",
            f"= {scenario.batchnorm!r} keeps BatchNorm of a client's channels, and fedrolex has others each round: "
            "use 'average'",
        )


def _aggregation(scenario: Scenario) -> Iterator[tuple[str, str]]:
    strategy, method = scenario.federation.strategy, scenario.method
    if strategy not in COVERING:
        yield (
            "federation.strategy",
            f"= {strategy!r} compares whole models, and clients of different tiers have no whole model in common: use "
            f"one of {', '.join(COVERING)}, or pruning.tiers = [1.0]",
        )
    if method.name == "fedpav" and method.fedpav.distillation:
        yield (
            "method.fedpav.distillation",
            "runs every client's model on the server as a whole network, and tiers are parts of it: turn one off",
        )
