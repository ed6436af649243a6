"""report.md of a comparison: the same words as the page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fedreid.reports.comparison_page.content import ComparisonContent
from fedreid.reports.drawing import Drawing
from fedreid.reports.markdown_blocks import escape, fenced, items, section


def to_markdown(content: ComparisonContent, drawings: Sequence[Drawing]) -> str:
    """The report as Markdown; figures are the files in figures/."""
    return "\n\n".join(_blocks(content, drawings)) + "\n"


def _blocks(content: ComparisonContent, drawings: Sequence[Drawing]) -> Iterator[str]:
    yield f"# {escape(content.title)}"
    if content.description:
        yield escape(content.description)
    if content.failures:
        yield "> **Failed, and left out:**\n>\n" + "\n".join(f"> - {escape(line)}" for line in content.failures)
    if content.apart:
        yield "> **Not comparable, and left out:**\n>\n" + "\n".join(f"> - {escape(line)}" for line in content.apart)
    for question, lines in content.answers:
        yield f"**{escape(question)}{'' if question.endswith('?') else '.'}** {escape(' '.join(lines))}"
    for part in content.sections:
        blocks = [*section(part.title, [*part.tables, *part.lists], part.name, drawings)]
        yield from blocks[:1]
        if blocks and part.lead:
            yield escape(part.lead)
        yield from blocks[1:]
        if part.remarks and not part.lists:  # what is said of lists is about the page
            yield items(part.remarks)
    yield "## Repeat it"
    yield fenced(content.command)
    if content.versions:
        yield escape(", ".join(f"{name} {version}" for name, version in content.versions) + ".")
    if content.experiment:
        yield "The experiment, as it was resolved:"
        yield fenced(content.experiment, "toml")
    if content.notes:
        yield items(content.notes)
