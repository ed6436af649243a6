"""Methods and strategies by their names, and in one sentence each what they do."""

from __future__ import annotations

from dataclasses import dataclass

from fedreid.reports.numbers import plural
from fedreid.scenario.method_schema import FaithfulSettings, MethodSettings
from fedreid.scenario.schema import Scenario


@dataclass(frozen=True)
class Entry:
    """A name as it is written, and what it stands for; braces are filled with the scenario's settings."""

    title: str
    does: str


# Fields in braces: of the method's own settings, for FedPer and FedRep the private layers.
METHODS = {
    "fedavg": Entry("FedAvg", "Each client trains the shared model on its own images; the server takes the mean."),
    "fedfr": Entry("FedFR", ""),  # depends on its parts, see `_fedfr`
    "fedprox": Entry("FedProx", "FedAvg, and each client's training is held near the shared weights (mu = {mu:g})."),
    "moon": Entry(
        "MOON",
        "FedAvg, and each client's features are drawn to those of the shared model and away from those of its own "
        "previous one (weight {weight:g}, temperature {temperature:g}).",
    ),
    "fedper": Entry("FedPer", "FedAvg with private layers: {layers} stay with each client, the rest is averaged."),
    "fedrep": Entry(
        "FedRep",
        "Each client trains first its private layers ({layers}) and then the rest of the model; only the rest is "
        "averaged.",
    ),
    "fedbn": Entry("FedBN", "FedAvg, and every client keeps its own BatchNorm layers."),
    "ditto": Entry(
        "Ditto",
        "FedAvg, and beside it each client trains a personal model, which is held near the shared one "
        "(lambda = {strength:g}) and never sent. It is the one that is scored on the client's own people.",
    ),
    "fedpav": Entry("FedPav", "FedAvg of the backbones, the baseline of federated re-identification{more}."),
    "fedface": Entry(
        "FedFace",
        "FedAvg, and clients also send the class proxies of their people, one vector for each. The server moves apart "
        "those that are too much alike (cosine above {threshold:g}) and gives them back.",
    ),
    "local_only": Entry(
        "Local training only",
        "No federation: each client trains a model of its own on its own images, and nothing is ever shared. The lower "
        "bound for what clients can do on their own people.",
    ),
    "centralised": Entry(
        "Central training",
        "No federation: one model is trained on the images of all clients, and on the public ones. The upper bound; it "
        "needs what a federation avoids, everybody's images in one place.",
    ),
}
# Fields in braces: of the scenario's [aggregation], and `weights`.
STRATEGIES = {
    "fedavg": Entry("FedAvg", "the mean of the clients' models, weighted by {weights}"),
    "fedavgm": Entry("FedAvgM", "a step of SGD with momentum {momentum:g} along the clients' mean change"),
    "fedadam": Entry("FedAdam", "a step of Adam along the clients' mean change"),
    "fedyogi": Entry("FedYogi", "a step of Yogi along the clients' mean change"),
    "fedadagrad": Entry("FedAdagrad", "a step of Adagrad along the clients' mean change"),
    "qfedavg": Entry("q-FedAvg", "a step in which clients with a large loss count for more (q = {q:g})"),
    "fedmedian": Entry("FedMedian", "the median over clients of each weight, which a few bad updates can't move far"),
    "fedtrimmedavg": Entry(
        "FedTrimmedAvg", "the mean over clients of each weight, without the share of {trim:g} at each end"
    ),
    "krum": Entry(
        "Krum", "the one client's model with the nearest neighbours; attackers it should withstand: {malicious}"
    ),
    "multikrum": Entry(
        "Multi-Krum", "the mean of the models with the nearest neighbours; attackers it should withstand: {malicious}"
    ),
    "bulyan": Entry("Bulyan", "Krum's choice several times over, then a trimmed mean; attackers: {malicious}"),
}
ADAPTIVE_EPOCHS = "10, 8, 6, then 4 local epochs"  # faithful.adaptive_epochs


def method_sentence(method: MethodSettings) -> str:
    """What the method does, with its settings."""
    if method.name == "fedfr":
        return _fedfr(method)
    own = getattr(method, method.name, None)
    fields = own.model_dump() if own is not None else {}
    fields |= {"layers": " and ".join(method.private_layers), "more": _fedpav(method)}
    return METHODS[method.name].does.format(**fields)


