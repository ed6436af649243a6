"""What `fedreid data check` prints: counts, one's own photographs as understood, findings, lines for a scenario."""

from __future__ import annotations

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from fedreid.data.checking.catalogue import scenario_lines
from fedreid.data.checking.report import Compared, Finding, Report
from fedreid.data.checking.texts import shown

SIGNS = {"problem": ("✗", "red"), "warning": ("!", "yellow"), "note": ("·", "dim")}
EXAMPLES = 3  # files that are named of each finding


def print_report(report: Report, console: Console, *, lines: int = 10, fast: bool = False) -> None:
    """Print all that was found.

    Args:
        report: the findings.
        console: where to.
        lines: files of one's own photographs that are shown.
        fast: whether images were not decoded.
    """
    console.print(Text.assemble((report.about.title, "bold"), f"  ({report.about.name})  in {_place(report)}\n"))
    for version in report.versions:
        _print_counts(version, report, console)
    if report.understood and lines:
        _print_understood(report, console, lines)
    for level, title in (("problem", "Problems"), ("warning", "Warnings"), ("note", "Notes")):
        if findings := report.of(level):
            console.print(Text(title, style="bold"))
            for finding in findings:
                _print_finding(finding, console)
            console.print()
    _print_verdict(report, console, fast=fast)


def _place(report: Report) -> str:
    """Where the images are; CUHK03's may be in the cache, if a run took them out of their .mat file."""
    if report.root.is_relative_to(report.path):
        return shown(report.root)
    return f"{shown(report.path)}, taken out into {shown(report.root)}" if report.root.is_dir() else shown(report.path)


def _print_counts(version: Compared, report: Report, console: Console) -> None:
    title = ", ".join(f"{key} {value}" for key, value in version.options.items())
    if not version.found:
        if title:
            console.print(Text(f"{title}: could not be read\n"))
        return
    people_known = any(people is not None for people, _ in [*version.found.values(), *version.published.values()])
    unit = report.about.unit or "found"
    headings = ["identities", unit] if people_known else [unit]
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), title=title or None, title_justify="left")
    table.add_column("")
    for heading in [*headings, *(("published",) if version.published else ())]:
        table.add_column(heading, justify="right")
    for part, (people, number) in version.found.items():
        row = [f"{number:,}"] if not people_known else ["" if people is None else f"{people:,}", f"{number:,}"]
        if version.published:
            row.append(_published(version, part))
        table.add_row(part, *row)
    console.print(table)
    console.print(Text(f"\n{_wholeness(version, report)}\n"))


def _published(version: Compared, part: str) -> str:
    people, number = version.published.get(part, (None, 0))
    if version.found[part] == (people, number):
        return "the same"
    return f"{number:,}" + ("" if people is None else f" of {people:,}")


def _wholeness(version: Compared, report: Report) -> str:
    if not version.published:
        return "One's own photographs: nothing was published to compare them with."
    if version.is_whole:
        return "The full copy: all published counts are met."
    found, wanted = (sum(number for _, number in parts.values()) for parts in (version.found, version.published))
    if not version.is_subset:
        return f"Not {report.about.title} as published: it has other counts. Its layout is what counts here."
    if all(people is None for people, _ in version.published.values()):  # pairs, templates and folds don't add up
        return "A subset of what was published, or another list in the same format."
    return f"A subset: {found:,} {report.about.unit} of the {wanted:,} that were published."


def _print_understood(report: Report, console: Console, lines: int) -> None:
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    table.add_column("file", overflow="fold")
    table.add_column("identity", justify="right")
    table.add_column("camera", justify="right")
    for one in report.understood[:lines]:
        table.add_row(Text(shown(one.path)), str(one.identity), Text(one.camera or "unknown"))
    console.print(table)
    if (more := len(report.understood) - lines) > 0:
        console.print(f"... and {more:,} more files (--lines)")
    console.print()


def _print_finding(finding: Finding, console: Console) -> None:
    sign, style = SIGNS[finding.level]
    table = Table.grid(padding=(0, 1, 0, 0))
    table.add_column(style=style)
    table.add_column(overflow="fold")
    table.add_row(sign, Text("\n".join(shown(line) for line in finding.text.split("\n"))))
    console.print(Padding(table, (0, 0, 0, 2)))
    for path in finding.paths[:EXAMPLES]:
        console.print(Text(f"      {shown(path)}", style="dim"), soft_wrap=True)
    if (more := len(finding.paths) - EXAMPLES) > 0:
        console.print(Text(f"      ... and {more:,} more", style="dim"))


def _print_verdict(report: Report, console: Console, *, fast: bool) -> None:
    if not report.is_usable:
        number = len(report.of("problem"))
        console.print(
            Text(f"Not usable as it is: {number} {'problem' if number == 1 else 'problems'}.", style="bold red")
        )
    elif fast:
        console.print(Text("Usable, as far as names tell (--fast: no image was decoded).", style="bold green"))
    else:
        console.print(Text("Usable.", style="bold green"))
    console.print("In a scenario:\n" if report.is_usable else "In a scenario, once that is mended:\n")
    console.print(scenario_lines(report.about.name, report.settings), markup=False, soft_wrap=True, end="")
