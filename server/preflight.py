"""What can be known before the first round, said before it: what is going to fail, and what is going to take long."""

from __future__ import annotations

from fedreid.data.federation import FederationData
from fedreid.data.generic_test import GenericTest
from fedreid.data.image_set import ImageSet
from fedreid.errors import UserError
from fedreid.models import build_backbone
from fedreid.models.sharing import shared_tensors
from fedreid.pruning.budgets import refuse_clients
from fedreid.pruning.devices import device_named
from fedreid.pruning.tier_maps import check_tiers
from fedreid.scenario import Scenario
from fedreid.system import refuse_system
from server.strategies.fedavg import cohort_size
from server.strategies.requirements import conflicts, requirements

TRAINED_IMAGE = 3  # passes of an image that is trained on, forth and back, to one that is only embedded
FEW_IMAGES = 100_000  # a small network embeds so many in minutes: no word about that


def refuse_settings(scenario: Scenario) -> None:
    """Check what depends on the scenario alone.

    Raises:
        UserError: a method and a strategy that don't go together, or private layers that the backbone doesn't have.
    """
    for key, text in conflicts(scenario.method, scenario.federation.strategy):
        raise UserError(f"{key} {text}.")
    for budget in scenario.pruning.budgets:
        if budget.device:
            device_named(budget.device)
    layers = scenario.method.private_layers
    backbone = build_backbone(scenario.model, image_size=scenario.data.image_size)
    try:
        left = shared_tensors(backbone, scenario.batchnorm, layers)
    except ValueError as error:
        raise UserError(f"method.fedper.layers = {list(layers)}: {error}.") from None
    if not left:
        raise UserError(f"method.fedper.layers = {list(layers)} leaves nothing of the backbone to share.")
    if scenario.pruning.is_on:
        check_tiers(backbone, scenario.pruning, scenario.data.image_size)


def refuse_data(scenario: Scenario, data: FederationData) -> None:
    """Check what depends on how many clients and people there are.

    Raises:
        UserError: too few clients for the strategy, no public images for a method that needs them, or a client with
            one identity under a method that can't learn from one.
    """
    _refuse_participants(scenario, data.num_clients)
    refuse_system(scenario, data.num_clients)
    clients = cohort_size(_able(scenario, data.num_clients), scenario.federation.fraction)
    for key, text in requirements(scenario.federation.strategy, scenario.aggregation, clients):
        raise UserError(f"{key} {text}.")
    if data.public is not None and data.public.num_identities < 2 and scenario.pretrain.epochs:
        raise UserError(
            "the public set has one identity, and pre-training nothing to tell it apart from: "
            "set partition.public_identities = 0, or 2 or more."
        )
    refuse_clients(scenario.pruning.budgets, data.num_clients)
    need = _public_need(scenario)
    if need and data.public is None:
        raise UserError(
            f"{need} needs public images, and this federation has none: set partition.public_identities or "
            "partition.public_source."
        )
    _refuse_small_clients(scenario, data)
    _refuse_lonely_identities(scenario, data)


def _refuse_participants(scenario: Scenario, clients: int) -> None:
    named = scenario.federation.participants
    if named and max(named) >= clients:
        raise UserError(
            f"federation.participants names client {max(named)}, and this federation has 0 to {clients - 1}."
        )


def _able(scenario: Scenario, clients: int) -> int:
    """How many clients a round may choose from."""
    return len(set(scenario.federation.participants)) or clients


def _public_need(scenario: Scenario) -> str:
    method = scenario.method
    if method.has("public"):
        return 'the part "public" of method.parts'
    if method.name == "fedpav" and method.fedpav.distillation:
        return "method.fedpav.distillation"
    if scenario.pruning.is_on and scenario.pruning.maps == "importance" and scenario.pruning.scores == "proxy":
        return "pruning.scores = 'proxy'"
    if scenario.pruning.is_progressive and scenario.model.has_batchnorm:
        return "pruning.scores = 'progressive'"
    if scenario.pruning.is_on and scenario.pruning.batchnorm == "recalibrate":
        return "pruning.batchnorm = 'recalibrate'"
    return "evaluation.impostors = 'public'" if scenario.evaluation.impostors == "public" else ""


