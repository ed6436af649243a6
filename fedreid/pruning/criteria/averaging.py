"""Loss impacts that clients measured on their own data, as one for all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor


def averaged(reports: Sequence[Mapping[str, Tensor]], samples: Sequence[int]) -> dict[str, Tensor]:
    """Mean over clients, weighted by their samples -> {group: (channels,)}.

    A report is one number for each group channel (46 kB for a ResNet-50 with its embedding): no image, feature or
    gradient leaves a client.

    Args:
        reports: one a client.
        samples: how many each client measured on.

    Raises:
        ValueError: no report, counts that don't fit or are all zero, or reports on different groups or widths.
    """
    if not reports or len(reports) != len(samples):
        raise ValueError(f"expected a sample count for each report, found {len(samples)} for {len(reports)} reports")
    if min(samples) < 0 or sum(samples) == 0:
        raise ValueError(f"sample counts must be at least 0, and not all of them 0; found {list(samples)}")
    shapes = [{name: tuple(value.shape) for name, value in report.items()} for report in reports]
    different = [number for number, shape in enumerate(shapes) if shape != shapes[0]]
    if different:
        raise ValueError(f"report {different[0]} is on other groups or widths than report 0: its map is another one")
    shares = torch.tensor(samples, dtype=torch.float64) / sum(samples)
    return {
        name: torch.tensordot(shares, torch.stack([report[name].double().cpu() for report in reports]), dims=1)
        for name in reports[0]
    }
