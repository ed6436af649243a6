"""Synthetic datasets in every vendor's layout: written, read back by the format's own reader, and compared."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from fedreid.data.formats.ijb import counts, read_templates
from fedreid.data.formats.lfw import read_pairs
from fedreid.data.formats.tracklets import TrackletTable, images_of
from fedreid.data.synthetic import writing as synth
from tests.data.synthetic.cases import CASES, Case, Table, rows_of
from tests.data.synthetic.conftest import SIZE, Written


@pytest.mark.parametrize("name", CASES)
def test_its_reader_finds_what_was_written(
    name: str, written: Written, tmp_path_factory: pytest.TempPathFactory
) -> None:
    case, cache = CASES[name], tmp_path_factory.getbasetemp() / "cache"
    folder = written(name.split()[0], case.variant)
    tested = set()
    for split in range(case.splits):
        table = case.read(folder, cache, split)
        compare(table, case)
        tested.add(tuple(sorted({identity for identity, _ in rows_of(table, "query")})))
        files = table.images if isinstance(table, TrackletTable) else table.frame["path"]
        with Image.open(table.root / files[split % len(files)]) as image:
            is_cut = name in ("cuhk03 labelled", "cuhk03 folders")
            assert (image.mode, image.size) == ("RGB", (58, 122) if is_cut else (64, 128))
    assert len(tested) > case.splits // 4  # draws differ


def compare(table: Table, case: Case) -> None:
    """Hold a table against what its case expects."""
    people = {}
    for part, (images, cameras) in {"train": case.train, "query": case.query, "gallery": case.gallery}.items():
        found = rows_of(table, part)
        assert len(found) == images
        assert cameras in (None, {camera for _, camera in found})
        people[part] = {identity for identity, _ in found} - ({0} if case.nobody else set())
    gallery = rows_of(table, "gallery")
    if case.nobody:
        assert [identity for identity, _ in gallery].count(0) == case.nobody
    for identity, camera in rows_of(table, "query"):  # everybody can be found, on another camera
        assert {other for who, other in gallery if who == identity} - {camera}
    assert not people["train"] & people["gallery"]
    found = (
        people["train"] | people["gallery"] if isinstance(case.people, set) else (people["train"], people["gallery"])
    )
    assert found == case.people


@pytest.mark.parametrize("name", CASES)
def test_an_identity_is_one_person_and_nobody_else_is(name: str, written: Written, tmp_path: Path) -> None:
    case, format = CASES[name], name.split()[0]
    plan = synth._PLANS[format][case.variant]
    looks: dict[str, int] = {}  # by path
    plan.write(
        tmp_path / "planned",
        plan.fitted(format, SIZE),
        lambda path, shot: looks.__setitem__(path.as_posix(), plan.view(shot).looks),
    )
    table = case.read(written(format, case.variant), tmp_path, 0)
    images = images_of(table) if isinstance(table, TrackletTable) else table
    shown: dict[int, set[int]] = {}
    for path, identity in zip(images.frame["path"], images.frame["identity"], strict=True):
        inside = f"/{path.removeprefix('images_')}"  # as CUHK03's are called when they are taken out
        shown.setdefault(identity, set()).update(number for file, number in looks.items() if file.endswith(inside))
    others = shown.pop(0) if case.nobody else set()
    assert len(others) == case.nobody
    assert [len(numbers) for numbers in shown.values()] == [1] * len(shown)
    assert len(others.union(*shown.values())) == len(others) + len(shown)


def test_pairs_of_faces(written: Written) -> None:
    table = read_pairs("f", written("lfw", ""), verify_counts=False)
    assert table.pairs["fold"].tolist() == [0] * 4 + [1] * 4 + [2] * 4  # two people each
    assert table.pairs["genuine"].tolist() == [True, True, False, False] * 3
    owners = [path.split("/")[0] for path in table.images]
    for first, second, genuine, fold in table.pairs.itertuples(index=False, name=None):
        assert (owners[first] == owners[second]) == genuine
        assert {owners[first], owners[second]} <= {f"Person_{2 * fold + 1:04d}", f"Person_{2 * fold + 2:04d}"}
    assert Image.open(table.root / table.images[0]).size == (64, 64)


@pytest.mark.parametrize(("benchmark", "galleries"), [("IJB-C", ["G1", "G2"]), ("IJB-B", ["S1", "S2"])])
def test_templates_of_faces(benchmark: str, galleries: list[str], written: Written) -> None:
    table = read_templates("f", written("ijb", benchmark), verify_counts=False, benchmark=benchmark)
    people = {f"people in {gallery}": 3 for gallery in galleries}
    assert counts(table) == {
        "images": 24, "templates": 12, "genuine pairs": 6, "impostor pairs": 30, **people, "probes": 6
    }  # fmt: skip
    owner = dict(table.probes.itertuples(index=False, name=None))
    for frame in table.galleries.values():
        owner |= dict(frame.itertuples(index=False, name=None))
    assert sorted(owner.values()) == sorted([1, 2, 3, 4, 5, 6] * 2)
    assert all((owner[one] == owner[two]) == genuine for one, two, genuine in table.pairs.itertuples(index=False))
    assert table.landmarks.min() > 0
    assert table.landmarks.max() < 64
    with Image.open(table.root / table.images["path"][23]) as image:
        assert image.size == (64, 64)
