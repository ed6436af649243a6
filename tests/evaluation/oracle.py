"""Ranking written the obvious way: whole rows, sorted, in float64. Shares nothing with the code under test."""

from __future__ import annotations

import numpy as np


def rank_by_sorting(query, query_ids, query_cameras, gallery, gallery_ids, gallery_cameras, ranks=(1, 5, 10)):
    """(mAP, mINP, {rank: CMC}, skipped), by stable sorting of every row."""
    query, gallery = (np.asarray(side, dtype=np.float64) for side in (query, gallery))
    average_precisions, inverse_negatives, firsts, skipped = [], [], [], 0
    for feature, identity, camera in zip(query, query_ids, query_cameras, strict=True):
        cosines = [
            round(float(feature @ other) / (np.linalg.norm(feature) * np.linalg.norm(other) or 1.0), 11)
            for other in gallery
        ]
        ranked = [
            gallery_ids[column] == identity
            for column in sorted(range(len(gallery)), key=lambda column: -cosines[column])
            if not (gallery_ids[column] == identity and gallery_cameras[column] == camera)
        ]
        hits = [place for place, is_match in enumerate(ranked, start=1) if is_match]
        if not hits:
            skipped += 1
            continue
        average_precisions.append(sum(number / place for number, place in enumerate(hits, start=1)) / len(hits))
        inverse_negatives.append(len(hits) / hits[-1])
        firsts.append(hits[0])
    cmc = {k: float(np.mean([first <= k for first in firsts])) for k in ranks}
    return float(np.mean(average_precisions)), float(np.mean(inverse_negatives)), cmc, skipped
