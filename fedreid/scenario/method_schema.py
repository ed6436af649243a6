"""What a client does in one round: the methods, and the settings of each.

Every method's own settings have a table of their own (`method.moon.weight`). Those of the methods that aren't named are
without effect, so that one `--set method.name=...` turns a scenario into another method's.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from fedreid.scenario.settings import NotNegative, Positive, PositiveFloat, Settings, Share, Weight

Part = Literal["public", "hard_negatives", "contrastive", "branch"]


class HardNegativeSettings(Settings):
    """FedFR: which public images a client trains on, section 4.3 of the method."""

    select: Literal["threshold", "quantile"] = Field(
        default="threshold", description="threshold: images closer than so much; quantile: so large a share of them"
    )
    threshold: Annotated[float, Field(ge=-1, le=1)] = Field(
        default=0.4, description="t_HN: kept if the cosine to any local image is larger"
    )
    quantile: Annotated[float, Field(gt=0, le=1)] = Field(
        default=0.1, description="share of the public images that is kept, the closest ones"
    )


class ContrastiveSettings(Settings):
    """FedFR: closeness to the global model, distance from the client's previous one; eq. 7.5."""

    weight: Weight = Field(default=5.0, description="alpha_2, weight of the term")
    temperature: PositiveFloat = Field(default=0.5, description="tau")


class BranchSettings(Settings):
    """FedFR: the decoupled personalized branch; eq. 7.6."""

    weight: Weight = Field(default=10.0, description="alpha_3, weight of the term")
    loss: Literal["binary", "cosface"] = Field(
        default="binary", description="binary: one classifier for each identity; cosface: softmax over local identities"
    )
    scale: PositiveFloat = Field(default=30.0, description="s' of the binary losses")
    margin: Annotated[float, Field(ge=0, lt=2)] = Field(default=0.4, description="m' of the binary losses")
    balance: Annotated[float, Field(gt=0, lt=1)] = Field(default=0.7, description="lambda: weight of the positive term")
    exponent: Positive = Field(default=3, description="t': how far large cosines are stretched")
    bias: Literal["zeros", "balanced"] = Field(
        default="zeros", description="where b starts; balanced: no gradient when all cosines are 0 (SphereFace2)"
    )


class FedPavSettings(Settings):
    """FedPav, the baseline of federated re-identification."""

    weights: Literal["images", "cosine_distance"] = Field(
        default="images", description="of the clients; cosine_distance: how far training moved their features"
    )
    distillation: bool = Field(default=False, description="teach the mean model what the clients' models agree on")
    distillation_epochs: Positive = Field(default=1, description="passes over the public images in each round")
    distillation_learning_rate: PositiveFloat = Field(default=0.0005, description="of SGD on the server")


class FedProxSettings(Settings):
    """FedProx: stay near the global weights."""

    mu: Weight = Field(default=0.01, description="weight of half the squared distance to the global weights")


class MoonSettings(Settings):
    """MOON: stay near the global features."""

    weight: Weight = Field(default=1.0, description="mu of the contrastive term")
    temperature: PositiveFloat = Field(default=0.5, description="tau")


class FedPerSettings(Settings):
    """FedPer and FedRep: which layers stay with the client."""

    layers: Annotated[tuple[str, ...], Field(strict=False, min_length=1)] = Field(
        default=("embedding", "embedding_bn"), description="modules of the backbone that are private, by their names"
    )


class FedRepSettings(Settings):
    """FedRep: first the private layers (`method.fedper.layers` and the proxies), then the shared ones."""

    head_epochs: Positive = Field(default=1, description="passes that train the private layers, before method.epochs")


class DittoSettings(Settings):
    """Ditto: a personal model beside the shared one, held near it."""

    strength: Weight = Field(default=0.1, description="lambda: pull of the personal weights towards the global ones")
    epochs: NotNegative = Field(default=0, description="passes that train the personal model; 0: as method.epochs")


class FedFaceSettings(Settings):
    """FedFace: the server sees the private proxies and spreads them out."""

    threshold: Annotated[float, Field(ge=-1, le=1)] = Field(
        default=0.4, description="nu: proxies with a larger cosine repel each other"
    )
    steps: Positive = Field(default=20, description="SGD steps of the server on all proxies, in each round")
    learning_rate: PositiveFloat = Field(default=0.01, description="of those steps")
    target: Annotated[float, Field(gt=0, le=1)] = Field(
        default=0.9, description="cosine wanted of a client with one identity"
    )


