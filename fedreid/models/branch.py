"""The decoupled personalized branch of FedFR: a transformation of the embedding, and a classifier for each identity.

Liu et al., FedFR: Joint Optimization Federated Framework for Generic and Personalized Face Recognition, AAAI 2022;
section 7.3 of the dissertation. It is private: nothing of it ever leaves its client.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from fedreid.losses.cosface import cosines


class Branch(nn.Module):
    """f' = Pi(f) and z_k = cos(f', Omega_k).

    Attributes:
        transformation: Pi, one fully connected layer, at first the identity.
        classifiers: Omega, (identities, dim).
        biases: b, (identities,), for the binary losses.
    """

    def __init__(self, classifiers: Tensor, bias: float = 0.0) -> None:
        """
        Args:
            classifiers: where Omega starts: the client's class proxies.
            bias: where every b starts.
        """
        super().__init__()
        identities, dim = classifiers.shape
        with torch.device("meta"):  # torch's own initialisation would draw from the global stream
            self.transformation = nn.Linear(dim, dim)
        self.transformation.to_empty(device=classifiers.device)
        with torch.no_grad():
            nn.init.eye_(self.transformation.weight)
            nn.init.zeros_(self.transformation.bias)
        self.classifiers = nn.Parameter(classifiers.detach().clone())
        self.biases = nn.Parameter(torch.full((identities,), bias, device=classifiers.device))

    def forward(self, embeddings: Tensor) -> Tensor:
        """(batch, dim) generic embeddings -> personalized ones of the same shape."""
        return self.transformation(embeddings)

    def cosines(self, embeddings: Tensor) -> Tensor:
        """(batch, dim) generic embeddings -> (batch, identities)."""
        return cosines(self(embeddings), self.classifiers)
