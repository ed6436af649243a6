"""Local and public training: images in, changed weights out."""

from fedreid.training.epochs import TrainingDiverged, TrainingStats, train_epochs
from fedreid.training.inputs import to_input
from fedreid.training.pretrain import Pretrained, pretrain
from fedreid.training.schedule import warmup_cosine

__all__ = ["Pretrained", "TrainingDiverged", "TrainingStats", "pretrain", "to_input", "train_epochs", "warmup_cosine"]
