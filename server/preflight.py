"""What can be known to fail before the first round, said before it."""

from __future__ import annotations

from fedreid.data.federation import FederationData
from fedreid.errors import UserError
from fedreid.models import build_backbone
from fedreid.models.sharing import shared_tensors
from fedreid.scenario import Scenario
from server.strategies.fedavg import cohort_size
from server.strategies.requirements import conflicts, requirements


def refuse_settings(scenario: Scenario) -> None:
    """Check what depends on the scenario alone.

    Raises:
        UserError: a method and a strategy that don't go together, or private layers that the backbone doesn't have.
    """
    for key, text in conflicts(scenario.method, scenario.federation.strategy):
        raise UserError(f"{key} {text}.")
    layers = scenario.method.private_layers
    try:
        left = shared_tensors(build_backbone(scenario.model), scenario.batchnorm, layers)
    except ValueError as error:
        raise UserError(f"method.fedper.layers = {list(layers)}: {error}.") from None
    if not left:
        raise UserError(f"method.fedper.layers = {list(layers)} leaves nothing of the backbone to share.")


def refuse_data(scenario: Scenario, data: FederationData) -> None:
    """Check what depends on how many clients and people there are.

    Raises:
        UserError: too few clients for the strategy, no public images for a method that needs them, or a client with
            one identity under a method that can't learn from one.
    """
    clients = cohort_size(data.num_clients, scenario.federation.fraction)
    for key, text in requirements(scenario.federation.strategy, scenario.aggregation, clients):
        raise UserError(f"{key} {text}.")
    if data.public is not None and data.public.num_identities < 2 and scenario.pretrain.epochs:
        raise UserError(
            "the public set has one identity, and pre-training nothing to tell it apart from: "
            "set partition.public_identities = 0, or 2 or more."
        )
    need = _public_need(scenario)
    if need and data.public is None:
        raise UserError(
            f"{need} needs public images, and this federation has none: set partition.public_identities or "
            "partition.public_source."
        )
    _refuse_small_clients(data)
    _refuse_lonely_identities(scenario, data)


def _public_need(scenario: Scenario) -> str:
    method = scenario.method
    if method.has("public"):
        return 'the part "public" of method.parts'
    if method.name == "fedpav" and method.fedpav.distillation:
        return "method.fedpav.distillation"
    return "evaluation.impostors = 'public'" if scenario.evaluation.impostors == "public" else ""


def _refuse_small_clients(data: FederationData) -> None:
    """A client needs two images to train on, for BatchNorm's sake, and one to be evaluated on."""
    for entry in data.summary["clients"]:
        if entry["train_images"] < 2 or entry["held_out_images"] < 1:
            raise UserError(
                f"client {entry['client']} has {entry['train_images']} training and {entry['held_out_images']} "
                "held-out images; it needs 2 and 1 at least.\n"
                "  Give it people with more images, leave its source or camera out, or change partition.held_out."
            )


def _refuse_lonely_identities(scenario: Scenario, data: FederationData) -> None:
    """One identity is nothing to tell apart: the softmax is 1 whatever the embedding."""
    lonely = [entry["client"] for entry in data.summary["clients"] if entry["identities"] == 1]
    if not lonely:
        return
    who = f"client {lonely[0]}" if len(lonely) == 1 else f"{len(lonely)} clients ({lonely[0]}, ...)"
    if not scenario.method.has("public") and scenario.method.name not in ("fedface", "centralised"):
        raise UserError(
            f"{who} with one identity each, and no public proxies: there is nothing to tell it apart from.\n"
            "  Use method.name = 'fedfr' with the part 'public', or 'fedface', or more identities per client."
        )
    if scenario.method.has("branch") and scenario.method.branch.loss == "cosface":
        raise UserError(
            f"{who} with one identity, and method.branch.loss = 'cosface' has nothing to tell it apart from: "
            "use 'binary'."
        )
    if scenario.adaptation.methods and not scenario.method.has("public"):
        raise UserError(f"{who} with one identity can't be adapted alone: set adaptation.methods = [].")
    if scenario.evaluation.local_only:
        raise UserError(
            f"{who} with one identity can't be trained alone, for reference: set evaluation.local_only = false."
        )
