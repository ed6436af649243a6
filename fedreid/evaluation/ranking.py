"""placeholder: first exact version, to be replaced."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Ranking:
    mAP: float
    mINP: float
    cmc: dict[int, float]
    queries: int
    skipped: int


def rank(
    query_features, query_ids, query_cameras, gallery_features, gallery_ids, gallery_cameras, *, ranks=(1, 5, 10)
) -> Ranking:
    q, g = (np.asarray(f, dtype=np.float32) for f in (query_features, gallery_features))
    q, g = (f / np.maximum(np.linalg.norm(f, axis=1, keepdims=True), 1e-12) for f in (q, g))
    qi, qc, gi, gc = (np.asarray(x) for x in (query_ids, query_cameras, gallery_ids, gallery_cameras))
    ap, inp, first, skipped = [], [], [], 0
    for k in range(len(q)):
        keep = ~((gi == qi[k]) & (gc == qc[k]))
        match = (gi == qi[k])[keep]
        if not match.any():
            skipped += 1
            continue
        order = np.argsort(-(g[keep] @ q[k]), kind="stable")
        hits = np.flatnonzero(match[order]) + 1
        ap.append(np.mean(np.arange(1, len(hits) + 1) / hits))
        inp.append(len(hits) / hits[-1])
        first.append(hits[0])
    if not ap:
        return Ranking(float("nan"), float("nan"), {r: float("nan") for r in ranks}, 0, skipped)
    return Ranking(
        float(np.mean(ap)),
        float(np.mean(inp)),
        {r: float(np.mean(np.array(first) <= r)) for r in ranks},
        len(ap),
        skipped,
    )
