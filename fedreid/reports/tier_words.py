"""The parts of one network that clients train, in sentences: what each reaches, and how they came about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fedreid.errors import UserError
from fedreid.reports.findings import Findings, Generic
from fedreid.reports.loading import RunFolder
from fedreid.reports.numbers import is_missing, percent, plural, points
from fedreid.reports.open_set import heading
from fedreid.reports.overview import MANY
from fedreid.scenario.pruning_schema import PruningSettings
from fedreid.scenario.schema import Scenario

if TYPE_CHECKING:
    from fedreid.pruning.tiers import Tier, Tiers

MOST_PARTS = 8  # that a sentence goes through
PLACES = {
    "heterofl": "the first ones of each layer",
    "fjord": "the first ones of each layer",
    "fedrolex": "a window of each layer that moves on by one in each round",
    "files": "those of pruning.map_files",
}
SCORES = {
    "weights": "by the starting model's weights",
    "proxy": "by the public images",
    "clients": "by the clients' own images, averaged by the server",
    "local": "by each client's own images, so that each has a part of its own",
    "progressive": "by the global model's weights after each round",
}
STATISTICS = {
    "tier": " Each part of the network has running statistics of its own, of its clients.",
    "coverage": " Running statistics, too, are averaged over those clients that have the channel.",
    "recalibrate": " Before the server evaluates a part of the network, its running statistics are measured again, on "
    "the public images.",
}
AVERAGED = " A weight is averaged over the clients of a round that have it; without any, it keeps its value."
AT_THE_END = " Everybody trained the whole network: the parts were cut out of it after the last round."
NOBODYS = (
    "No client that took part trained the whole network: what lies outside their parts is as it was at the start, and "
    "figures of the shared model are those of a network that nobody trained."
)


def tiers_of(run: RunFolder) -> Tiers | None:
    """The run's tiers; None where all clients have the whole network, or the files are damaged."""
    if not run.scenario.pruning.is_on:
        return None
    from fedreid.pruning.tiers import Tiers  # and torch with it, for which other reports needn't wait

    try:
        tiers = Tiers.load(run.path)
    except UserError:  # a report is made of what is there
        return None
    return None if tiers is None or tiers.is_trivial else tiers


def score_of(result: Generic, tier: Tier) -> float | None:
    """What a tier's part of the last global model reaches on a test set; None where it wasn't scored."""
    return result.final.get(result.metric if tier.is_whole else f"tier-{tier.name}/{result.metric}")


def reference(run: RunFolder, tiers: Tiers) -> Tier:
    """The tier that others are held against: the largest that some client trains."""
    participants = run.scenario.federation.participants or range(len(tiers.of_client))
    trained = tiers.tiers if tiers.come_last else [tiers.tier(client) for client in participants]
    return max(trained, key=lambda tier: tier.amounts["macs"])


def paragraph(run: RunFolder, findings: Findings) -> list[str]:
    """What each budget costs on people nobody trained on, and a warning where the whole network is nobody's."""
    tiers = tiers_of(run)
    if tiers is None:
        return []
    first = reference(run, tiers)
    several = findings.generic if len(findings.generic) < MANY else ()
    found = [_reached(tiers, first, result) for result in several]
    return [sentence for sentence in ("" if first.is_whole or tiers.come_last else NOBODYS, *found) if sentence]


def _reached(tiers: Tiers, first: Tier, result: Generic) -> str:
    best, smaller = score_of(result, first), tiers.tiers[tiers.tiers.index(first) + 1 :]
    if best is None or is_missing(best):
        return ""
    texts = [
        f"the part with {_share(tier.share)} of the multiplications {percent(score)} % ({points(score - best)} points)"
        for tier in smaller
        if (score := score_of(result, tier)) is not None and not is_missing(score)
    ]
    if not 0 < len(texts) < MOST_PARTS:
        return ""
    listed = f"{', '.join(texts[:-1])} and {texts[-1]}" if len(texts) > 1 else texts[0]
    subject = "The whole network" if first.is_whole else f"The part with {_share(first.share)} of the multiplications"
    return f"{subject} reaches {percent(best)} % {heading(result.metric)} on {result.dataset}, {listed}."


def _share(share: float) -> str:
    return f"{100 * share:g} %"


def protocol(run: RunFolder) -> list[tuple[str, str]]:
    """(term, explanation): which channels the parts have, and how they are averaged."""
    if tiers_of(run) is None:
        return []
    pruning = run.scenario.pruning
    shares = ", ".join(map(_share, pruning.tiers))
    text = (
        f"{plural(len(pruning.tiers), 'tier')} ({shares} of the multiplications): a client has the largest that fits "
        f"its budget. Channels that stay: {_channels(pruning)}."
    )
    return [("Parts of the network", text + (AT_THE_END if pruning.is_progressive else AVERAGED))]


def _channels(pruning: PruningSettings) -> str:
    if pruning.maps != "importance":
        return PLACES[pruning.maps]
    schedule = "" if pruning.criterion == "caie" else f", {pruning.schedule.replace('_', '-')}"
    often = "after every round" if pruning.refresh_rounds == 1 else f"after every {pruning.refresh_rounds} rounds"
    again = f", chosen anew {often}" if pruning.refresh_rounds else ""
    return f"the best by {pruning.criterion}{schedule}, {SCORES[pruning.scores]}{again}"


def statistics(run: RunFolder) -> str:
    """What the tiers mean for BatchNorm; empty where they change nothing."""
    scenario: Scenario = run.scenario
    if scenario.batchnorm != "average" or scenario.pruning.is_progressive or tiers_of(run) is None:
        return ""
    return STATISTICS[scenario.pruning.batchnorm]


def in_parts(run: RunFolder, weights: str) -> str:
    """A client's weight in the mean, where clients have parts of the network.

    Args:
        weights: what it is without.
    """
    if run.scenario.pruning.is_progressive or tiers_of(run) is None:
        return weights
    kind = run.scenario.pruning.aggregation_weight
    return {"uniform": "one vote for each client", "width": f"{weights} times the share of the parameters"}.get(
        kind, weights
    )