def strategy_sentence(scenario: Scenario, weighted_by: str = "") -> str:
    """How the server makes one model of many, by the strategy's name.

    Args:
        weighted_by: a client's weight in the mean, if it isn't the usual one.
    """
    method = scenario.method
    if method.name == "centralised":
        return "none: there is one model only."
    if method.name == "local_only":
        return "none: what the server keeps is the start."
    entry, settings = STRATEGIES[scenario.federation.strategy], scenario.aggregation
    fields = settings.model_dump() | {"weights": weighted_by or weights(scenario)}
    extra = {
        "fedface": "; then the proxies of all clients are moved apart",
        "fedpav": "; then distillation on public images" if method.fedpav.distillation else "",
    }.get(method.name, "")
    return f"{entry.title}: {entry.does.format(**fields)}{extra}."


def weights(scenario: Scenario) -> str:
    """What a client's weight in the mean is."""
    if scenario.method.name == "fedpav" and scenario.method.fedpav.weights == "cosine_distance":
        return "how far training moved their features"
    if scenario.faithful.weights_include_hard_negatives and scenario.method.has("public"):
        return "training images and hard negatives"
    return "training images"


def epochs(scenario: Scenario) -> str:
    """Local epochs of a round, in words."""
    noun = "local epoch" if scenario.method.name != "centralised" else "epoch"
    return ADAPTIVE_EPOCHS if scenario.faithful.adaptive_epochs else plural(scenario.method.epochs, noun)


def deviations(faithful: FaithfulSettings) -> list[str]:
    """Where the run follows FedFR's published code instead of its text."""
    fields = type(faithful).model_fields
    return [f"{name}: {field.description}" for name, field in fields.items() if getattr(faithful, name)]


def marks(scenario: Scenario) -> list[str]:
    """What nobody may overlook: broken privacy, and runs that are no federation."""
    name = scenario.method.name
    texts = {
        "fedface": "FedFace shares private class proxies with the server, against the privacy rule of FedFR. Each of "
        "them is a vector that stands for one person.",
        "centralised": "Central training is no federation: the images of all clients were in one place. Its figures "
        "are an upper bound, for comparison.",
        "local_only": "Local training only is no federation: nothing was shared, and the server's model is the start. "
        "Its figures are a lower bound, for comparison.",
    }
    return [texts[name]] if name in texts else []


def _fedfr(method: MethodSettings) -> str:
    if not method.parts:
        return "All of its parts are off, which makes it FedAvg: the mean of what clients train on their own images."
    chosen, parts = method.hard_negatives, []
    if method.has("hard_negatives"):
        near = f"the {100 * chosen.quantile:g} % nearest to one of its own"
        if chosen.select == "threshold":
            near = f"those with a cosine above {chosen.threshold:g} to one of its own"
        parts.append(f"hard negatives among the public images ({near})")
    elif method.has("public"):
        parts.append("all public images")
    first = f"A client trains on its own images and on {parts[0]}" if parts else "A client trains on its own images"
    more = []
    if method.has("contrastive"):
        more.append(
            "features are drawn to those of the shared model and away from those of the client's previous one "
            f"(weight {method.contrastive.weight:g}, temperature {method.contrastive.temperature:g})"
        )
    if method.has("branch"):
        kind = "one binary classifier for each person" if method.branch.loss == "binary" else "CosFace"
        more.append(f"a private branch behind the model learns to tell the client's own people apart ({kind})")
    missing = [part.replace("_", " ") for part in ("public", "hard_negatives", "contrastive", "branch")
               if part not in method.parts]  # fmt: skip
    off = f" Off: {', '.join(missing)}." if missing else ""
    return f"{'; '.join([first, *more])}.{off}"


def _fedpav(method: MethodSettings) -> str:
    if method.name != "fedpav":
        return ""
    parts = ", with clients weighted by how far training moved their features" * (
        method.fedpav.weights == "cosine_distance"
    )
    taught = "; the server then teaches the mean model on public images what the clients' models agree on"
    return parts + taught * method.fedpav.distillation
