"""Losses, one per file: equation, shapes, source."""

from fedreid.losses.cosface import cosface, cosface_from_cosines, cosines

__all__ = ["cosface", "cosface_from_cosines", "cosines"]
