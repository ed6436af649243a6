"""Settings that are fine one by one but contradict each other, found before any work starts."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from fedreid.scenario.pruning_checks import pruning_contradictions
from fedreid.scenario.same_people import overlap_of
from fedreid.scenario.source_schema import is_unseen

if TYPE_CHECKING:
    from fedreid.scenario.schema import Scenario
    from fedreid.scenario.source_schema import FolderSource


class Contradictions(ValueError):
    """Why a scenario can't be run.

    Attributes:
        found: pairs of the setting to change (its dotted key) and what is wrong with it.
    """

    def __init__(self, found: list[tuple[str, str]]) -> None:
        self.found = found
        super().__init__("\n".join(f"{key} {text}" for key, text in found))


def contradictions(scenario: Scenario) -> list[tuple[str, str]]:
    """Pairs (dotted key, what is wrong with it); empty for a scenario that can be run."""
    checks = (_sources, _public, _clients, _method, _network, pruning_contradictions, _runtime)
    return [found for check in checks for found in check(scenario)]


def _sources(scenario: Scenario) -> Iterator[tuple[str, str]]:
    sources = scenario.data.sources
    for name, source in sources.items():
        key = f"data.sources.{name}"
        if source.format == "folder":
            yield from _folder(key, source)
        if source.format == "synthetic" and source.test_identities and source.cameras < 2:
            yield f"{key}.cameras", "= 1 leaves nothing to find in a gallery: use 2 or more, or test_identities = 0"
    if all(map(is_unseen, sources.values())):
        yield (
            "data.sources",
            'has only datasets that are unseen: nobody is left to train, add one with role = "clients"',
        )
    for (first, one), (second, other) in itertools.combinations(sources.items(), 2):
        if (why := overlap_of(one, other)) is not None:
            yield f"data.sources.{second}", f"holds the same people as data.sources.{first}{why}"


def _folder(key: str, source: FolderSource) -> Iterator[tuple[str, str]]:
    try:
        groups = re.compile(source.camera_pattern).groups
    except re.error as error:
        yield f"{key}.camera_pattern", f"= {source.camera_pattern!r} is not a regular expression: {error}"
        return
    if source.camera_pattern and not groups:
        yield (
            f"{key}.camera_pattern",
            f"= {source.camera_pattern!r} has no group: put the camera in brackets, as in '_c([0-9]+)'",
        )


def _public(scenario: Scenario) -> Iterator[tuple[str, str]]:
    partition, sources = scenario.partition, scenario.data.sources
    if partition.public_identities == 1:
        yield "partition.public_identities", "= 1 is not enough to train on: use -1, 0, or 2 or more"
    if not partition.public_source:
        return
    if partition.public_source not in sources:
        yield (
            "partition.public_source",
            f"= {partition.public_source!r} is not one of data.sources: {', '.join(sources)}",
        )
    elif is_unseen(sources[partition.public_source]):
        yield "partition.public_source", f"= {partition.public_source!r} is unseen: nobody may train on it"
    elif sum(not is_unseen(source) for source in sources.values()) == 1:
        yield "partition.public_source", "makes the only source public and leaves no images for clients: add a source"
    if partition.public_identities > 0:
        yield (
            "partition.public_identities",
            f"= {partition.public_identities} holds identities out, but public_source = {partition.public_source!r} "
            "is the public set already: use one of the two",
        )


def _clients(scenario: Scenario) -> Iterator[tuple[str, str]]:
    partition, fraction = scenario.partition, scenario.federation.fraction
    count = partition.identities_per_client
    if count == 1 and not scenario.method.has("public") and scenario.method.name not in ("fedface", "centralised"):
        yield (
            "partition.identities_per_client",
            "= 1 leaves a client nothing to tell apart: use 0, or 2 or more, or a method with public proxies (fedfr)",
        )
    if count and partition.by not in ("identity", "lists"):
        yield "partition.identities_per_client", f"= {count} is for by = 'identity', not for by = {partition.by!r}"
    if partition.by == "lists" and not partition.lists:
        yield "partition.lists", "is empty: name the folder that `fedreid data split` wrote"
    if not partition.held_out and partition.by != "lists" and scenario.evaluation.personalized != "test_set":
        yield (
            "partition.held_out",
            '= 0 leaves nothing for personalized evaluation: set evaluation.personalized = "test_set"',
        )
    if scenario.evaluation.personalized == "test_set" and partition.by in ("identity", "dirichlet"):
        for name, source in scenario.data.sources.items():
            if getattr(source, "test_identities", 1) == 0 and name != partition.public_source:
                yield (
                    f"data.sources.{name}.test_identities",
                    '= 0 has no test set for evaluation.personalized = "test_set"',
                )
    if partition.by == "camera":
        for name, source in scenario.data.sources.items():
            if source.format == "folder" and not source.camera_pattern and name != partition.public_source:
                yield (
                    f"data.sources.{name}.camera_pattern",
                    "is empty, so its cameras are unknown: name them, or use partition.by = 'identity'",
                )
    if partition.by in ("identity", "dirichlet") and fraction * partition.clients < 1 - 1e-9:
        yield (
            "federation.fraction",
            f"= {fraction} of {partition.clients} clients is nobody: use at least {_at_least(partition.clients)}",
        )


def _at_least(clients: int) -> str:
    """The smallest fraction, to four digits, that is at least one of `clients`."""
    return f"{-(-10_000 // clients) / 10_000:g}" if clients <= 10_000 else f"{1 / clients:.8f}"


def _method(scenario: Scenario) -> Iterator[tuple[str, str]]:
    method, partition = scenario.method, scenario.partition
    if method.has("hard_negatives") and not method.has("public"):
        yield "method.parts", '= [..., "hard_negatives"] chooses among public images: add "public"'
    for key, names in (("method.parts", method.parts), ("adaptation.methods", scenario.adaptation.methods)):
        if len(set(names)) < len(names):
            yield key, f"= {toml_list(names)} names one of them twice"
    if scenario.faithful.round_lr_decay and (method.schedule != "constant" or method.warmup):
        yield (
            "faithful.round_lr_decay",
            "has a schedule of its own: leave out method.schedule and method.warmup",
        )
    if method.name == "fedbn" and scenario.federation.batchnorm == "statistics_local":
        yield "federation.batchnorm", "= 'statistics_local', but fedbn keeps all of BatchNorm: use fedavg with it"
    if method.name == "centralised" and scenario.adaptation.methods:
        yield "adaptation.methods", "is for federations: centralised training has no clients to adapt"
    if method.name == "centralised" and scenario.federation.participants:
        yield "federation.participants", "is for federations: centralised training takes the images of all clients"
    if method.has("public") and partition.public_identities == 0 and not partition.public_source:
        yield (
            "method.parts",
            'has "public", but partition.public_identities = 0 and no public_source: set one of them',
        )
    if method.name == "centralised" and scenario.federation.batchnorm != "average":
        yield (
            "federation.batchnorm",
            f"= {scenario.federation.batchnorm!r} keeps statistics with clients, and centralised training has none: "
            "use 'average'",
        )
    if scenario.sampling.identities == 1:
        yield "sampling.identities", "= 1 makes batches of one person, with nobody to tell it apart from: use 2 or more"


def toml_list(names: tuple[str, ...]) -> str:
    """As it is written in a scenario."""
    return f"[{', '.join(map(repr, names))}]"


def _network(scenario: Scenario) -> Iterator[tuple[str, str]]:
    height, width = scenario.data.image_size
    if min(height, width) < 16:
        yield "data.image_size", f"= [{height}, {width}] is too small for the network: use at least 16 x 16"
    elif not scenario.model.has_batchnorm and (height % 16 or width % 16):
        yield (
            "data.image_size",
            f"= [{height}, {width}] doesn't suit model.backbone = {scenario.model.backbone!r}, which halves height and "
            f"width four times: use multiples of 16, as in [{_multiple(height)}, {_multiple(width)}]",
        )
    if not scenario.model.has_batchnorm:
        yield from _without_batchnorm(scenario)
    if 2 * scenario.augment.crop_padding >= min(height, width):
        yield (
            "augment.crop_padding",
            f"= {scenario.augment.crop_padding} is half of a {height} x {width} image or more: "
            f"use at most {(min(height, width) - 1) // 2}",
        )


def _multiple(side: int) -> int:
    """The multiple of 16 that is nearest to a side."""
    return max(16, round(side / 16) * 16)


def _without_batchnorm(scenario: Scenario) -> Iterator[tuple[str, str]]:
    """What is about BatchNorm, for a backbone that has none."""
    found = f"model.backbone = {scenario.model.backbone!r} has no BatchNorm"
    if scenario.method.name == "fedbn":
        yield "method.name", f"= 'fedbn' keeps BatchNorm with the clients, but {found}: use 'fedavg', or a resnet"
    if scenario.federation.batchnorm != "average":
        yield (
            "federation.batchnorm",
            f"= {scenario.federation.batchnorm!r} keeps BatchNorm with the clients, but {found}: use 'average'",
        )
    if scenario.method.private_layers and set(scenario.method.private_layers) <= {"embedding_bn"}:
        yield "method.fedper.layers", f"= ['embedding_bn'] keeps nothing private, since {found}: use 'embedding'"


def _runtime(scenario: Scenario) -> Iterator[tuple[str, str]]:
    if scenario.runtime.precision == "bf16" and scenario.runtime.device == "cpu":
        yield "runtime.precision", "= 'bf16' is for a GPU, but runtime.device = 'cpu': use 'float32' or 'auto'"
