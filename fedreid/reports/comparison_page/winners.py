"""Which federated variant is first, by how much, and whether that is more than chance."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence

from fedreid.comparison.families import MEANS
from fedreid.comparison.held_against import Comparison
from fedreid.comparison.sentences import SUBJECTS, points, seeds
from fedreid.comparison.verdicts import Contrast
from fedreid.headline import headline as headline_of
from fedreid.reports.comparison_page.kinds import MOST_SEEDS, kind_of, label
from fedreid.reports.numbers import percent, plural

MOST_NAMED = 3  # variants in one sentence
MOST_SETS = 4  # test sets with a sentence of their own

Scored = Mapping[str, Sequence[Contrast]]  # by dataset: the federated variants that have the headline score


def scored(found: Comparison, scope: str, *, bounds: bool = False) -> dict[str, list[Contrast]]:
    """By dataset, the federated variants (or the bounds) in the metric that stands for the others."""
    kept = {each.name for each in found.variants if (kind_of(each) != "federated") == bounds}
    by_dataset: dict[str, list[Contrast]] = {}
    for dataset in dict.fromkeys(each.dataset for each in found.contrasts if each.scope == scope):
        known = [each for each in found.contrasts if (each.scope, each.dataset) == (scope, dataset) and each.score.n]
        metric = headline_of(each.metric for each in known)
        if chosen := [each for each in known if each.metric == metric and each.variant in kept]:
            by_dataset[dataset] = chosen
    return by_dataset


def highest(contrasts: Sequence[Contrast]) -> Contrast:
    """The one with the highest mean."""
    return max(contrasts, key=lambda each: each.score.mean)


def winner(found: Comparison, *, without: str = "", scopes: Sequence[str] = tuple(SUBJECTS)) -> str:
    """The federated variant that is first over all test sets, or for the clients' own people; else the reference.

    Where test sets have no common mean, the one that is first on most.

    Args:
        without: a variant that is out of the running.
        scopes: what counts, and where nothing was scored there, what counts then.
    """
    for scope in scopes:
        counting = _counting(scored(found, scope), scope).values()
        rivals = [[each for each in all_of if each.variant != without] for all_of in counting]
        if firsts := Counter(highest(each).variant for each in rivals if each):
            return firsts.most_common(1)[0][0]
    return found.reference


def headline(found: Comparison, scope: str) -> str:
    """In one sentence, who is better than the reference; empty where nothing was scored."""
    every = scored(found, scope)
    by_dataset = _counting(every, scope)
    rivals = {each.variant for each in _all(by_dataset) if each.verdict != "reference"}
    sets = _all(by_dataset)[0].sets if len(by_dataset) == 1 else ()
    where = f"on {SUBJECTS[scope]}" + f" (mean over {len(sets)} test sets)" * bool(sets and scope == "generic")
    if not by_dataset:
        return ""
    if not rivals:
        return f"{capital(where)} there is only one federated variant, {_all(by_dataset)[0].variant}."
    if not any(each.difference is not None and each.difference.n > 1 for each in _all(by_dataset)):
        first = Counter(highest(each).variant for each in by_dataset.values()).most_common(1)[0][0]
        return f"{capital(where)} {first} is highest, in one seed: whether that is more than chance can't be told."
    better = Counter(each.variant for each in _all(by_dataset) if each.verdict == "better")
    if not better:
        of = f" of the {len(rivals)} other federated variants" if len(rivals) > 1 else " of the others"
        names = f"none{of}" if len(rivals) > 1 else next(iter(rivals))
        no = "is" if len(rivals) > 1 else "is not"
        return f"{capital(where)} {names} {no} better than {found.reference} beyond chance."
    if len(better) > MOST_NAMED:
        told = f"{len(better)} of {len(rivals)} other federated variants"
        return f"{capital(where)} {told} are better than {found.reference}, beyond chance."
    named = [
        name if number == len(by_dataset) else f"{name} (on {number} of {plural(len(by_dataset), 'test set')})"
        for name, number in better.most_common()
    ]
    verb = "is" if len(named) == 1 else "are"
    return f"{capital(where)} {', '.join(named)} {verb} better than {found.reference}, beyond chance."


def lines(found: Comparison, scope: str) -> list[str]:
    """The highest on each test set against the reference, and the bounds beside them."""
    by_dataset, bounds = scored(found, scope), scored(found, scope, bounds=True)
    mean = MEANS[scope]
    single = [name for name in by_dataset if name != mean]
    told = []
    for dataset, contrasts in by_dataset.items():
        if dataset != mean and len(single) > MOST_SETS:
            continue
        start = f"{capital(dataset)}: " if dataset == mean else f"{dataset}: " if len(single) > 1 else ""
        parts = [f"{start}{_first(contrasts)}."]
        if beside := [f"{each.variant} {percent(each.score.mean)} %" for each in bounds.get(dataset, ())]:
            parts.append(f"For orientation: {', '.join(beside)}.")
        told.append(" ".join(parts))
    if len(single) > MOST_SETS:
        firsts = Counter(highest(by_dataset[name]).variant for name in single).most_common()
        named = ", ".join(f"{name} on {number}" for name, number in firsts)
        told.append(f"Highest: {named} of {len(single)} test sets.")
    return told


def gap(found: Contrast) -> str:
    """The difference of a variant to the reference with its interval, and what can be told from it."""
    difference = found.difference
    if difference is None:
        return "with no seed in common"
    distance = f"{points(difference.mean)} points"
    if found.verdict == "one seed":
        return f"{distance}, in one seed"
    if math.isnan(difference.low):
        return f"{distance} in each of {seeds(difference.n)}, so that chance can't be judged"
    interval = f"{100 * found.level:g} % interval {points(difference.low)} to {points(difference.high)}"
    if found.verdict in ("better", "worse"):
        return f"{distance} ({interval}), beyond chance"
    if found.verdict == "the same":
        return "with the same score in all seeds"
    many = " among so many variants" if found.comparisons > 1 and not difference.low <= 0 <= difference.high else ""
    return f"{distance} ({interval}), which may be chance{many}{_needed(found.seeds_needed)}"


def _needed(number: float) -> str:
    if math.isnan(number):
        return ""
    if math.isinf(number):
        return "; more seeds alone would hardly tell"
    return f"; {'about' if number <= MOST_SEEDS else 'more than'} {seeds(min(number, MOST_SEEDS))} would tell"


def capital(text: str) -> str:
    """With a capital letter in front."""
    return text[:1].upper() + text[1:]


def _first(contrasts: Sequence[Contrast]) -> str:
    best = highest(contrasts)
    spread = "" if math.isnan(best.score.sd) else f" ± {best.score.sd:.1f}"
    level = f"{percent(best.score.mean)}{spread} % {label(best.metric)} over {seeds(best.score.n)}"
    rivals = [each for each in contrasts if each is not best]
    if not rivals:
        return f"{best.variant} reaches {level}"
    if best.verdict == "reference":
        second = highest(rivals)
        return f"{best.variant} is highest with {level}; {second.variant} comes next, {gap(second)}"
    return f"{best.variant} is highest with {level}, against {best.reference} {gap(best)}"


def _counting(by_dataset: dict[str, list[Contrast]], scope: str) -> dict[str, list[Contrast]]:
    """The mean over test sets instead of those that it is of, where there is one."""
    mean = MEANS[scope]
    if mean not in by_dataset or not by_dataset[mean][0].sets:
        return by_dataset
    metric = by_dataset[mean][0].metric
    return {name: each for name, each in by_dataset.items() if name == mean or each[0].metric != metric}


def _all(by_dataset: Scored) -> list[Contrast]:
    return [each for contrasts in by_dataset.values() for each in contrasts]
