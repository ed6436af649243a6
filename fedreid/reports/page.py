"""report.html: one file that needs nothing else, on any screen, on paper, in light and dark."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from fedreid.reports import examples, faces, hard_negatives, methods, notes, open_set, spent, tables, words
from fedreid.reports.cost_tables import cost_tables
from fedreid.reports.data_tables import data_tables
from fedreid.reports.drawing import Drawing
from fedreid.reports.environment import by_section, environment, style
from fedreid.reports.findings import Findings, Generic
from fedreid.reports.loading import RunFolder
from fedreid.reports.models_table import models_table
from fedreid.reports.names import Names
from fedreid.reports.numbers import clock, count, is_missing, percent, points, size
from fedreid.reports.overview import MANY, overview
from fedreid.reports.tiers_table import tiers_table


@dataclass(frozen=True)
class Tile:
    """A key figure: what, how much, and compared with what; `tone`: "good", "bad" or ""."""

    name: str
    value: str
    unit: str = ""
    detail: str = ""
    tone: str = ""


@dataclass(frozen=True)
class Content:
    """What both forms of the report say, in the order in which they say it."""

    title: str
    description: str
    status: str
    marks: list[str]
    names: Names
    summary: list[str]
    tiles: list[Tile]
    setup: list[tuple[str, str]]
    generic: list[tables.Table]
    models: list[tables.Table]
    clients: list[tables.Table]
    open_set: list[tables.Table]
    client_notes: list[str]
    shelves: list[examples.Shelf]
    found: tuple[tables.Table, ...]  # of Markdown alone: the page shows shelves, and papers have no use for them
    found_notes: list[str]
    tiers: list[tables.Table]
    public: list[tables.Table]
    public_notes: list[str]
    costs: list[tables.Table]
    totals: list[tuple[str, str]]
    failures: list[str]
    data: list[tables.Table]
    data_notes: list[str]
    bad_images: list[str]
    protocol: list[tuple[str, str]]
    command: str
    versions: list[tuple[str, str]]
    seed: int
    scenario: str


def content_of(run: RunFolder, findings: Findings) -> Content:
    """Everything a report says about a run."""
    start, names, shelves = words.start_name(run), findings.names, examples.shelves(findings.examples)
    return Content(
        title=run.scenario.name,
        description=run.scenario.description,
        status=words.status(run),
        marks=methods.marks(run.scenario),
        names=names,
        summary=words.summary(run, findings),
        tiles=key_figures(run, findings),
        setup=notes.setup(run, names),
        generic=_all_generic(run, findings, start),
        models=[table for table in (models_table(run, findings),) if table],
        clients=tables.client_tables(findings, start) if len(findings.clients) else [],
        open_set=[table for table in (open_set.client_table(findings),) if table],
        client_notes=notes.client_notes(findings),
        shelves=shelves,
        found=tuple(examples.tables(findings.examples)),
        found_notes=examples.notes(run, shelves),
        tiers=[table for table in (tiers_table(run, findings),) if table],
        public=hard_negatives.tables(findings),
        public_notes=hard_negatives.notes(run, findings),
        costs=[*cost_tables(findings), *spent.tables(findings)],
        totals=[*notes.totals(run), *spent.totals(run, findings)],
        failures=notes.failures(run),
        data=data_tables(run.data, trains_on_public=_trains_on_public(run)),
        data_notes=notes.data_notes(run),
        bad_images=[str(image) for image in run.data.get("bad_images", ())],
        protocol=[*notes.protocol(run, findings), *spent.notes(run)],
        command=str(run.summary.get("command") or f"fedreid run {run.path / 'scenario.toml'}"),
        versions=[(str(name), str(version)) for name, version in run.summary.get("versions", {}).items()],
        seed=run.scenario.seed,
        scenario=run.scenario_text,
    )


def _all_generic(run: RunFolder, findings: Findings, start: str) -> list[tables.Table]:
    found = [table for result in findings.generic for table in _generic(run, result, start, findings.names)]
    first = overview(run, findings, start)
    return found if first is None else [first, *(replace(table, is_folded=True) for table in found)]


def _generic(run: RunFolder, result: Generic, start: str, names: Names) -> list[tables.Table]:
    if not result.is_ranked:
        return [faces.faces_table(result, start, names.outcome, run.scenario)]
    verified = open_set.generic_table(result, start, names.outcome, run.scenario.evaluation)
    return [tables.generic_table(result, start, names.outcome), *([verified] if verified else [])]


def _trains_on_public(run: RunFolder) -> bool:
    method = run.scenario.method
    return method.has("public") or method.name == "centralised"


def key_figures(run: RunFolder, findings: Findings) -> list[Tile]:
    """The figures that a reader looks for first."""
    start = words.start_name(run)
    tiles = _mean_tile(findings, start)
    for result in findings.generic[:2] if len(findings.generic) < MANY else ():
        for metric, name in words.key_metrics(result).items():
            final, before = result.final.get(metric), (result.start or {}).get(metric)
            is_changed = result.last_round and not is_missing(final) and not is_missing(before)
            change = final - before if is_changed else None  # type: ignore[operator]
            detail = f"{points(change)} vs {start}" if change is not None else f"{start} model"
            tiles.append(Tile(f"Generic {name} · {result.dataset}", percent(final), "%", detail, _tone(change)))
    clients = findings.clients[findings.clients["final"].notna()]
    if len(clients):
        gain = float(clients["gain"].mean())
        against = "trained alone" if findings.against == "alone" else start
        detail = "" if is_missing(gain) else f"{points(gain)} vs {against}"
        name = f"Personalized mAP · {findings.names.several}, mean"
        tiles.append(Tile(name, percent(clients["final"].mean()), "%", detail, _tone(gain)))
        gains = clients["gain"].dropna()
        if len(gains):
            better = int((gains >= words.SAME).sum())
            tiles.append(Tile("Clients that gain", f"{better:,}", f"of {len(gains):,}", f"vs {against}"))
    traffic = findings.cost[["bytes_down", "bytes_up"]].sum()
    if len(findings.cost):
        value, _, unit = size(float(traffic.sum())).partition(" ")
        wire = run.summary.get("model", {}).get("wire_bytes")
        tiles.append(Tile("Traffic, both ways", value, unit, f"{size(wire)} per model" if wire else ""))
    timing = run.summary.get("timing", {})
    if timing.get("total_seconds"):
        speed = timing.get("images_per_second")
        value, unit = clock(timing["total_seconds"])
        tiles.append(Tile("Wall time", value, unit, f"{count(speed)} images/s" if speed else ""))
    return tiles


def _mean_tile(findings: Findings, start: str) -> list[Tile]:
    """Many test sets have one tile."""
    ranked = [result for result in findings.generic if result.is_ranked and not is_missing(result.final.get("mAP"))]
    if len(findings.generic) < MANY or not ranked:
        return []
    final = fmean(result.final["mAP"] for result in ranked)
    before = [result.start["mAP"] for result in ranked if result.start and not is_missing(result.start.get("mAP"))]
    change = final - fmean(before) if len(before) == len(ranked) else None
    detail = f"{points(change)} vs {start}" if change is not None else ""
    return [Tile(f"Generic mAP · mean of {len(ranked)} test sets", percent(final), "%", detail, _tone(change))]


def _tone(change: float | None) -> str:
    if change is None or abs(change) < words.SAME:
        return ""
    return "good" if change > 0 else "bad"


def to_html(content: Content, drawings: Sequence[Drawing]) -> str:
    """The page."""
    page = environment().get_template("page.html.jinja")
    look = style("page.css", "finds.css")
    return page.render(content=content, figures=by_section(drawings), style=look)
