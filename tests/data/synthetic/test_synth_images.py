"""Images of synthetic datasets: of the kind that their names say, of the same people in every layout, repeatable."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fedreid.data.formats import cuhk03
from fedreid.data.synthetic.source import read_synthetic
from fedreid.data.synthetic.writing import FORMATS, variants_of, write_layout
from fedreid.scenario.source_schema import SyntheticSource
from tests.data.synthetic.conftest import SIZE, Written, files_in

ALL = [(format, variant) for format in FORMATS for variant in variants_of(format)]


@pytest.mark.parametrize(("format", "variant"), ALL)
def test_images_are_of_the_kind_that_their_names_say_and_all_different(
    format: str, variant: str, written: Written
) -> None:
    kinds = {".jpg": b"\xff\xd8\xff", ".jpeg": b"\xff\xd8\xff", ".png": b"\x89PNG", ".bmp": b"BM"}
    images = {
        name: file.read_bytes() for name, file in files_in(written(format, variant)).items() if file.suffix in kinds
    }
    assert all(content.startswith(kinds[Path(name).suffix]) for name, content in images.items())
    assert len(set(images.values())) == len(images)
    assert images or variant == "release"


def test_market1501_shows_the_people_of_the_source_synthetic(written: Written, tmp_path: Path) -> None:
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
def test_a_person_looks_the_same_in_every_format(format: str, path: str, market: str, written: Written) -> None:
    pixels = [
        np.asarray(Image.open(written(*place) / file))
        for place, file in (((format, variants_of(format)[0]), path), (("market1501", ""), market))
    ]
    np.testing.assert_array_equal(*pixels)


def test_labelled_photographs_of_cuhk03_are_the_detected_ones_cut_closer(written: Written, tmp_path: Path) -> None:
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


@pytest.mark.parametrize(("format", "variant"), ALL)
def test_the_same_bytes_again(
    format: str,
    variant: str,
    written: Written,
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
