"""The answer in plain words: what won, how sure that is, what it cost, and for whom it is worth it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from fedreid.comparison.fairness import Fairness
from fedreid.comparison.families import MEANS
from fedreid.comparison.held_against import Comparison
from fedreid.comparison.sentences import points, seeds
from fedreid.comparison.statistics import PairedDifference
from fedreid.reports.comparison_page import winners
from fedreid.reports.comparison_page.costs import SHOWN, Costs
from fedreid.reports.comparison_page.fairness_tables import over_alone, over_shared
from fedreid.reports.comparison_page.kinds import by_seed, has_intervals, kind_of, mean_of, seeds_told
from fedreid.reports.numbers import is_missing, percent

MOST_SETS = 3  # datasets whose worst client is told
SPENT = {"bytes": "moves {} in a run", "macs": "needs {} multiplications", "training_seconds": "trains for {}",
         "simulated_seconds": "takes {} of simulated time", "joules": "takes {} of simulated energy"}  # fmt: skip

Answer = tuple[str, list[str]]


def answers(found: Comparison, costs: Mapping[str, Costs], fairness: Sequence[Fairness]) -> list[Answer]:
    """(question, its answer in paragraphs), the most important first."""
    winner = winners.winner(found)
    told = [
        ("What won", [winners.headline(found, "generic"), winners.headline(found, "personalized")]),
        ("On people nobody trained on", winners.lines(found, "generic")),
        ("On the clients' own people", winners.lines(found, "personalized")),
        ("At which cost", [_cost(found, costs, winner)]),
        ("Is personalization worth it?", [_worth(found, winners.winner(found, scopes=("personalized", "generic")))]),
        ("Who is worst off?", _worst(found, fairness)),
        ("How sure is that?", [_sure(found)]),
    ]
    known = [(question, [line for line in lines if line]) for question, lines in told]
    return [(question, lines) for question, lines in known if lines]


def _cost(found: Comparison, costs: Mapping[str, Costs], winner: str) -> str:
    """What the winner spends, and in relation to the reference; then who moves least."""
    mine, base = costs[winner], costs[found.reference]
    parts = []
    for name, words in SPENT.items():
        if is_missing(mine[name]) or not mine[name]:
            continue
        text = words.format(SHOWN[name](mine[name]))
        if winner != found.reference and base[name] > 0:
            ratio = mine[name] / base[name]
            text += " (as the reference)" if 0.995 <= ratio < 1.005 else f" ({ratio:.2f} × the reference)"
        parts.append(text)
    if not parts:
        return ""
    *first, last = parts
    answer = f"{winner} {', '.join(first) + ' and ' + last if first else last}."
    federated = [variant.name for variant in found.variants if kind_of(variant) == "federated"]
    known = {name: costs[name]["bytes"] for name in federated if not math.isnan(costs[name]["bytes"])}
    if known and (least := min(known, key=known.__getitem__)) != winner and known[least] < 0.995 * known[winner]:
        answer += f" The least is moved by {least}: {SHOWN['bytes'](known[least])}."
    return answer


def _worth(found: Comparison, winner: str) -> str:
    """The best own models against their variant's shared one and against training alone."""
    variant = next(each for each in found.variants if each.name == winner)
    own = mean_of(by_seed(variant, "own"))
    if own is None or kind_of(variant) != "federated":
        return ""
    gaps = {"the shared model": over_shared(variant), "training alone": over_alone(found.variants, variant)}
    start = f"With {winner}, clients' own models reach {percent(own)} % mAP on their own people."
    parts = [f"Against {other} that is {_gain(gap)}." for other, gap in gaps.items() if gap is not None]
    return " ".join([start, *(parts or ["The shared model and training alone weren't measured there."])])


def _gain(gap: PairedDifference) -> str:
    distance = f"{points(gap.mean)} points"
    if math.isnan(gap.low):
        return f"{distance} in {seeds(gap.n)}"
    sure = "worth it" if gap.low > 0 else "not worth it" if gap.high < 0 else "can't tell"
    return f"{distance} (95 % interval {points(gap.low)} to {points(gap.high)} over {seeds(gap.n)}): {sure}"


def _worst(found: Comparison, fairness: Sequence[Fairness]) -> list[str]:
    """With whom the worst-off client fares best, and how it fares with the reference."""
    federated = {each.name for each in found.variants if kind_of(each) == "federated"}
    known = [each for each in fairness if each.variant in federated and each.clients > 1]
    datasets = dict.fromkeys(each.dataset for each in known)
    told = []
    for dataset in [*datasets][:MOST_SETS]:
        chosen = [each for each in known if each.dataset == dataset]
        lasting = all(each.is_lasting for each in chosen)
        best = max(chosen, key=lambda each: each.worst if lasting else each.lowest)
        base = next((each for each in chosen if each.variant == found.reference), None)
        where = f" of {dataset}" if len(datasets) > 1 and dataset != MEANS["personalized"] else ""
        text = f"The worst-off client{where} fares best with {best.variant}: {_lowest(best, lasting)}"
        if base is not None and base is not best:
            text += f", against {percent(base.worst if lasting else base.lowest)} % with {base.variant}"
        told.append(f"{text}; clients spread by {best.spread:.1f} points (standard deviation).")
    return told


def _lowest(each: Fairness, lasting: bool) -> str:
    if lasting:
        return f"{percent(each.worst)} % mAP (client {each.worst_client}, mean over {seeds(each.n)})"
    return f"{percent(each.lowest)} % mAP (mean of each seed's lowest, {seeds(each.n)})"


def _sure(found: Comparison) -> str:
    numbers = {variant.name: len(variant.runs) for variant in found.variants}
    if len(set(numbers.values())) == 1:
        told = (
            f"Every variant has {seeds(len(found.variants[0].runs))} ({', '.join(map(str, found.variants[0].seeds))})."
        )
    else:
        fewest = min(numbers, key=numbers.__getitem__)
        told = f"Variants have {seeds_told(found.variants)}; {fewest} has the fewest."
    if not has_intervals(found.variants):
        return (
            f"{told} One seed doesn't say how far chance goes, so intervals and verdicts are withheld. Repeat it with "
            "more, as in --seeds 0-2."
        )
    over = {each.difference.over for each in found.contrasts if each.difference and not math.isnan(each.difference.low)}
    if not over:
        return told
    kinds = ", or over ".join(
        f"{each} alone" if each == "seeds" else each for each in sorted(over, key=len, reverse=True)
    )
    return (
        f"{told} Intervals are over {kinds}. “Beyond chance” means a p below 0.05 after Holm's correction for all "
        "variants in a metric; what may be chance isn't thereby equal."
    )
