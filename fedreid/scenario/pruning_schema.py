"""Pruned backbones in one federation: tiers of sub-networks, and what each client can afford."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from fedreid.scenario.settings import NotNegative, Positive, Settings, Weight

TierShare = Annotated[float, Field(gt=0, le=1)]
WITH_DATA = ("taylor_activation", "taylor_batchnorm", "caie")  # criteria that read gradients
RESOURCES = ("macs", "params", "memory_mb", "latency_ms", "round_mb")


class BudgetSettings(Settings):
    """What clients can afford: up to 1 a share of what the whole network takes, above 1 an amount, 0 no limit."""

    clients: Annotated[tuple[NotNegative, ...], Field(strict=False)] = Field(
        default=(), description="which clients, from 0; []: all that no other budget names"
    )
    device: str = Field(
        default="", description="a board of the catalogue: its memory is the limit, its speed gives the latency"
    )
    macs: Weight = Field(default=0.0, description="multiplications for one image")
    params: Weight = Field(default=0.0, description="parameters")
    memory_mb: Weight = Field(default=0.0, description="memory of training, in megabytes")
    latency_ms: Weight = Field(
        default=0.0, description="time of one image, in milliseconds: on the device, or measured here without one"
    )
    latency_table: str = Field(
        default="",
        description="file of times measured on the client's own machine, which `latency_ms` then refers to",
    )
    round_mb: Weight = Field(default=0.0, description="traffic of a round, both ways, in megabytes")

    amounts: bool = Field(default=False, description="limits up to 1 are amounts, too, as in latency_ms = 0.8")

    @property
    def stated(self) -> dict[str, float]:
        """The limits that are set, by name."""
        return {name: getattr(self, name) for name in RESOURCES if getattr(self, name)}

    @property
    def shares(self) -> dict[str, float]:
        """Those that are shares of what the whole network takes."""
        return {} if self.amounts else {name: value for name, value in self.stated.items() if value <= 1}


class PruningSettings(Settings):
    """Sub-networks of the backbone, nested into each other, for clients that can't train all of it."""

    tiers: Annotated[tuple[TierShare, ...], Field(strict=False)] = Field(
        default=(), description="share of the whole network's MACs in each tier, as in [1.0, 0.5, 0.25]; []: no pruning"
    )
    maps: Literal["importance", "heterofl", "fjord", "fedrolex", "files"] = Field(
        default="importance",
        description="which channels stay; importance: the best by `criterion`; heterofl, fjord: the first ones of each "
        "layer; fedrolex: a window that moves on each round; files: those that `map_files` name",
    )
    map_files: Annotated[tuple[str, ...], Field(strict=False)] = Field(
        default=(),
        description='of maps = "files": for each tier below 1 a map, as `fedreid prune` and runs write them',
    )
    criterion: Literal[
        "l1", "l2", "sparsity", "fpgm", "bn_scale", "taylor_activation", "taylor_batchnorm", "caie"
    ] = Field(default="l1", description="what a channel is worth; taylor and caie need data")  # fmt: skip
    schedule: Literal["uniform", "one_shot"] = Field(
        default="uniform",
        description="uniform: the same share of every layer; one_shot: the lowest of all layers; caie has its own",
    )
    scores: Literal["weights", "proxy", "clients", "local", "progressive"] = Field(
        default="weights",
        description="where scores come from; weights: the starting model's; proxy: the public images; clients: the "
        "clients' images, averaged by the server; local: each client's own, for a map of its own; progressive: the "
        "global model's weights after each round (soft pruning): everybody trains all of it, tiers come at the end",
    )
    refresh_rounds: NotNegative = Field(
        default=0, description="rounds after which maps are made again, from the global model as it is then; 0: never"
    )
    decay: Annotated[float, Field(gt=0, lt=0.75)] = Field(
        default=0.125,
        description='of scores = "progressive": share of the rounds after which 3/4 of what is to go are zero',
    )
    batches: Positive = Field(default=30, description="mini-batches that are scored; of caie, in each step")
    channels_per_step: Positive = Field(default=25, description="of caie: channels removed before scores change")
    minimum_share: Annotated[float, Field(ge=0, le=1)] = Field(
        default=0.1, description="share of its channels that each layer keeps, whatever their scores"
    )
    nested: bool = Field(
        default=True, description="each tier lies inside the one before; false: each is pruned from the whole network"
    )
    embedding_channels_frozen: bool = Field(
        default=True, description="the last stage keeps its channels, which the embedding reads"
    )
    scaler: bool = Field(
        default=False,
        description="while a client trains, what a pruned convolution emits is divided by the share of its channels "
        "that is left, as in HeteroFL",
    )
    aggregation_weight: Literal["samples", "uniform", "width"] = Field(
        default="samples",
        description="of a client in the mean of each weight; samples: its images; uniform: one; width: its images "
        "times its share of the parameters",
    )
    batchnorm: Literal["tier", "coverage", "recalibrate"] = Field(
        default="tier",
        description="running statistics; tier: each tier has its own; coverage: averaged like weights; recalibrate: "
        "like coverage, and measured on public images before the server evaluates",
    )
    budgets: Annotated[tuple[BudgetSettings, ...], Field(strict=False)] = Field(
        default=(), description="what clients can afford: a client gets the largest tier that fits; without, the first"
    )

    @property
    def is_on(self) -> bool:
        return bool(self.tiers)

    @property
    def asks_clients(self) -> bool:
        """Whether clients score channels."""
        return self.is_on and self.maps == "importance" and self.scores in ("clients", "local")

    @property
    def are_widths_known(self) -> bool:
        """Whether the tiers' sizes depend on the settings alone, so that budgets can be checked before training."""
        by_weights = self.scores in ("weights", "progressive") and self.schedule == "uniform"
        return self.is_on and (self.maps != "importance" or by_weights)

    @property
    def is_progressive(self) -> bool:
        """Whether everybody trains the whole network, and tiers are cut out of it after the last round."""
        return self.is_on and self.maps == "importance" and self.scores == "progressive"
