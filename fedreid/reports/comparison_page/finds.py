"""What the reference and the best of the others find, test set by test set, to be looked at side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from fedreid import run_folder
from fedreid.comparison.held_against import Comparison
from fedreid.comparison.runs import FinishedRun
from fedreid.data.examples import Examples, read_examples
from fedreid.reports import embedding_map, examples
from fedreid.reports.comparison_page.winners import winner
from fedreid.reports.drawing import Drawing
from fedreid.reports.examples import Shelf
from fedreid.reports.table_files import slug

MOST_SETS = 2  # test sets; a run's own report has all of them


def shown_runs(found: Comparison) -> dict[str, FinishedRun]:
    """By variant, the runs whose examples are shown: the reference and the best of the others, with a common seed."""
    names = {found.reference, winner(found, without=found.reference)}
    variants = [variant for variant in found.variants if variant.name in names]
    shared = set.intersection(*(set(variant.seeds) for variant in variants))
    return {variant.name: variant.run(min(shared)) if shared else variant.runs[0] for variant in variants}


def examples_of(found: Comparison) -> dict[str, Examples]:
    """By "test set, variant"; empty where the runs kept none. Pictures only where the run's scenario allows them."""
    kept: dict[str, dict[str, Examples]] = {}
    for name, run in shown_runs(found).items():
        for dataset, each in read_examples(run.path / run_folder.EXAMPLES).items():
            allowed = each if run.scenario.report.images else replace(each, pictures=None)
            kept.setdefault(dataset, {})[name] = allowed
    return {f"{dataset}, {name}": each for dataset in sorted(kept)[:MOST_SETS] for name, each in kept[dataset].items()}


def shelves(found: Mapping[str, Examples]) -> list[Shelf]:
    """Every other list of each, and all behind a click but those of the first test set."""
    kept = examples.shelves(found)
    first = kept[0].dataset.rpartition(", ")[0] if kept else ""
    return [replace(each, lists=each.lists[::2], is_folded=not each.dataset.startswith(f"{first}, ")) for each in kept]


def figures(found: Mapping[str, Examples]) -> Iterator[Drawing]:
    """The people on the map, as each of them sees them. Call inside `mpl.rc_context(STYLE)`."""
    for drawing in embedding_map.figures(found):
        yield replace(drawing, name=slug(drawing.name))
