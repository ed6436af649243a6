"""What a federation is: every setting, its type, its range, its default and one line that says what it does.

The order below is the order of a scenario file. All objects are frozen; `fedreid scenario show` prints the
descriptions, so a setting is documented here and nowhere else.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from fedreid.scenario.checks import Contradictions, contradictions
from fedreid.scenario.method_schema import AdaptationSettings, FaithfulSettings, MethodSettings
from fedreid.scenario.pruning_schema import PruningSettings
from fedreid.scenario.report_schema import ReportSettings
from fedreid.scenario.settings import Name, NotNegative, Positive, PositiveFloat, Rate, Seed, Settings, Share, Weight
from fedreid.scenario.source_schema import Source
from fedreid.scenario.system_schema import SystemSettings
from fedreid.scenario.tracking_schema import TrackingSettings

ADAPTIVE_EPOCHS = (10, 8, 6, 4)  # of rounds 1, 2, 3 and all later ones, in FedFR's published code


class DataSettings(Settings):
    """Which images, and how they are kept ready."""

    root: str = Field(
        default="",
        description="where relative dataset paths start; empty: FEDREID_DATA, else the current folder",
    )
    cache: str = Field(
        default="",
        description="folder of decoded images and pre-trained models; empty: FEDREID_CACHE, else ~/.cache/fedreid",
    )
    image_size: Annotated[tuple[Positive, Positive], Field(strict=False)] = Field(
        default=(128, 64), description="height and width in pixels that every image is resized to"
    )
    synthetic_twin: bool = Field(
        default=False,
        description="instead of each published dataset read a small synthetic one in its layout, to try a scenario out",
    )
    skip_bad_images: bool = Field(default=False, description="list unreadable images in the report instead of stopping")
    sources: dict[Name, Source] = Field(min_length=1, description="the datasets, by a name of your choice")


class PartitionSettings(Settings):
    """How the training identities become clients and a public set."""

    by: Literal["identity", "camera", "dataset", "dirichlet", "lists"] = Field(
        default="identity",
        description="identity: K identities each; camera: one client per camera; dataset: one client per source; "
        "dirichlet: unequal numbers of identities; lists: as files say",
    )
    lists: str = Field(
        default="", description="by lists: folder that `fedreid data split` wrote, or the splits/ of a run"
    )
    clients: Positive = Field(default=4, description="number of clients, for identity and dirichlet")
    identities_per_client: NotNegative = Field(
        default=0, description="by identity: identities of each client; 0: all that are not public, equally"
    )
    alpha: Annotated[float, Field(gt=0)] = Field(
        default=1.0, description="by dirichlet: concentration; small values make sizes very unequal"
    )
    public_identities: Annotated[int, Field(ge=-1)] = Field(
        default=-1,
        description="training identities kept as the public set; -1: by identity, all that no client holds, else none",
    )
    public_source: str = Field(
        default="", description="a source that is public as a whole, instead of held-out identities"
    )
    held_out: Share = Field(
        default=0.4,
        description="share of each private identity's images kept for personalized evaluation; 0: none, where "
        'evaluation.personalized = "test_set"',
    )


class ModelSettings(Settings):
    """The backbone: images in, signed embeddings out."""

    backbone: Literal["resnet10", "resnet18", "resnet34", "resnet50", "spherenet20", "spherenet64"] = Field(
        default="resnet18",
        description="residual network; spherenet: for faces, without BatchNorm, image sides in multiples of 16",
    )
    width: Annotated[float, Field(gt=0, le=4)] = Field(default=1.0, description="factor on the channels of every stage")
    stem: Literal["imagenet", "small"] = Field(
        default="imagenet",
        description="of a resnet; imagenet: 7x7 stride 2 and max-pooling; small: 3x3 stride 1, for small images",
    )
    last_stride: Literal[1, 2] = Field(
        default=1, description="of a resnet: stride of the last stage; 1 keeps more spatial detail"
    )
    embedding_dim: Positive = Field(default=512, description="values in an embedding")
    weights: str = Field(
        default="",
        description="file to start from: ImageNet weights of a resnet, with torchvision's names, or a run's "
        "model.safetensors; empty: random",
    )

    @property
    def has_batchnorm(self) -> bool:
        """SphereNets have none: nothing depends on the batch, and training and evaluation compute the same."""
        return not self.backbone.startswith("spherenet")


class PretrainSettings(Settings):
    """CosFace training on the public set, before the federation; its result is cached."""

    epochs: NotNegative = Field(default=10, description="passes over the public images; 0: no pre-training")
    batch_size: Annotated[int, Field(ge=2)] = Field(default=64, description="images in a step")
    learning_rate: Annotated[float, Field(gt=0)] = Field(
        default=0.05, description="peak rate; linear warm-up, cosine decay"
    )
    momentum: Annotated[float, Field(ge=0, lt=1)] = Field(default=0.9, description="of SGD")
    weight_decay: Annotated[float, Field(ge=0)] = Field(default=5e-4, description="of SGD")


class LossSettings(Settings):
    """CosFace, for pre-training and for clients."""

    scale: Annotated[float, Field(gt=0)] = Field(default=30.0, description="s in CosFace")
    margin: Annotated[float, Field(ge=0, lt=2)] = Field(default=0.4, description="m in CosFace")
    label_smoothing: Share = Field(default=0.0, description="share of each label that goes to all classes alike")
    triplet: Literal["none", "batch_hard", "weighted"] = Field(
        default="none",
        description="a triplet loss beside CosFace; batch_hard: with a margin; weighted: soft margin, weighted pairs",
    )
    triplet_weight: Weight = Field(default=1.0, description="weight of the triplet loss")
    triplet_margin: Weight = Field(default=0.3, description="of batch_hard")


class AugmentSettings(Settings):
    """Random changes to training images."""

    flip: bool = Field(default=True, description="mirror half of the images")
    crop_padding: NotNegative = Field(default=4, description="pad by so many pixels, then crop back at random; 0: off")
    erasing: Share = Field(default=0.0, description="share of the images of which a random rectangle is erased")


class SamplingSettings(Settings):
    """How training images become batches, for pre-training and for clients."""

    identities: NotNegative = Field(
        default=0, description="P x K batches: so many identities in each; 0: shuffled images, batch_size at once"
    )
    images: Annotated[int, Field(ge=2)] = Field(default=4, description="P x K batches: images of each identity")


class FederationSettings(Settings):
    """The server's side."""

    rounds: Positive = Field(default=5, description="communication rounds")
    fraction: Annotated[float, Field(gt=0, le=1)] = Field(default=1.0, description="share of the clients in each round")
    participants: Annotated[tuple[NotNegative, ...], Field(strict=False)] = Field(
        default=(), description="the clients that train, from 0; []: all. The others are only tested"
    )
    strategy: Literal[
        "fedavg", "fedavgm", "fedadam", "fedyogi", "fedadagrad", "qfedavg", "fedmedian", "fedtrimmedavg", "krum",
        "multikrum", "bulyan",
    ] = Field(default="fedavg", description="how updates are aggregated; all but fedavg are Flower's")  # fmt: skip
    batchnorm: Literal["average", "local", "statistics_local"] = Field(
        default="average",
        description="average: all of it travels; local: none of it; statistics_local: scale and shift travel",
    )
    on_client_failure: Literal["stop", "skip"] = Field(default="stop", description="when a client fails in a round")


