"""Quality of embeddings: ranking (CMC, mAP, mINP), verification (TAR@FAR) and identification (TPIR@FPIR)."""

from fedreid.evaluation.embedding import embed
from fedreid.evaluation.identification import Identification, identify, identify_scores
from fedreid.evaluation.open_set import generic_metrics, identification_metrics, own_metrics, verification_metrics
from fedreid.evaluation.pairs import PairSet, own_pairs, pair_counts, search_pairs
from fedreid.evaluation.probes import ProbeSet, enrol, own_probes, search_probes
from fedreid.evaluation.protocols import open_set_options, percent_metrics, rank_own, scores_on, search_metrics
from fedreid.evaluation.ranking import Ranking, rank
from fedreid.evaluation.rates import rate_name, resolvable, smallest_rate
from fedreid.evaluation.streamed_identification import identify_embeddings
from fedreid.evaluation.streamed_verification import verify_embeddings
from fedreid.evaluation.verification import Verification, verify, verify_scores

__all__ = [
    "Identification",
    "PairSet",
    "ProbeSet",
    "Ranking",
    "Verification",
    "embed",
    "enrol",
    "generic_metrics",
    "identification_metrics",
    "identify",
    "identify_embeddings",
    "identify_scores",
    "open_set_options",
    "own_metrics",
    "own_pairs",
    "own_probes",
    "pair_counts",
    "percent_metrics",
    "rank",
    "rank_own",
    "rate_name",
    "resolvable",
    "scores_on",
    "search_metrics",
    "search_pairs",
    "search_probes",
    "smallest_rate",
    "verification_metrics",
    "verify",
    "verify_embeddings",
    "verify_scores",
]
