"""What the reference and the best of the others find, test set by test set, to be looked at side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from statistics import fmean

import numpy as np

from fedreid import run_folder
from fedreid.comparison.held_against import Comparison
from fedreid.comparison.runs import FinishedRun
from fedreid.data.examples import Examples, read_examples
from fedreid.reports import embedding_map, examples
from fedreid.reports.comparison_page.winners import winner
from fedreid.reports.drawing import Drawing
from fedreid.reports.examples import Shelf
from fedreid.reports.loading import RunFolder
from fedreid.reports.table_files import slug

MOST_SETS = 2  # test sets; a run's own report has all of them
MOST_QUERIES = 4
FEWEST = 2  # queries in common; one is chance, where runs have no seed in common
SHARED = (
    "Some of the queries that were drawn at random for both models, from the worst answered to the best (AP: average "
    "precision, mean of both); the two answers stand one below the other."
)
OF_THEIR_OWN = "Each model has queries of its own here, in the order of their average precision (AP), the worst first."

Kept = Mapping[str, Mapping[str, Examples]]  # by test set and variant


def shown_runs(found: Comparison) -> dict[str, FinishedRun]:
    """By variant, the runs whose examples are shown: the reference and the best of the others, with a common seed."""
    names = {found.reference, winner(found, without=found.reference)}
    variants = [variant for variant in found.variants if variant.name in names]
    shared = set.intersection(*(set(variant.seeds) for variant in variants))
    return {variant.name: variant.run(min(shared)) if shared else variant.runs[0] for variant in variants}


def examples_of(found: Comparison) -> Kept:
    """Those of the first test sets; empty where the runs kept none. Pictures only where the run's scenario allows."""
    kept: dict[str, dict[str, Examples]] = {}
    for name, run in shown_runs(found).items():
        for dataset, each in read_examples(run.path / run_folder.EXAMPLES).items():
            allowed = each if run.scenario.report.images else replace(each, pictures=None)
            kept.setdefault(dataset, {})[name] = allowed
    return {dataset: kept[dataset] for dataset in sorted(kept)[:MOST_SETS]}


def shelves(found: Kept) -> list[Shelf]:
    """What each variant finds for the same queries, one below the other; behind a click after the first test set."""
    shown: list[Shelf] = []
    for dataset, by_variant in found.items():
        own = _side_by_side(dataset, by_variant) or _one_by_one(dataset, by_variant)
        is_folded = bool(shown)
        shown += [replace(each, is_folded=is_folded) for each in own]
    return shown


def notes(run: RunFolder, shown: Sequence[Shelf]) -> list[str]:
    """How to read them."""
    is_shared = all(each.asked for shelf in shown for each in shelf.lists)
    return examples.notes(run, shown, SHARED if is_shared else OF_THEIR_OWN)


def flat(found: Kept) -> dict[str, Examples]:
    """The same by "test set, variant"."""
    return {f"{dataset}, {name}": each for dataset, own in found.items() for name, each in own.items()}


def figures(found: Kept) -> Iterator[Drawing]:
    """The people on the map, as each of them sees them. Call inside `mpl.rc_context(STYLE)`."""
    for drawing in embedding_map.figures(flat(found)):
        yield replace(drawing, name=slug(drawing.name))


def _side_by_side(dataset: str, by_variant: Mapping[str, Examples]) -> list[Shelf]:
    """The queries that all were asked, from the worst answered to the best; nothing without such queries."""
    places = [{ranked.query.path: place for place, ranked in enumerate(each.lists)} for each in by_variant.values()]
    shared = [path for path in places[0] if all(path in own for own in places)]
    if not shared or len(shared) < min(FEWEST, *map(len, places)):
        return []
    quality = {
        path: fmean(each.lists[own[path]].ap for each, own in zip(by_variant.values(), places, strict=True))
        for path in shared
    }
    ordered = sorted(shared, key=quality.__getitem__)
    evenly = np.linspace(0, len(ordered) - 1, min(MOST_QUERIES, len(ordered))).round().astype(int)
    chosen = [ordered[place] for place in evenly]
    names = [f"Query {number} of {len(chosen)}" for number in range(1, len(chosen) + 1)]
    columns = [
        examples.lists_of(each, {own[path]: name for path, name in zip(chosen, names, strict=True)}, whose)
        for (whose, each), own in zip(by_variant.items(), places, strict=True)
    ]
    rows = [each for row in zip(*columns, strict=True) for each in row]
    return [Shelf(dataset, tuple(rows), all(each.pictures is not None for each in by_variant.values()))]


def _one_by_one(dataset: str, by_variant: Mapping[str, Examples]) -> list[Shelf]:
    """Every other list of each: other queries are drawn with another seed."""
    kept = examples.shelves({f"{dataset}, {name}": each for name, each in by_variant.items()})
    return [replace(each, lists=each.lists[::2]) for each in kept]