class AggregationSettings(Settings):
    """Settings of Flower's strategies; those that the named strategy doesn't have are without effect."""

    learning_rate: Weight = Field(
        default=0.0,
        description="of the server's optimiser (fedavgm, fedadam, fedyogi, fedadagrad); 0: 1.0 for fedavgm, else 0.001",
    )
    momentum: Share = Field(default=0.9, description="of fedavgm")
    beta_1: Share = Field(default=0.9, description="of fedadam and fedyogi: decay of the first moment")
    beta_2: Share = Field(default=0.99, description="of fedadam and fedyogi: decay of the second moment")
    adaptivity: PositiveFloat = Field(
        default=1e-3, description="tau of fedadam, fedyogi and fedadagrad: added to the root of the second moment"
    )
    q: Weight = Field(
        default=0.2, description="of qfedavg: 0 is the plain mean, more favours clients with large losses"
    )
    trim: Annotated[float, Field(ge=0, lt=0.5)] = Field(
        default=0.2, description="of fedtrimmedavg: share of the clients cut off at each end"
    )
    malicious: NotNegative = Field(default=0, description="of krum, multikrum and bulyan: attackers to withstand")
    selected: NotNegative = Field(
        default=0, description="of multikrum: clients that are averaged; 0: all but the malicious"
    )


