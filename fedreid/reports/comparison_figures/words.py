"""Parts of captions that several figures share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fedreid.reports.comparison_figures.measured import Field, Scope
from fedreid.reports.comparison_figures.styles import Look
from fedreid.reports.numbers import plural
from fedreid.reports.open_set import heading

SCOPES: tuple[Scope, ...] = ("generic", "personalized")
CLIENTS = "the clients' own people"
NOBODY = "people nobody trained on"


def seeds(counts: Iterable[int]) -> str:
    """ "3 seeds", or "1 to 3 seeds" where variants have different numbers."""
    numbers = sorted({*counts})
    return plural(numbers[-1], "seed") if len(numbers) == 1 else f"{numbers[0]} to {plural(numbers[-1], 'seed')}"


def means(counts: Iterable[int], *, what: str = "", band: str = "") -> str:
    """A sentence: "Mean over 3 seeds; bands run from the lowest to the highest." Of one: "One seed."

    Args:
        what: the start of the sentence; "Mean" without.
        band: what runs from the lowest to the highest.
    """
    told = seeds(counts)
    spread = f"; {band} run from the lowest to the highest" if band else ""
    return "One seed." if told == "1 seed" else f"{what or 'Mean'} over {told}{spread}."


def muted(looks: Iterable[Look]) -> str:
    """What grey lines and points are; empty where there are none."""
    number = sum(look.is_muted for look in looks)
    if not number:
        return ""
    return f" Grey without a name: {plural(number, 'other variant')}, neither the reference nor among the best."


def title_of(metric: str) -> str:
    """mAP, accuracy, "TAR at FAR 1e-4"."""
    return heading(metric)


def scope_label(field: Field, scope: Scope) -> str:
    """Of an axis with final scores."""
    return generic_label(field) if scope == "generic" else "personalized mAP (%)"


def upwards(field: Field, scopes: Sequence[Scope]) -> str:
    """A sentence: what the panels' quality is."""
    generic = f"the shared model on {generic_words(field)}"
    own = f"the mean over clients, on {CLIENTS}"
    if len(scopes) == 2:
        return f"Above: {generic}; below: {own}."
    return f"Upwards: {generic if scopes[0] == 'generic' else own}."


def generic_label(field: Field) -> str:
    """Of an axis with the final generic score."""
    return f"generic {title_of(field.metric)} (%)"


def generic_words(field: Field) -> str:
    """Whom it is about."""
    return NOBODY if len(field.sets) < 2 else f"{NOBODY} (mean over {len(field.sets)} test sets)"
