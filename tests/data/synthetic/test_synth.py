"""Synthetic datasets in every vendor's layout: written, read back by the format's own reader, and compared."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fedreid.data.formats import cuhk01, cuhk03, grid, ilids, ilids_vid, pes3d, prid, prid_video, viper
from fedreid.data.formats.cuhk02 import read_cuhk02
from fedreid.data.formats.duke import read_duke
from fedreid.data.formats.folder import read_folder
from fedreid.data.formats.ijb import counts, read_templates
from fedreid.data.formats.lfw import read_pairs
from fedreid.data.formats.market1501 import read_market1501
from fedreid.data.formats.market1501_distractors import with_distractors
from fedreid.data.formats.mars import read_mars
from fedreid.data.formats.msmt17 import read_msmt17
from fedreid.data.formats.tracklets import TrackletTable, images_of
from fedreid.data.synthetic import writing as synth
from fedreid.data.synthetic.source import read_synthetic
from fedreid.data.synthetic.writing import FORMATS, LayoutSize, variants_of, write_layout
from fedreid.data.tables import ImageTable
from fedreid.scenario.source_schema import SyntheticSource

# Two cameras, so that everybody is on both: 3 people x 2 cameras x 2 images are 12.
SIZE = LayoutSize(identities=3, test_identities=3, cameras=2, images_per_camera=2, seed=1, domain=4)
FIRST, LAST = {1, 2, 3}, {4, 5, 6}
ALL = [(format, variant) for format in FORMATS for variant in variants_of(format)]

Table = ImageTable | TrackletTable
Part = tuple[int, set[int] | None]  # images (tracklets, in a video dataset), cameras; None: depends on the draw


@dataclass(frozen=True)
class Case:
    """How a dataset is read, and what is found.

    Attributes:
        read: from its folder, a folder for caches and the number of a split.
        train, query, gallery: images and cameras.
        people: identities of training and of the test, or of both together where they are drawn.
        splits: how many there are.
        variant: that is written.
        nobody: distractors in the gallery.
    """

    read: Callable[[Path, Path, int], Table]
    train: Part
    query: Part
    gallery: Part
    people: tuple[set[int], set[int]] | set[int] = field(default_factory=lambda: {1, 2, 3, 4, 5, 6})
    splits: int = 1
    variant: str = ""
    nobody: int = 0


BOTH = {1, 2}
LISTED = (FIRST, LAST)
MSMT = (FIRST, {10_001, 10_002, 10_003})
CASES = {
    "market1501": Case(
        lambda f, _, s: read_market1501("x", f, verify_counts=False),
        (12, BOTH), (6, BOTH), (9, BOTH), LISTED, nobody=3,
    ),
    "market1501 distractors": Case(
        lambda f, _, s: with_distractors(read_market1501("x", f, verify_counts=False), verify_counts=False),
        (12, BOTH), (6, BOTH), (15, BOTH), LISTED, variant="distractors", nobody=9,
    ),
    "dukemtmc": Case(  # 7, 8 and 9 pass one camera only
        lambda f, _, s: read_duke("x", f, verify_counts=False),
        (12, BOTH), (6, BOTH), (9, BOTH), (FIRST, LAST | {7, 8, 9}),
    ),
    "msmt17 V1": Case(  # of everybody an image is for validation
        lambda f, _, s: read_msmt17("x", f, verify_counts=False),
        (9, BOTH), (6, BOTH), (6, BOTH), MSMT, variant="V1",
    ),
    "msmt17 V2": Case(
        lambda f, _, s: read_msmt17("x", f, verify_counts=False, version="V2", with_validation=True),
        (12, BOTH), (6, BOTH), (6, BOTH), MSMT, variant="V2",
    ),
    "viper": Case(
        lambda f, _, s: viper.read_viper("x", f, verify_counts=False, split=s),
        (6, BOTH), (3, None), (3, None), splits=20,
    ),
    "grid": Case(
        lambda f, _, s: grid.read_grid("x", f, verify_counts=False, split=s),
        (6, None), (3, None), (6, None), splits=10, nobody=3,
    ),
    "ilids": Case(
        lambda f, _, s: ilids.read_ilids("x", f, verify_counts=False, split=s),
        (6, {-1}), (3, None), (3, None), splits=10,
    ),
    "prid": Case(
        lambda f, _, s: prid.read_prid("x", f, verify_counts=False, split=s),
        (6, BOTH), (3, {1}), (6, {2}), splits=10, nobody=3,
    ),
    "cuhk01": Case(
        lambda f, _, s: cuhk01.read_cuhk01("x", f, verify_counts=False, split=s),
        (12, BOTH), (6, None), (6, None), splits=20,
    ),
    "cuhk02": Case(
        lambda f, _, s: read_cuhk02("x", f, verify_counts=False),
        (12, {1, 2, 3, 4, 5, 6}), (6, {9}), (6, {10}), ({10_001, 20_001, 30_001}, {50_001, 50_002, 50_003}),
    ),
    "3dpes": Case(
        lambda f, _, s: pes3d.read_3dpes("x", f, verify_counts=False, split=s),
        (12, BOTH), (6, None), (6, None), splits=10,
    ),
    "folder": Case(  # a third of six; the reader counts people from 0
        lambda f, _, s: read_folder("x", f, camera_pattern="c([0-9]+)_", test_identities=0.34),
        (16, BOTH), (4, BOTH), (4, BOTH), {0, 1, 2, 3, 4, 5},
    ),
    "cuhk03 release": Case(
        lambda f, cache, s: cuhk03.read_cuhk03("x", f, cache, verify_counts=False),
        (12, BOTH), (6, BOTH), (6, BOTH), LISTED, variant="release",
    ),
    "cuhk03 labelled": Case(
        lambda f, cache, s: cuhk03.read_cuhk03("x", f, cache, verify_counts=False, boxes="labelled"),
        (12, BOTH), (6, BOTH), (6, BOTH), LISTED, variant="release",
    ),
    "cuhk03 folders": Case(
        lambda f, cache, s: cuhk03.read_cuhk03("x", f, cache, verify_counts=False, boxes="labelled"),
        (12, BOTH), (6, BOTH), (6, BOTH), LISTED, variant="folders",
    ),
    "cuhk03 classic": Case(  # one gallery image of everybody
        lambda f, cache, s: cuhk03.read_cuhk03("x", f, cache, verify_counts=False, protocol="classic", split=s),
        (12, BOTH), (6, {1}), (3, {2}), {1_001, 2_001, 3_001, 4_001, 5_001, 1_002}, 20, "release",
    ),
    "ilids_vid": Case(
        lambda f, _, s: ilids_vid.read_ilids_vid("x", f, verify_counts=False, split=s),
        (6, BOTH), (3, {1}), (3, {2}), splits=10,
    ),
    "prid_video": Case(
        lambda f, _, s: prid_video.read_prid_video("x", f, verify_counts=False, split=s),
        (6, BOTH), (3, {1}), (3, {2}), splits=10,
    ),
    "mars": Case(
        lambda f, _, s: read_mars("x", f, verify_counts=False),
        (6, BOTH), (6, BOTH), (9, BOTH), LISTED, nobody=3,
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], Path]:
    """Datasets of `SIZE`, each written once."""
    root = tmp_path_factory.mktemp("written")

    def folder(format: str, variant: str) -> Path:
        place = root / f"{format} {variant}"
        if not place.exists():
            write_layout(format, place, SIZE, variant=variant, workers=1)
        return place

    return folder


def rows_of(table: Table, split: str) -> list[tuple[int, int]]:
    """(identity, camera) of a split."""
    chosen = table.frame[table.frame["split"] == split]
    return list(zip(chosen["identity"].tolist(), chosen["camera"].tolist(), strict=True))


def files_in(folder: Path) -> dict[str, Path]:
    return {str(file.relative_to(folder)): file for file in sorted(folder.rglob("*")) if file.is_file()}


@pytest.mark.parametrize("name", CASES)
def test_its_reader_finds_what_was_written(
    name: str, written: Callable[[str, str], Path], tmp_path_factory: pytest.TempPathFactory
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
def test_an_identity_is_one_person_and_nobody_else_is(
    name: str, written: Callable[[str, str], Path], tmp_path: Path
) -> None:
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


@pytest.mark.parametrize(("format", "variant"), ALL)
def test_images_are_of_the_kind_that_their_names_say_and_all_different(
    format: str, variant: str, written: Callable[[str, str], Path]
) -> None:
    kinds = {".jpg": b"\xff\xd8\xff", ".jpeg": b"\xff\xd8\xff", ".png": b"\x89PNG", ".bmp": b"BM"}
    images = {
        name: file.read_bytes() for name, file in files_in(written(format, variant)).items() if file.suffix in kinds
    }
    assert all(content.startswith(kinds[Path(name).suffix]) for name, content in images.items())
    assert len(set(images.values())) == len(images)
    assert images or variant == "release"


def test_market1501_shows_the_people_of_the_source_synthetic(
    written: Callable[[str, str], Path], tmp_path: Path
) -> None:
    source = SyntheticSource(
        format="synthetic", identities=3, test_identities=3, cameras=2, images_per_camera=2, domain=4, seed=1
    )
    rendered = files_in(read_synthetic("s", source, tmp_path, workers=1).root)
    found = files_in(written("market1501", ""))
    assert {name for name in found if "/-1_" not in name} == {name for name in rendered if name.endswith(".jpg")}
    assert all(file.read_bytes() == rendered[name].read_bytes() for name, file in found.items() if "/-1_" not in name)


@pytest.mark.parametrize(
    ("format", "path", "market"),
    [
        ("dukemtmc", "query/0004_c2_f0046000.jpg", "query/0004_c2s1_000001_00.jpg"),
        ("msmt17", "train/0002/0002_001_01_0303noon_0008_0.jpg", "bounding_box_train/0003_c1s1_000026_00.jpg"),
        ("viper", "cam_b/000_45.bmp", "bounding_box_train/0001_c2s1_000001_00.jpg"),
        ("cuhk01", "campus/0002004.png", "bounding_box_train/0002_c2s1_000026_00.jpg"),
        ("3dpes", "RGB/3_1_FRAME_31_RGB.bmp", "bounding_box_train/0003_c1s1_000026_00.jpg"),
        ("folder", "person-0005/c1_0000.jpg", "query/0005_c1s1_000001_00.jpg"),
        (
            "ilids_vid",
            "i-LIDS-VID/sequences/cam1/person004/cam1_person004_00318.png",
            "bounding_box_test/0004_c1s1_000026_00.jpg",
        ),
    ],
)
def test_a_person_looks_the_same_in_every_format(
    format: str, path: str, market: str, written: Callable[[str, str], Path]
) -> None:
    pixels = [
        np.asarray(Image.open(written(*place) / file))
        for place, file in (((format, variants_of(format)[0]), path), (("market1501", ""), market))
    ]
    np.testing.assert_array_equal(*pixels)


def test_labelled_photographs_of_cuhk03_are_the_detected_ones_cut_closer(
    written: Callable[[str, str], Path], tmp_path: Path
) -> None:
    tables = [
        cuhk03.read_cuhk03("x", written("cuhk03", "release"), tmp_path, verify_counts=False, boxes=boxes)
        for boxes in ("detected", "labelled")
    ]
    detected, labelled = (
        [np.asarray(Image.open(table.root / path)) for path in table.frame["path"]] for table in tables
    )
    assert [pixels.shape for pixels in labelled] == [(122, 58, 3)] * 24
    for whole, part in zip(detected, labelled, strict=True):
        np.testing.assert_array_equal(whole[4:126, 3:61], part)


def test_pairs_of_faces(written: Callable[[str, str], Path]) -> None:
    table = read_pairs("f", written("lfw", ""), verify_counts=False)
    assert table.pairs["fold"].tolist() == [0] * 4 + [1] * 4 + [2] * 4  # two people each
    assert table.pairs["genuine"].tolist() == [True, True, False, False] * 3
    owners = [path.split("/")[0] for path in table.images]
    for first, second, genuine, fold in table.pairs.itertuples(index=False, name=None):
        assert (owners[first] == owners[second]) == genuine
        assert {owners[first], owners[second]} <= {f"Person_{2 * fold + 1:04d}", f"Person_{2 * fold + 2:04d}"}
    assert Image.open(table.root / table.images[0]).size == (64, 64)


@pytest.mark.parametrize(("benchmark", "galleries"), [("IJB-C", ["G1", "G2"]), ("IJB-B", ["S1", "S2"])])
def test_templates_of_faces(benchmark: str, galleries: list[str], written: Callable[[str, str], Path]) -> None:
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


@pytest.mark.parametrize(("format", "variant"), ALL)
def test_the_same_bytes_again(
    format: str,
    variant: str,
    written: Callable[[str, str], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = files_in(written(format, variant))
    monkeypatch.setattr(time, "asctime", lambda *_: "Thu Jan  1 00:00:00 1970")  # which SciPy writes into its files
    told: list[tuple[int, int]] = []
    number = write_layout(
        format, tmp_path / "again", SIZE, variant=variant, workers=1, on_progress=lambda *done: told.append(done)
    )
    again = files_in(tmp_path / "again")
    assert list(first) == list(again)
    assert all(first[name].read_bytes() == again[name].read_bytes() for name in first)
    assert told[-1] == (number, number)
