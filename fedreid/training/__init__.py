"""Local and public training: images in, changed weights out."""

from fedreid.training.epochs import TrainingDiverged, TrainingStats, train_epochs
from fedreid.training.inputs import to_input
from fedreid.training.objectives import Batch, Classification, Objective
from fedreid.training.pretrain import Pretrained, pretrain
from fedreid.training.sampling import batch_maker
from fedreid.training.schedule import cosine_cycles, step_decay, warmup_cosine, warmup_then_steps

__all__ = [
    "Batch",
    "Classification",
    "Objective",
    "Pretrained",
    "TrainingDiverged",
    "TrainingStats",
    "batch_maker",
    "cosine_cycles",
    "pretrain",
    "step_decay",
    "to_input",
    "train_epochs",
    "warmup_cosine",
    "warmup_then_steps",
]
