"""How far clients move from the shared model in a round, and whether they move the same way."""

from __future__ import annotations

from collections.abc import Iterator

from fedreid.reports.comparison_figures.by_round import by_round_figure
from fedreid.reports.comparison_figures.measured import Field, Subject
from fedreid.reports.drawing import Drawing

NORM = (
    "How far a round of local training moves the weights that are shared, in percent of their own length, mean over "
    "clients. A falling curve: the federation settles."
)
AGREEMENT = (
    "Length of the clients' mean update, in percent of the mean length of their updates. 100: all pull the same way; "
    "the lower, the more of what clients learn cancels in the mean."
)


def figures(field: Field) -> Iterator[Drawing]:
    """Size of the updates and their agreement, where runs have measured them."""
    for metric, name, title, label, about in (
        ("update_norm", "drift-size", "Client drift by round", "update (% of weights)", NORM),
        ("agreement", "drift-agreement", "Agreement of the clients by round", "agreement (%)", AGREEMENT),
    ):
        curves = [(subject, subject.drift[metric]) for subject in field.subjects if _moves(subject, metric)]
        yield from by_round_figure(name, "drift", title, label, about, curves)


def _moves(subject: Subject, metric: str) -> bool:
    """Whether it was measured, and of clients that send anything: neither of those alone nor of all images together."""
    return not subject.look.bound and metric in subject.drift and bool((subject.drift[metric] > 0).any(axis=None))
