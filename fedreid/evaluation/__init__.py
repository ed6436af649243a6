"""Quality of embeddings: ranking (CMC, mAP, mINP), verification (TAR@FAR) and identification (TPIR@FPIR)."""

from fedreid.evaluation.embedding import embed
from fedreid.evaluation.identification import Identification, identification, identify
from fedreid.evaluation.protocols import evaluate_generic, percent_metrics, rank_own
from fedreid.evaluation.ranking import Ranking, rank
from fedreid.evaluation.rates import rate_name, resolvable, smallest_rate
from fedreid.evaluation.verification import Verification, verification, verify

__all__ = [
    "Identification",
    "Ranking",
    "Verification",
    "embed",
    "evaluate_generic",
    "identification",
    "identify",
    "percent_metrics",
    "rank",
    "rank_own",
    "rate_name",
    "resolvable",
    "smallest_rate",
    "verification",
    "verify",
]
