"""How each format's own reader reads a dataset of the fixture `written`, and what it must find."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from fedreid.data.formats import cuhk01, cuhk03, grid, ilids, ilids_vid, pes3d, prid, prid_video, viper
from fedreid.data.formats.cuhk02 import read_cuhk02
from fedreid.data.formats.duke import read_duke
from fedreid.data.formats.folder import read_folder
from fedreid.data.formats.market1501 import read_market1501
from fedreid.data.formats.market1501_distractors import with_distractors
from fedreid.data.formats.mars import read_mars
from fedreid.data.formats.msmt17 import read_msmt17
from fedreid.data.formats.tracklets import TrackletTable
from fedreid.data.tables import ImageTable

FIRST, LAST = {1, 2, 3}, {4, 5, 6}
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


def rows_of(table: Table, split: str) -> list[tuple[int, int]]:
    """(identity, camera) of a split."""
    chosen = table.frame[table.frame["split"] == split]
    return list(zip(chosen["identity"].tolist(), chosen["camera"].tolist(), strict=True))