class EvaluationSettings(Settings):
    """What is measured, and how often."""

    every: NotNegative = Field(
        default=1, description="rounds between evaluations; 0: only before the first and after the last"
    )
    batch_size: Positive = Field(default=256, description="images embedded at once")
    personalized: Literal["held_out", "test_set"] = Field(
        default="held_out",
        description="what a client's own model is asked; held_out: images of its own people; test_set: query and "
        "gallery of its dataset, whose people nobody trains on",
    )
    local_only: bool = Field(default=True, description="also train every client alone, as a reference row")
    open_set: Literal["always", "last", "never"] = Field(
        default="last",
        description="when to verify and identify, beside ranking; last: before the first and after the last round",
    )
    far: Annotated[tuple[Rate, ...], Field(strict=False)] = Field(
        default=(1e-6, 1e-5, 1e-4, 1e-3, 1e-2), description="false accept rates of TAR@FAR; too small ones are left out"
    )
    fpir: Annotated[tuple[Rate, ...], Field(strict=False)] = Field(
        default=(1e-5, 1e-4, 1e-3, 1e-2, 1e-1),
        description="false positive rates of TPIR@FPIR; too small ones are left out",
    )
    impostors: Literal["all", "cross_client", "public"] = Field(
        default="all",
        description="whom a client's people are verified against; all: other clients' held-out people and each other; "
        "cross_client: other clients' only; public: public people, as in a deployed federation",
    )


class RuntimeSettings(Settings):
    """Where the federation runs; changes no number on one kind of processor."""

    engine: Literal["serial", "ray"] = Field(
        default="serial", description="serial: this process; ray: parallel workers"
    )
    workers: NotNegative = Field(default=0, description="ray workers; 0: one per core")
    threads_per_client: Positive = Field(default=1, description="torch threads of a training client, in both engines")
    server_threads: Positive = Field(
        default=1,
        description="torch threads of pre-training and generic evaluation; raise it on a machine of many cores, and "
        "keep it there: another number gives other last digits",
    )
    ray_address: str = Field(default="", description="a running Ray cluster to join (host:port); empty: start one here")
    device: Literal["auto", "cpu", "cuda"] = Field(
        default="auto", description="where networks run; auto: a GPU if there is one"
    )
    precision: Literal["auto", "float32", "bf16"] = Field(
        default="auto", description="auto: bf16 on a GPU, else float32"
    )
    keep_checkpoints: Positive = Field(default=2, description="how many of the last checkpoints stay on disk")


class Scenario(Settings):
    """A federation, ready to launch."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")] = Field(
        default="federation", description="names the run folder; letters, digits, dots, dashes"
    )
    description: str = Field(default="", description="a sentence for the report")
    seed: Seed = Field(default=0, description="of everything random")
    data: DataSettings
    partition: PartitionSettings = PartitionSettings()
    model: ModelSettings = ModelSettings()
    loss: LossSettings = LossSettings()
    augment: AugmentSettings = AugmentSettings()
    sampling: SamplingSettings = SamplingSettings()
    pretrain: PretrainSettings = PretrainSettings()
    method: MethodSettings = MethodSettings()
    faithful: FaithfulSettings = FaithfulSettings()
    federation: FederationSettings = FederationSettings()
    aggregation: AggregationSettings = AggregationSettings()
    pruning: PruningSettings = PruningSettings()
    system: SystemSettings = SystemSettings()
    adaptation: AdaptationSettings = AdaptationSettings()
    evaluation: EvaluationSettings = EvaluationSettings()
    runtime: RuntimeSettings = RuntimeSettings()
    report: ReportSettings = ReportSettings()
    tracking: TrackingSettings = TrackingSettings()

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Scenario:
        if found := contradictions(self):
            raise Contradictions(found)
        return self

    @property
    def batchnorm(self) -> str:
        """The BatchNorm policy; FedBN is one by name."""
        return "local" if self.method.name == "fedbn" else self.federation.batchnorm

    def average_epochs(self, clients: int) -> int:
        """Epochs that a participant trains in the whole federation on average: what a client that trains alone gets."""
        able = len(set(self.federation.participants)) or clients
        sampled = max(1, round(able * self.federation.fraction))
        epochs = sum(self.local_epochs(number) for number in range(1, self.federation.rounds + 1))
        return max(1, round(epochs * sampled / able))

    def local_epochs(self, server_round: int) -> int:
        """Epochs that a client trains in a round, from 1."""
        if self.faithful.adaptive_epochs:
            return ADAPTIVE_EPOCHS[min(server_round, len(ADAPTIVE_EPOCHS)) - 1]
        return self.method.epochs
