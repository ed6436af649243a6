"""Synthetic twins of a scenario's datasets: written once, of different people, and what can go wrong on the way."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedreid.data.synthetic import writing as synth
from fedreid.data.synthetic.layouts import Shot, rendering
from fedreid.data.synthetic.writing import FORMATS, LayoutSize, twin_folder, variants_of, write_layout
from fedreid.errors import RunError, UserError

TINY = LayoutSize(identities=1, test_identities=1, cameras=2, images_per_camera=1, seed=9)
IMAGES = (".jpg", ".jpeg", ".png", ".bmp")
ALL = [(format, variant) for format in FORMATS for variant in variants_of(format)]


@pytest.fixture(autouse=True)
def _tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(synth, "TWIN", TINY)


def contents(folder: Path) -> set[bytes]:
    """Of all images, and of CUHK03's release, which holds them in one file."""
    return {file.read_bytes() for file in folder.rglob("*") if file.suffix in IMAGES or file.name == "cuhk-03.mat"}


@pytest.mark.parametrize("format", FORMATS)
def test_two_positions_share_no_image_and_a_twin_is_written_once(
    format: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = [twin_folder("x", format, position, tmp_path) for position in (0, 1)]
    assert folders[0].parent == folders[1].parent == tmp_path / "twins"
    first, second = map(contents, folders)
    assert first
    assert len(first) == len(second)
    assert not first & second
    monkeypatch.setattr(synth, "render", None)
    assert [twin_folder("y", format, position, tmp_path) for position in (0, 1)] == folders


def test_a_twin_is_of_the_size_that_suits_a_scenario(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.undo()
    folder = twin_folder("x", "viper", 0, tmp_path)
    assert len(list((folder / "cam_a").glob("*.bmp"))) == len(list((folder / "cam_b").glob("*.bmp"))) == 36


def test_a_twin_has_the_variant_that_is_asked_for(tmp_path: Path) -> None:
    usual, other = (twin_folder("x", "msmt17", 0, tmp_path, variant=variant) for variant in ("", "V2"))
    assert (usual / "train").is_dir()
    assert (other / "mask_train_v2").is_dir()
    assert (twin_folder("x", "market1501", 0, tmp_path) / "images").is_dir()


def test_two_runs_at_once_get_the_same_whole_twin(tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        folders = list(pool.map(lambda _: twin_folder("x", "cuhk01", 0, tmp_path), range(4)))
    assert len(set(folders)) == 1
    assert len(list((folders[0] / "campus").iterdir())) == 8
    assert list(folders[0].parent.iterdir()) == [folders[0]]


def test_a_twin_that_failed_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(synth, "render", fail)
    with pytest.raises(RunError, match=r"can't write the synthetic twin of shop: No space left"):
        twin_folder("shop", "viper", 0, tmp_path)
    assert list((tmp_path / "twins").iterdir()) == []


def test_processes_render_the_same_as_this_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    size = LayoutSize(3, 2, seed=5)
    assert write_layout("viper", tmp_path / "one", size, workers=1) == 10
    monkeypatch.setattr(rendering, "FEW", 0)
    monkeypatch.setattr(rendering, "BATCH", 4)
    told: list[tuple[int, int]] = []
    write_layout("viper", tmp_path / "two", size, workers=2, on_progress=lambda *done: told.append(done))
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    assert len(contents(tmp_path / "two")) == 10
    assert (len(told), told[-1]) == (3, (10, 10))


@pytest.mark.parametrize("format", ["grid", "mars", "ilids_vid", "cuhk03"])
def test_a_missing_library_is_named_before_anything_is_written(
    format: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "scipy", None)
    with pytest.raises(UserError, match=r"needs scipy to be written\.\n.*pip install 'fedreid\[datasets\]'"):
        write_layout(format, tmp_path / "out", TINY)
    assert not (tmp_path / "out").exists()


def test_cuhk03_in_folders_needs_no_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for library in ("scipy", "h5py"):
        monkeypatch.setitem(sys.modules, library, None)
    assert write_layout("cuhk03", tmp_path / "out", TINY, variant="folders") == 2 * 2 * 2 * 2
    with pytest.raises(UserError, match="needs scipy"):
        write_layout("cuhk03", tmp_path / "other", TINY)


class TestRefused:
    def test_a_format_that_is_none(self, tmp_path: Path) -> None:
        with pytest.raises(UserError, match=r"^market: .* expected market1501, dukemtmc, msmt17"):
            write_layout("market", tmp_path, TINY)

    @pytest.mark.parametrize(("format", "known"), [("msmt17", "'V1', 'V2'"), ("viper", "none")])
    def test_a_variant_that_is_none(self, format: str, known: str, tmp_path: Path) -> None:
        with pytest.raises(UserError, match=rf"^{format}: has no variant 'V3'; expected one of: {known}\.$"):
            write_layout(format, tmp_path, TINY, variant="V3")

    def test_a_folder_that_holds_something(self, tmp_path: Path) -> None:
        (tmp_path / "mine.txt").touch()
        with pytest.raises(UserError, match=r"is not empty\.\n"):
            write_layout("viper", tmp_path, TINY)
        assert [file.name for file in tmp_path.iterdir()] == ["mine.txt"]

    def test_a_folder_that_is_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "out").touch()
        with pytest.raises(UserError, match=r"out: can't write a synthetic dataset: File exists\."):
            write_layout("viper", tmp_path / "out", TINY)

    @pytest.mark.parametrize(("format", "most"), [("prid", 200), ("cuhk01", 971), ("viper", 1_000), ("ilids", 999)])
    def test_more_people_than_a_format_has_numbers_for(self, format: str, most: int, tmp_path: Path) -> None:
        with pytest.raises(UserError, match=rf"^{format}: its names have numbers for {most:,} people at most, found"):
            write_layout(format, tmp_path / "out", LayoutSize(most, 1))

    @pytest.mark.parametrize("field", ["identities", "test_identities", "cameras", "images_per_camera"])
    def test_nobody_or_nothing(self, field: str) -> None:
        with pytest.raises(ValueError, match=rf"expected {field} of 1 or more, found 0"):
            LayoutSize(**{field: 0})

    @pytest.mark.parametrize("field", ["seed", "domain"])
    @pytest.mark.parametrize("number", [-1, 2**32])
    def test_a_seed_out_of_range(self, field: str, number: int) -> None:
        with pytest.raises(ValueError, match=rf"expected {field} from 0 to 4,294,967,295, found {number}"):
            LayoutSize(**{field: number})


@settings(max_examples=25, deadline=None)
@given(
    which=st.sampled_from(ALL),
    identities=st.integers(1, 12),
    test_identities=st.integers(1, 9),
    cameras=st.integers(1, 9),
    images=st.integers(1, 7),
)
def test_no_two_images_are_alike_and_no_two_people(
    which: tuple[str, str],
    identities: int,
    test_identities: int,
    cameras: int,
    images: int,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    format, variant = which
    plan = synth._PLANS[format][variant]
    size = plan.fitted(format, LayoutSize(identities, test_identities, cameras, images))
    paths, views = set(), set()

    def put(path: Path, shot: Shot) -> None:
        assert path not in paths
        assert plan.view(shot) not in views
        paths.add(path)
        views.add(plan.view(shot))

    plan.write(tmp_path_factory.mktemp("planned"), size, put)
    assert len({view.looks for view in views}) >= identities + test_identities
