"""How many multiplications a client's training takes, in forward passes of its network."""

from __future__ import annotations

from fedreid.scenario import Scenario

STEP = 3  # a training step's forward and backward pass take about three forward passes (two gradients of each product)


def passes_per_image(scenario: Scenario, *, is_first: bool) -> float:
    """Forward passes of the backbone for each image that a client trains on, frozen networks included.

    Images count as often as they are trained on: Ditto's those of its personal model, too. What runs once in a
    round, such as looking for hard negatives, is not in it: see `passes_once`.

    Args:
        is_first: the client's first training, in which contrastive terms have no previous model yet.
    """
    method = scenario.method
    frozen = 0
    if method.has("contrastive") or method.name == "moon":
        frozen = 0 if is_first and not scenario.faithful.random_previous else 2  # the global and the previous model
    return STEP + frozen


def passes_once(scenario: Scenario, public_images: int) -> float:
    """Forward passes of a round that don't depend on how many images are trained on."""
    return float(public_images) if scenario.method.has("hard_negatives") else 0.0
