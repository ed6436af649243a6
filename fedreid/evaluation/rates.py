"""False-accept and false-identification rates: how many errors one allows, its name, and whether a set resolves it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from torch import Tensor

Rates = float | Sequence[float] | np.ndarray | Tensor
ROUNDING = 1e-9  # 0.3 * 10 is 2.9999999999999996 errors allowed, and means 3


def checked_rates(rates: Rates, name: str) -> np.ndarray:
    """Rates as float64, in the shape they came in.

    Raises:
        ValueError: a rate that isn't between 0 and 1, or none at all.
    """
    given = np.asarray(rates)
    if given.dtype.kind == "f" and given.dtype.itemsize < 8:
        given = given.astype(str)  # 0.7 in float32 is less than 0.7, and means 0.7
    checked = given.astype(np.float64)
    if not checked.size:
        raise ValueError(f"expected at least one {name}, found none")
    if not ((checked >= 0) & (checked <= 1)).all():  # false for nan, too
        wrong = checked[~((checked >= 0) & (checked <= 1))].flat[0]
        raise ValueError(f"{name} must be between 0 and 1, found {wrong}")
    return checked


def in_shape(shares: dict[float, float], rates: np.ndarray) -> float | np.ndarray:
    """What was found for each rate: a float where one number was asked for, else an array of the rates' shape."""
    found = np.array([shares[rate] for rate in rates.ravel().tolist()]).reshape(rates.shape)
    return found if found.ndim else float(found)


def allowed_errors(rate: float, count: int) -> int:
    """The most errors among `count` trials that keep to the rate."""
    return int(np.floor(rate * count + ROUNDING))


def smallest_rate(count: int) -> float:
    """The smallest rate above 0 that `count` trials can show: one error.

    Raises:
        ValueError: no trials.
    """
    if count < 1:
        raise ValueError(f"expected at least one trial, found {count}")
    return 1 / count


def resolvable(rates: Iterable[float], count: int) -> list[float]:
    """Those of the rates at which `count` trials allow at least one error; below, a rate is no different from 0."""
    return [rate for rate in rates if allowed_errors(rate, count) >= 1]


def rate_name(rate: float) -> str:
    """As metrics are called: "1e-4" for 0.0001, "2.5e-2" for 0.025."""
    return np.format_float_scientific(rate, trim="-", exp_digits=1).replace("+", "")
