"""Which variants may be held against each other: the same test data, the same split, the same protocol."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from fedreid.comparison.runs import FinishedRun
from fedreid.comparison.settings import influential
from fedreid.comparison.variants import Variant, reference_of
from fedreid.errors import UserError

# What a score means depends on these.
PROTOCOL = (
    "evaluation.personalized", "evaluation.impostors", "faithful.pooled_tpir", "faithful.raw_gallery_mean",
    "faithful.binned_tar",
)  # fmt: skip


@dataclass(frozen=True)
class Difference:
    """Why two variants can't be compared.

    Attributes:
        setting: dotted key of the differing setting, or "seed", or a file of splits/.
        value, reference_value: what the variant and the reference have there.
        variant, reference: their names.
        what: what differs, in words.
    """

    setting: str
    value: Any
    reference_value: Any
    variant: str
    reference: str
    what: str

    def __str__(self) -> str:
        values = f": {self.value} and {self.reference_value}" if self.value != self.reference_value else ""
        return f"{self.variant} and {self.reference} have {self.what}: {self.setting} differs{values}"


def incomparable(variants: Sequence[Variant], reference: str | None = None) -> list[Difference]:
    """Why variants can't be compared with the reference (None: the first); one reason for each, none where they can.

    Image size, network and training may differ: they are what one compares. Test people and images, who holds which
    people, and what the scores mean may not, seed by seed.
    """
    chosen = reference_of(variants, reference)
    found = (_difference(variant, chosen) for variant in variants if variant is not chosen)
    return [each for each in found if each is not None]


def refuse_incomparable(variants: Sequence[Variant], reference: str | None = None) -> None:
    """Stop where a variant can't be compared with the reference.

    Raises:
        UserError: naming the differing settings.
    """
    if found := incomparable(variants, reference):
        lines = "\n".join(f"  {each}" for each in found)
        raise UserError(f"these runs can't be compared:\n{lines}\n  Compare them apart, or repeat them with one value.")


def apart(variants: Sequence[Variant]) -> list[list[Variant]]:
    """Variants in groups that can be compared, each with the first of its group."""
    groups: list[list[Variant]] = []
    for variant in variants:
        home = next((group for group in groups if _difference(variant, group[0]) is None), None)
        if home is None:
            groups.append([variant])
        else:
            home.append(variant)
    return groups


def _difference(variant: Variant, reference: Variant) -> Difference | None:
    """The first reason found, over all seeds that both have."""
    shared = sorted({*variant.seeds} & {*reference.seeds})
    one, other = influential(variant.runs[0].scenario), influential(reference.runs[0].scenario)
    if key := next((key for key in PROTOCOL if one.get(key) != other.get(key)), None):
        found = key, "other measures under the same names"
    elif not shared:
        found = "seed", "no seed in common"
        one, other = {"seed": variant.seeds}, {"seed": reference.seeds}
    else:
        reasons = (_of_data(variant.run(seed), reference.run(seed)) for seed in shared)
        if (reason := next(filter(None, reasons), None)) is None:
            return None
        found = reason
    setting, what = found
    return Difference(setting, one.get(setting), other.get(setting), variant.name, reference.name, what)


def _of_data(one: FinishedRun, other: FinishedRun) -> tuple[str, str] | None:
    """(setting or file, what differs) where two runs of one seed saw other images, or shared them out otherwise."""
    if not one.splits or not other.splits:  # only their settings can tell
        key = next(_differing(one, other, ("data.", "partition.")), None)
        return (key, "other data") if key else None
    changed = sorted(name for name in {*one.splits, *other.splits} if one.splits.get(name) != other.splits.get(name))
    if not changed:
        return _of_images(one, other)
    if tests := [name for name in changed if name.startswith("generic-")]:
        return next(_differing(one, other, ("data.",)), f"splits/{tests[0]}"), "other test data"
    return next(_differing(one, other, ("partition.", "data.")), f"splits/{changed[0]}"), "another split"


def _of_images(one: FinishedRun, other: FinishedRun) -> tuple[str, str] | None:
    """Files of the same names may hold other pictures; of images of another size that can't be told.

    What is rendered follows from its settings, and differs in last bits from machine to machine: it isn't looked at.
    """
    data = one.scenario.data
    if data.image_size != other.scenario.data.image_size or data.synthetic_twin:
        return None
    files = [name for name, source in data.sources.items() if source.format != "synthetic"]
    shared = [name for name in files if name in one.images and name in other.images]
    changed = next((name for name in shared if one.images[name] != other.images[name]), None)
    return (f"data.sources.{changed}", "other images under the same names") if changed else None


def _differing(one: FinishedRun, other: FinishedRun, sections: tuple[str, ...]) -> Iterator[str]:
    """Settings of some sections in which two runs differ; the size of images is what one compares."""
    mine, theirs = influential(one.scenario), influential(other.scenario)
    for key in dict.fromkeys([*mine, *theirs]):
        if key.startswith(sections) and key != "data.image_size" and mine.get(key) != theirs.get(key):
            yield key
