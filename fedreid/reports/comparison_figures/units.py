"""Units of costs on an axis."""

from __future__ import annotations

THOUSANDS = {
    "bytes": ("bytes", "kB", "MB", "GB", "TB"),
    "macs": ("multiplications", "thousand multiplications", "million multiplications", "G multiplications",
             "T multiplications", "P multiplications"),
    "joules": ("J", "kJ", "MJ", "GJ"),
}  # fmt: skip
TIMES = ((2 * 86400.0, 86400.0, "days"), (2 * 3600.0, 3600.0, "hours"), (120.0, 60.0, "minutes"), (0.0, 1.0, "seconds"))


def unit_of(cost: str, largest: float) -> tuple[float, str]:
    """(how much one is, its name) with which an axis up to `largest` has short numbers."""
    if cost == "simulated_seconds":
        return next((scale, f"simulated {name}") for least, scale, name in TIMES if largest >= least)
    names, power = THOUSANDS[cost], 0
    while power + 1 < len(names) and largest >= 1000.0 ** (power + 1):
        power += 1
    return 1000.0**power, names[power]
