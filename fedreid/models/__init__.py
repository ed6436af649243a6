"""Backbones: images in, signed embeddings out."""

from fedreid.models.resnet import ResNet, build_backbone
from fedreid.models.weights import LoadReport, load_imagenet_weights

__all__ = ["LoadReport", "ResNet", "build_backbone", "load_imagenet_weights"]
