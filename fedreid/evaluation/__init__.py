"""Ranking quality: CMC, mAP and mINP."""

from fedreid.evaluation.embedding import embed
from fedreid.evaluation.protocols import evaluate_generic, percent_metrics, rank_own
from fedreid.evaluation.ranking import Ranking, rank

__all__ = ["Ranking", "embed", "evaluate_generic", "percent_metrics", "rank", "rank_own"]
