"""Numbers as readers expect them: sensible digits, thousands separated, a dash for what wasn't measured."""

from __future__ import annotations

import math

import numpy as np

DASH = "–"


def percent(value: float | None) -> str:
    """A percentage with one decimal and no sign: 59.6."""
    return DASH if is_missing(value) else f"{value:.1f}"


def points(value: float | None) -> str:
    """A difference of percentages, signed: +4.7, −1.2, ±0.0."""
    if value is None or is_missing(value):
        return DASH
    return f"{value:+.1f}".replace("-", "−") if abs(value) >= 0.05 else "±0.0"


def count(value: float | None) -> str:
    return DASH if value is None or is_missing(value) else f"{round(value):,}"


def scientific(value: float, digits: int | None = None) -> str:
    """As metrics.csv names rates: 1e-4; with `digits`, rounded to so many of them: 8.1e-5."""
    precision = None if digits is None else digits - 1
    return np.format_float_scientific(value, precision=precision, trim="-", exp_digits=1).replace("+", "")


def size(num_bytes: float | None) -> str:
    """Bytes in the decimal unit that gives at least one digit before the point: 12.4 MB."""
    if num_bytes is None or is_missing(num_bytes):
        return DASH
    value = float(num_bytes)
    for unit in ("B", "kB", "MB", "GB"):
        if abs(value) < 999.5:
            return f"{value:.0f} {unit}" if unit == "B" or abs(value) >= 100 else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"


def seconds(value: float | None) -> str:
    """0.42 s, 12.3 s, 3 min 20 s, 2 h 05 min."""
    if value is None or is_missing(value):
        return DASH
    if value < 59.95:
        return f"{value:.2f} s" if value < 1 else f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"


def clock(value: float) -> tuple[str, str]:
    """A duration as short figures and their unit: ("42.0", "s"), ("3:20", "min"), ("2:05", "h")."""
    if value < 59.95:
        return f"{value:.1f}", "s"
    minutes, rest = divmod(round(value), 60)
    hours, minutes_left = divmod(minutes, 60)
    return (f"{hours}:{minutes_left:02d}", "h") if hours else (f"{minutes}:{rest:02d}", "min")


def rate(amount: float, in_seconds: float) -> float | None:
    """Per second; None where no time was measured."""
    return amount / in_seconds if in_seconds > 0 else None


def is_missing(value: float | None) -> bool:
    return value is None or math.isnan(value)


def plural(number: int, noun: str) -> str:
    """ "1 client", "4 clients", "2 identities"."""
    if number == 1:
        return f"1 {noun}"
    return f"{number:,} {noun[:-1]}ies" if noun.endswith("ty") else f"{number:,} {noun}s"
