"""What a comparison's report says, in the order in which it says it; both its forms are made from this."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from fedreid.comparison.comparison_folder import EXPERIMENTS
from fedreid.comparison.fairness import fairness
from fedreid.comparison.held_against import Comparison
from fedreid.comparison.runs import FinishedRun
from fedreid.reports import examples, notes
from fedreid.reports.comparison_page import about_tables as about
from fedreid.reports.comparison_page import finds
from fedreid.reports.comparison_page.costs import costs_of, effort_table, traffic_table
from fedreid.reports.comparison_page.fairness_tables import fairness_tables, worth_table
from fedreid.reports.comparison_page.glossary import meanings
from fedreid.reports.comparison_page.kinds import seeds_told
from fedreid.reports.comparison_page.main_table import main_tables
from fedreid.reports.comparison_page.summary import answers
from fedreid.reports.data_tables import data_tables
from fedreid.reports.examples import Shelf
from fedreid.reports.loading import RunFolder
from fedreid.reports.tables import Table

MANY_SETS = 3  # datasets whose tables stand open
MOST_NOTES = 20


@dataclass(frozen=True)
class Section:
    """A part of the page.

    Attributes:
        name: anchor; the figures with this section stand in it.
        tables, remarks: below the figures; how to read lists stands above them.
        lead: above all.
        shelves: ranked lists; `lists`: the same in text, for Markdown.
    """

    name: str
    title: str
    tables: tuple[Table, ...] = ()
    remarks: tuple[str, ...] = ()
    lead: str = ""
    shelves: tuple[Shelf, ...] = ()
    lists: tuple[Table, ...] = ()


@dataclass(frozen=True)
class ComparisonContent:
    """Everything on the page."""

    title: str
    description: str
    kicker: str
    answers: list[tuple[str, list[str]]]
    failures: list[str]
    apart: list[str]
    sections: list[Section]
    command: str
    versions: list[tuple[str, str]]
    experiment: str
    notes: list[str]

    @property
    def tables(self) -> Iterator[Table]:
        """All tables, for files."""
        for section in self.sections:
            yield from section.tables


def content_of(found: Comparison) -> ComparisonContent:
    """Everything that a report says about a comparison."""
    variants = found.variants
    unfair = fairness(variants)
    costs = {variant.name: costs_of(variant) for variant in variants}
    file = found.out / EXPERIMENTS
    return ComparisonContent(
        title=found.name,
        description=found.description,
        kicker=f"Federated person re-identification · {len(variants)} variants, {seeds_told(variants)} each",
        answers=answers(found, costs, unfair),
        failures=about.failure_lines(found),
        apart=about.apart_lines(found),
        sections=_sections(found, costs, unfair),
        command=found.command,
        versions=about.versions_of(variants),
        experiment=file.read_text(encoding="utf-8") if file.is_file() else "",
        notes=[*found.notes[:MOST_NOTES], *_more(found.notes)],
    )


def _sections(found: Comparison, costs: dict, unfair: Sequence) -> list[Section]:
    variants, reference = found.variants, found.reference
    main = [
        replace(table, is_folded=place >= MANY_SETS)
        for place, table in enumerate(main_tables(variants, found.contrasts, costs, unfair, reference))
    ]
    scores = about.score_tables(variants, found.contrasts)
    spent = [table for table in (traffic_table(variants, costs, reference), effort_table(variants, costs)) if table]
    worth = [table for table in (worth_table(variants),) if table]
    first, kept = variants[0].runs[0], finds.examples_of(found)
    shelves = finds.shelves(kept)
    return [
        Section("results", "All variants", (*main, *scores), tuple(meanings(each.metric for each in found.contrasts))),
        Section("curves", "Round by round"),
        Section("differences", f"Differences to {reference}"),
        Section("clients", "Client by client", tuple(fairness_tables(variants, unfair))),
        Section("plane", "General and personal", tuple(worth)),
        Section("costs", "Quality for its cost", tuple(spent)),
        Section("drift", "Drift"),
        Section("public", "Hard negatives"),
        Section("finds", "What they find", (), tuple(finds.notes(_folder(first), shelves)), shelves=tuple(shelves),
                lists=tuple(examples.tables(finds.flat(kept)))),
        Section("settings", "What differs", (about.settings_table(variants, reference),)),
        Section("data", "Data", tuple(data_tables(first.summary.get("data", {}))), tuple(_data_notes(first)),
                lead=f"As in {variants[0].name} with seed {first.seed}; all were asked about the same people."),
        Section("runs", "Runs", (about.runs_table(found),)),
    ]  # fmt: skip


def _folder(run: FinishedRun) -> RunFolder:
    """A run as its own report reads it."""
    return RunFolder(
        path=run.path, summary=run.summary, data=run.summary.get("data") or {}, scenario=run.scenario,
        scenario_text="", metrics=run.metrics, timing=run.timing, references=run.references, examples={},
    )  # fmt: skip


def _data_notes(run: FinishedRun) -> list[str]:
    return notes.data_notes(_folder(run)) if run.summary.get("data") else []


def _more(told: Sequence[str]) -> list[str]:
    return [f"... and {len(told) - MOST_NOTES:,} more such notes."] if len(told) > MOST_NOTES else []