def _refuse_small_clients(scenario: Scenario, data: FederationData) -> None:
    """A client needs two images to train on, for BatchNorm's sake, and one to be evaluated on."""
    held_out = scenario.evaluation.personalized == "held_out"
    for entry in data.summary["clients"]:
        if entry["train_images"] < 2 or (held_out and entry["held_out_images"] < 1):
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


def long_evaluations(scenario: Scenario, data: FederationData) -> list[str]:
    """Warnings: of verification and identification that take longer than the training.

    A client's own model looks at all other clients' people, so they grow with the square of the number of clients.
    """
    looks = _looks_at_strangers(scenario, data.num_clients)
    strangers, trained = _strangers(scenario, data), _trained_images(scenario, data)
    embedded = round(looks * strangers)
    if embedded < max(FEW_IMAGES, TRAINED_IMAGE * trained):
        return []
    settings, remedies = scenario.evaluation, ["evaluation.open_set = 'never'"]
    if settings.open_set == "always":
        remedies.append("evaluation.open_set = 'last'")
    if settings.local_only:
        remedies.append("evaluation.local_only = false")
    if settings.impostors != "public" and data.public is not None and data.num_clients * len(data.public) < strangers:
        remedies.append(f"evaluation.impostors = 'public' ({len(data.public):,} images)")
    return [
        f"verification and identification will take longer than the training: {data.num_clients:,} clients' own models "
        f"embed up to {embedded:,} images of strangers, and train on {trained:,} images in all rounds. "
        f"To save time, set {' or '.join(remedies)}."
    ]


def fruitless_tests(data: FederationData) -> list[str]:
    """Warnings: of test sets, or random halves of them, in which no query has a match on another camera."""
    warnings = []
    for name, test in data.generic.items():
        if not isinstance(test, GenericTest):
            continue
        fruitless = sum(not _has_match(*test.sets(draw)) for draw in range(len(test.draws)))
        if fruitless:
            where = f"in {fruitless:,} of its {len(test.draws):,} random halves, " if len(test.draws) > 1 else ""
            warnings.append(
                f"{name}: {where}no query has a match on another camera, so its ranking has no figures. Check how its "
                "names tell the camera, or leave its test out."
            )
    return warnings


def _has_match(query: ImageSet, gallery: ImageSet) -> bool:
    """Whether the gallery has somebody who is asked about, on another camera than a query's."""
    cameras: dict[int, set[int]] = {}
    for identity, camera in zip(gallery.identities.tolist(), gallery.cameras.tolist(), strict=True):
        cameras.setdefault(identity, set()).add(camera)
    asked = zip(query.identities.tolist(), query.cameras.tolist(), strict=True)
    return any(cameras.get(identity, set()) - {camera} for identity, camera in asked)


def _looks_at_strangers(scenario: Scenario, clients: int) -> float:
    """How often in a run an average client looks at strangers with a model that nobody else has."""
    settings, federation = scenario.evaluation, scenario.federation
    if settings.open_set == "never" or settings.personalized == "test_set":
        return 0.0
    # Round 0 and the final model, which are everybody's unless something in them stays at home.
    looks = 2.0 if scenario.batchnorm != "average" or scenario.method.private_layers else 0.0
    looks += settings.local_only + len(scenario.adaptation.methods)
    if scenario.method.name == "centralised":
        return looks
    rounds = 1
    if settings.open_set == "always" and settings.every:
        rounds = -(-federation.rounds // settings.every)
    return looks + rounds * cohort_size(_able(scenario, clients), federation.fraction) / clients


def _strangers(scenario: Scenario, data: FederationData) -> int:
    """Images of strangers, summed over the clients who look at them."""
    if scenario.evaluation.impostors == "public":
        return data.num_clients * (0 if data.public is None else len(data.public))
    held_out = sum(entry["held_out_images"] for entry in data.summary["clients"])
    return (data.num_clients - 1) * held_out


def _trained_images(scenario: Scenario, data: FederationData) -> int:
    """Private images that are trained on in all rounds, on average over who is sampled; each epoch counts."""
    rounds = range(1, scenario.federation.rounds + 1)
    able = scenario.federation.participants or range(data.num_clients)
    share = cohort_size(len(set(able)), scenario.federation.fraction) / len(set(able))
    images = sum(entry["train_images"] for entry in data.summary["clients"] if entry["client"] in able)
    return round(share * images * sum(scenario.local_epochs(number) for number in rounds))
