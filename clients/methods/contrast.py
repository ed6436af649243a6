"""Model-contrastive regularisation with its two frozen models, for MOON and FedFR."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from clients.client import PREVIOUS as PREVIOUS_STREAM
from clients.client import Client
from clients.methods.kept_models import PREVIOUS, copy_tensors, floats, kept, load_kept
from fedreid.losses import model_contrastive
from fedreid.scenario.method_schema import ContrastiveSettings, MoonSettings
from fedreid.training import Batch


class Contrast:
    """A weighted loss: near to the global model's features, away from those of the client's previous model (eq. 7.5).

    Args:
        global_model: the model as received, frozen, in evaluation mode.
        previous: the client's own model after its last participation, likewise.
        settings: weight and temperature.
        bf16: run the frozen models in bfloat16.
    """

    def __init__(
        self,
        global_model: nn.Module,
        previous: nn.Module,
        settings: ContrastiveSettings | MoonSettings,
        *,
        bf16: bool = False,
    ) -> None:
        self.global_model, self.previous, self.settings, self.bf16 = global_model, previous, settings, bf16

    @classmethod
    def of(
        cls, client: Client, settings: ContrastiveSettings | MoonSettings, *, is_random_at_first: bool = False
    ) -> Contrast | None:
        """A client's, before its training; None when it has no previous model yet, and the term is zero.

        Args:
            is_random_at_first: a random network stands for the previous model that is not there.
        """
        space = client.workspace
        previous = space.frozen("previous")
        if not load_kept(previous, PREVIOUS, client.state):
            if not is_random_at_first:
                return None
            seed = int(client.generator(PREVIOUS_STREAM).integers(2**63))
            random = space.new_backbone(seed)
            copy_tensors(floats(previous), floats(random))
        frozen = space.frozen("global")
        copy_tensors(floats(frozen), floats(client.model))
        return cls(frozen, previous, settings, bf16=space.bf16)

    @staticmethod
    def keep(client: Client) -> None:
        """Remember the model as it is now, after training, as the next round's previous one."""
        client.state |= kept(client.model, PREVIOUS)

    def __call__(self, batch: Batch) -> Tensor:
        with torch.no_grad(), torch.autocast(batch.inputs.device.type, dtype=torch.bfloat16, enabled=self.bf16):
            near, far = self.global_model(batch.inputs), self.previous(batch.inputs)
        kind = batch.embeddings.dtype
        loss = model_contrastive(batch.embeddings, near.to(kind), far.to(kind), temperature=self.settings.temperature)
        return self.settings.weight * loss
