"""What may be held against what: the differing setting is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from fedreid.comparison import FinishedRun, apart, group_runs, incomparable, load_run, refuse_incomparable
from fedreid.errors import UserError
from tests.comparison.made_up import make_run

SPLITS = {"client-000.csv": "ann", "public.csv": "bob", "generic-shop.csv": "queries"}


def run(tmp_path: Path, name: str, *settings: str, seed: int = 0, splits: dict[str, str] | None = None) -> FinishedRun:
    folder = make_run(tmp_path / name, seed=seed, settings=settings, clients={0: 1.0}, splits=SPLITS | (splits or {}))
    return load_run(folder)


def reasons(*runs: FinishedRun) -> list[str]:
    return [str(each) for each in incomparable(group_runs(runs))]


@pytest.mark.parametrize(
    "settings",
    ["method.name=moon", "method.learning_rate=0.5", "data.image_size=[64,32]", "model.backbone=resnet34",
     "federation.rounds=9", "evaluation.local_only=false", "evaluation.far=[0.1]", "partition.clients=5"],
)  # fmt: skip
def test_whatever_gives_the_same_splits_can_be_compared(tmp_path: Path, settings: str) -> None:
    assert reasons(run(tmp_path, "a"), run(tmp_path, "b", settings)) == []


def test_another_split_is_refused_with_the_setting_that_made_it(tmp_path: Path) -> None:
    one = run(tmp_path, "a")
    other = run(tmp_path, "b", "partition.identities_per_client=7", splits={"client-000.csv": "cleo"})
    assert reasons(one, other) == [
        "FedAvg, identities_per_client = 7 and FedAvg, identities_per_client = 0 have another split: "
        "partition.identities_per_client differs: 7 and 0"
    ]
    with pytest.raises(UserError, match=r"can't be compared:\n .*partition.identities_per_client differs: 7 and 0"):
        refuse_incomparable(group_runs([one, other]))


def test_other_test_data_are_refused_with_the_source_that_gave_them(tmp_path: Path) -> None:
    one = run(tmp_path, "a")
    other = run(tmp_path, "b", "data.sources.shop.domain=3", "method.name=moon", splits={"generic-shop.csv": "others"})
    assert reasons(one, other) == ["MOON and FedAvg have other test data: data.sources.shop.domain differs: 3 and 0"]


def test_files_that_changed_under_the_same_settings_are_named(tmp_path: Path) -> None:
    one = run(tmp_path, "a")
    other = run(tmp_path, "b", "method.name=moon", splits={"generic-shop.csv": "others"})
    assert reasons(one, other) == ["MOON and FedAvg have other test data: splits/generic-shop.csv differs"]
    more = run(tmp_path, "c", "method.name=moon", splits={"client-001.csv": "one more"})
    assert reasons(one, more) == ["MOON and FedAvg have another split: splits/client-001.csv differs"]


def test_other_pictures_in_files_of_the_same_names_are_refused(tmp_path: Path) -> None:
    """A copy of a dataset that somebody has blurred; the last name of a cache is a hash of what it holds."""
    photos = 'data.sources={shop={format="folder", path="photos"}}'
    here, there = (f'{{"caches": {{"shop": "/{place}/decoded/12ab"}}}}' for place in ("here", "there"))
    blurred = here.replace("12ab", "34cd")

    def beside_the_first(name: str, index: str, *settings: str) -> list[str]:
        return reasons(one, run(tmp_path, name, photos, "method.name=moon", *settings, splits={"data.json": index}))

    one = run(tmp_path, "a", photos, splits={"data.json": here})
    assert beside_the_first("b", there) == []
    assert beside_the_first("c", "{") == [], "not known"
    assert beside_the_first("d", blurred) == [
        "MOON and FedAvg have other images under the same names: data.sources.shop differs"
    ]
    assert beside_the_first("e", blurred, "data.image_size=[64,32]") == [], "another size has another cache anyway"
    drawn = [
        run(tmp_path, "f", splits={"data.json": here}),
        run(tmp_path, "g", "method.name=moon", splits={"data.json": blurred}),
    ]
    assert reasons(*drawn) == [], "rendered on another machine"


def test_splits_are_compared_seed_by_seed(tmp_path: Path) -> None:
    people = {0: {"client-000.csv": "ann"}, 1: {"client-000.csv": "eve"}}
    runs = [
        run(tmp_path, f"{method}-{seed}", f"method.name={method}", seed=seed, splits=people[seed])
        for method in ("fedavg", "moon")
        for seed in (0, 1)
    ]
    assert reasons(*runs) == []
    odd = run(tmp_path, "odd", "method.name=ditto", seed=1, splits=people[0])
    assert reasons(*runs, odd) == ["Ditto and FedAvg have another split: splits/client-000.csv differs"]


@pytest.mark.parametrize("key", ["faithful.binned_tar=true", "evaluation.impostors=cross_client"])
def test_other_measures_under_the_same_names_are_refused(tmp_path: Path, key: str) -> None:
    found = reasons(run(tmp_path, "a"), run(tmp_path, "b", "method.name=moon", key))
    assert len(found) == 1
    assert found[0].startswith(f"MOON and FedAvg have other measures under the same names: {key.split('=')[0]} differs")


def test_without_a_common_seed_nothing_can_be_paired(tmp_path: Path) -> None:
    found = reasons(run(tmp_path, "a"), run(tmp_path, "b", "method.name=moon", seed=3))
    assert found == ["MOON and FedAvg have no seed in common: seed differs: (3,) and (0,)"]


def test_without_splits_the_settings_tell(tmp_path: Path) -> None:
    runs = [run(tmp_path, "a"), run(tmp_path, "b", "method.name=moon"), run(tmp_path, "c", "partition.clients=9")]
    for each in runs:
        for file in (each.path / "splits").iterdir():
            file.unlink()
    one, same, other = (load_run(each.path) for each in runs)
    assert reasons(one, same) == []
    assert reasons(one, other) == [
        "FedAvg, clients = 9 and FedAvg, clients = 4 have other data: partition.clients differs: 9 and 4"
    ]


def test_what_can_not_be_compared_is_put_in_groups(tmp_path: Path) -> None:
    other = {"client-000.csv": "cleo"}
    variants = group_runs(
        [
            run(tmp_path, "a"),
            run(tmp_path, "b", "partition.clients=3", splits=other),
            run(tmp_path, "c", "method.name=moon"),
            run(tmp_path, "d", "partition.clients=3", "method.name=moon", splits=other),
        ]
    )
    names = [[variant.runs[0].path.name for variant in group] for group in apart(variants)]
    assert names == [["a", "c"], ["b", "d"]]
