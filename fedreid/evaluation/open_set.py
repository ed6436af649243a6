"""Open-set quality of embeddings as metrics: TAR@FAR of pairs and TPIR@FPIR of probes, for clients and generic sets.

A client's own people: "own", `PairSet` and `ProbeSet` of its model among the images of all clients. A generic test
set: its queries and gallery. FedFR, AAAI 2022; chapter 7 of the dissertation.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fedreid.evaluation.binned_verification import binned_tar
from fedreid.evaluation.identification import Mode
from fedreid.evaluation.pair_scores import Features, Integers
from fedreid.evaluation.pairs import Impostors, PairSet, own_pairs, search_pairs
from fedreid.evaluation.probes import ProbeSet, own_probes, search_probes
from fedreid.evaluation.rates import rate_name, resolvable
from fedreid.evaluation.streamed_identification import identify_embeddings
from fedreid.evaluation.streamed_verification import verify_embeddings

FARS = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2)
FPIRS = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1)


def own_metrics(
    training_features: Features,
    training_ids: Integers,
    features: Features,
    ids: Integers,
    others: Features,
    *,
    fars: Sequence[float] = FARS,
    fpirs: Sequence[float] = FPIRS,
    impostors: Impostors = "all",
    mode: Mode = "standard",
    renormalise: bool = True,
    binned: bool = False,
) -> dict[str, float]:
    """Verification and identification of one client's people, all images embedded by its own model.

    Arguments and what they raise: `own_pairs` and `own_probes`; `mode`: `identify_scores`. Result:
    `verification_metrics` and `identification_metrics`.
    """
    probes = own_probes(training_features, training_ids, features, ids, others, renormalise=renormalise)
    return {
        **verification_metrics(own_pairs(features, ids, others, impostors=impostors), fars, binned=binned),
        **identification_metrics([probes], fpirs, mode=mode),
    }


def generic_metrics(
    query_features: Features,
    query_ids: Integers,
    query_cameras: Integers,
    gallery_features: Features,
    gallery_ids: Integers,
    gallery_cameras: Integers,
    *,
    fars: Sequence[float] = FARS,
    fpirs: Sequence[float] = FPIRS,
    mode: Mode = "standard",
    renormalise: bool = True,
    binned: bool = False,
) -> dict[str, float]:
    """Verification and identification of a test set's queries in its gallery.

    Arguments and what they raise: `search_pairs` and `search_probes`; `mode`: `identify_scores`. Result:
    `verification_metrics` and `identification_metrics`.
    """
    pairs = search_pairs(query_features, query_ids, query_cameras, gallery_features, gallery_ids, gallery_cameras)
    halves = search_probes(query_features, query_ids, gallery_features, gallery_ids, renormalise=renormalise)
    return {**verification_metrics(pairs, fars, binned=binned), **identification_metrics(halves, fpirs, mode=mode)}


def verification_metrics(pairs: PairSet, rates: Sequence[float] = FARS, *, binned: bool = False) -> dict[str, float]:
    """Metrics "TAR@FAR=1e-4" and so on in percent; "genuine_pairs" and "impostor_pairs" as counts.

    Only the rates that allow one of the impostors at least; none where there are no genuine or no impostor pairs.

    Args:
        binned: from a histogram, as FedFR's published code does it, instead of exactly.
    """
    counts = {"genuine_pairs": pairs.genuine, "impostor_pairs": pairs.impostors}
    chosen = resolvable(rates, pairs.impostors)
    if not chosen or not pairs.genuine:
        return dict(counts)
    found = binned_tar(pairs, chosen) if binned else verify_embeddings(pairs, chosen).tar
    return {**{f"TAR@FAR={rate_name(rate)}": 100 * share for rate, share in found.items()}, **counts}


def identification_metrics(
    sets: Sequence[ProbeSet], rates: Sequence[float] = FPIRS, *, mode: Mode = "standard"
) -> dict[str, float]:
    """Metrics "TPIR@FPIR=1e-2" and so on in percent; "mated_probes" and "non_mated_probes" as counts.

    Of several sets (the halves of a test set), the mean of the percentages and the sum of the counts. Sets without
    mated or without non-mated probes are left out; of the rates, those that don't allow one non-mated probe of each.
    """
    usable = [one for one in sets if len(one.gallery) and len(one.mated) and one.strangers]
    counts = {
        "mated_probes": sum(len(one.mated) for one in usable),
        "non_mated_probes": sum(one.strangers for one in usable),
    }
    chosen = resolvable(rates, min((one.strangers for one in usable), default=0))
    if not chosen:
        return dict(counts)
    found = [identify_embeddings(one, chosen, mode=mode).tpir for one in usable]
    means = {rate: float(np.mean([tpir[rate] for tpir in found])) for rate in found[0]}
    return {**{f"TPIR@FPIR={rate_name(rate)}": 100 * share for rate, share in means.items()}, **counts}
