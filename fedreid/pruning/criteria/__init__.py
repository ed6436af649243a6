"""What a channel is worth, one criterion a file. Every score is larger for what is to stay."""

from fedreid.pruning.criteria.averaging import averaged
from fedreid.pruning.criteria.bn_scale import bn_scale
from fedreid.pruning.criteria.by_weight import weight_scores
from fedreid.pruning.criteria.caie import caie, caie_scores, effective_impact, objectives
from fedreid.pruning.criteria.fpgm import fpgm, mixed_fpgm_order
from fedreid.pruning.criteria.gates import LossImpacts
from fedreid.pruning.criteria.l1 import l1
from fedreid.pruning.criteria.l2 import l2
from fedreid.pruning.criteria.scores import WITH_DATA, WITHOUT_DATA, scores
from fedreid.pruning.criteria.sparsity import sparsity
from fedreid.pruning.criteria.taylor_activation import normalised, taylor_activation, with_cost_term
from fedreid.pruning.criteria.taylor_batchnorm import GroupMode, RunningMean, gate_gradient, group_impact

__all__ = [
    "WITHOUT_DATA",
    "WITH_DATA",
    "GroupMode",
    "LossImpacts",
    "RunningMean",
    "averaged",
    "bn_scale",
    "caie",
    "caie_scores",
    "effective_impact",
    "fpgm",
    "gate_gradient",
    "group_impact",
    "l1",
    "l2",
    "mixed_fpgm_order",
    "normalised",
    "objectives",
    "scores",
    "sparsity",
    "taylor_activation",
    "weight_scores",
    "with_cost_term",
]