class AdaptationSettings(Settings):
    """Two-stage personalization, for comparison: after the last round each client goes on alone."""

    methods: Annotated[tuple[Literal["fine_tune", "distillation"], ...], Field(strict=False)] = Field(
        default=(), description="which of them; each gives reference rows in the report"
    )
    epochs: Positive = Field(default=4, description="passes over the client's images")
    beta: Weight = Field(default=1.0, description="distillation: weight of the teacher's term")
    temperature: PositiveFloat = Field(default=6.0, description="distillation: softens the logits")
    form: Literal["sum", "yu2020"] = Field(
        default="sum", description="sum: CosFace + beta T^2 KL; yu2020: 0.95 T^2 KL + 0.05 CE, as in the cited code"
    )


class MethodSettings(Settings):
    """What a client does in one round."""

    name: Literal[
        "fedavg", "fedfr", "fedprox", "moon", "fedper", "fedrep", "fedbn", "ditto", "fedpav", "fedface", "local_only",
        "centralised",
    ] = Field(default="fedavg", description="the local learning method")  # fmt: skip
    epochs: Positive = Field(default=2, description="passes over the client's images in a round")
    batch_size: Annotated[int, Field(ge=2)] = Field(default=32, description="images in a step")
    learning_rate: PositiveFloat = Field(default=0.01, description="of SGD; its peak, if there is a schedule")
    momentum: Share = Field(default=0.9, description="of SGD; not carried between rounds")
    weight_decay: Weight = Field(default=5e-4, description="of SGD")
    schedule: Literal["constant", "cosine", "steps"] = Field(
        default="constant", description="of the learning rate over all rounds; steps: a tenth after each milestone"
    )
    warmup: Share = Field(default=0.0, description="share of all rounds in which the learning rate rises")
    milestones: Annotated[tuple[Share, ...], Field(strict=False)] = Field(
        default=(0.5, 0.75), description="for steps: shares of all rounds"
    )
    proxies: Literal["normal", "class_mean"] = Field(
        default="normal", description="where W starts; class_mean: mean features of each identity"
    )
    parts: Annotated[tuple[Part, ...], Field(strict=False)] = Field(
        default=("public", "hard_negatives", "contrastive", "branch"),
        description="fedfr: which of its four parts are on; [] is fedavg",
    )
    hard_negatives: HardNegativeSettings = HardNegativeSettings()
    contrastive: ContrastiveSettings = ContrastiveSettings()
    branch: BranchSettings = BranchSettings()
    fedpav: FedPavSettings = FedPavSettings()
    fedprox: FedProxSettings = FedProxSettings()
    moon: MoonSettings = MoonSettings()
    fedper: FedPerSettings = FedPerSettings()
    fedrep: FedRepSettings = FedRepSettings()
    ditto: DittoSettings = DittoSettings()
    fedface: FedFaceSettings = FedFaceSettings()

    def has(self, part: Part) -> bool:
        """Whether this part of FedFR is on."""
        return self.name == "fedfr" and part in self.parts

    @property
    def private_layers(self) -> tuple[str, ...]:
        """Modules of the backbone that never travel."""
        return self.fedper.layers if self.name in ("fedper", "fedrep") else ()


class FaithfulSettings(Settings):
    """Where FedFR's published code does otherwise than its text: true does as the code did."""

    freeze_public_proxies: bool = Field(default=False, description="clients always get the pre-trained public proxies")
    weights_include_hard_negatives: bool = Field(
        default=False, description="clients weigh by local images and hard negatives, not by local images alone"
    )
    adaptive_epochs: bool = Field(default=False, description="10, 8, 6, then 4 epochs instead of method.epochs")
    round_lr_decay: bool = Field(
        default=False, description="a tenth of the learning rate for the last fifth to quarter of each round"
    )
    random_previous: bool = Field(
        default=False, description="in a client's first round a random network stands for its previous model"
    )
    drop_last: bool = Field(default=False, description="leave out an incomplete last batch of mixed images")
    pooled_tpir: bool = Field(
        default=False, description="threshold over all scores of all probes, and no rank-1 condition"
    )
    raw_gallery_mean: bool = Field(default=False, description="gallery means keep their length")
    merged_galleries: bool = Field(
        default=False,
        description="IJB's two galleries as one, in which every probe has its mate; threshold as with pooled_tpir",
    )
    binned_tar: bool = Field(default=False, description="TAR from a histogram in steps of 0.001, interpolated")
