"""Play-and-Prune's controller: the accuracy that is left to lose sets the next threshold and penalty."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Setting:
    """What the controller orders for the next iteration.

    Attributes:
        margin: T, the accuracy that may still be lost; 0: stop.
        threshold: W, filters with a smaller sum of |w| go.
        penalty: λ, the weight of the L1 norm of the filters marked as unimportant.
    """

    margin: float
    threshold: float
    penalty: float


@dataclass(frozen=True)
class ToleranceController:
    """T = max(acc - (E - ε), 0); the next W = δ T W_γ and λ = δ T λ_0, with δ = 1/ε.

    Singh et al., Play and Prune: Adaptive filter pruning for deep model compression, IJCAI 2019. The paper's closed
    forms aren't public in full; these are a reconstruction. With δ = 1/ε an iteration that loses nothing leaves W and
    λ where they began.

    Attributes:
        reference: E, the accuracy of the network before pruning.
        tolerance: ε, the accuracy that may be lost, above 0, in the same unit.
        threshold: W_γ, the first threshold.
        penalty: λ_0, the first penalty.

    Raises:
        ValueError: a tolerance of 0 or below, or a negative threshold or penalty.
    """

    reference: float
    tolerance: float
    threshold: float
    penalty: float = 5e-4

    def __post_init__(self) -> None:
        if not self.tolerance > 0:
            raise ValueError(f"the error tolerance must be above 0, found {self.tolerance}")
        if self.threshold < 0 or self.penalty < 0:
            raise ValueError(f"threshold and penalty must be at least 0, found {self.threshold} and {self.penalty}")

    def next(self, accuracy: float) -> Setting:
        """What follows an iteration that ended at this accuracy."""
        margin = max(accuracy - (self.reference - self.tolerance), 0.0)
        share = margin / self.tolerance
        return Setting(margin, share * self.threshold, share * self.penalty)
