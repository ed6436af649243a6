"""Which of a test set's scores stands for the others; known to those who only read scores, too, without torch."""

from __future__ import annotations

from collections.abc import Iterable
from math import log10


def headline(metrics: Iterable[str]) -> str | None:
    """The metric that stands for a test set: mAP, else accuracy, else TAR at the false accept rate nearest to 1e-4.

    None where there is none of them: the test is too small for any rate.
    """
    names = set(metrics)
    if found := next((name for name in ("mAP", "accuracy") if name in names), None):
        return found
    rates = sorted(name for name in names if name.startswith("TAR@FAR="))
    return min(rates, key=lambda name: abs(log10(float(name.partition("=")[2])) + 4), default=None)
