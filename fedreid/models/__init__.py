"""Backbones: images in, signed embeddings out."""

from fedreid.models.build import Backbone, build_backbone
from fedreid.models.resnet import ResNet
from fedreid.models.spherenet import SphereNet
from fedreid.models.weights import LoadReport, load_imagenet_weights

__all__ = ["Backbone", "LoadReport", "ResNet", "SphereNet", "build_backbone", "load_imagenet_weights"]
