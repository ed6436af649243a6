"""CUHK03: the .mat release under both protocols, the re-packed folders, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from fedreid.data.formats import cuhk03_classic, cuhk03_folders
from fedreid.data.formats.cuhk03 import read_cuhk03
from fedreid.data.formats.cuhk03_images import Photo, photo, photo_name
from fedreid.data.synthetic.layouts.cuhk03 import write_config, write_release
from fedreid.data.synthetic.layouts.three_folders import cuhk03_np_name, write_three_folders
from fedreid.errors import UserError
from tests.data.pictures import pixels
from tests.data.vendors import in_order, rows_of, some_shots

PEOPLE = (3, 2)  # of two camera pairs
PLACES = (1, 2, 6, 7)  # images 1 and 2 are view 1, 6 and 7 are view 2; the rest are empty
TEST_SETS = [[(1, 2), (2, 1)], [(1, 1), (1, 3)]]
CONFIG = "cuhk03_new_protocol_config_detected.mat"


def everybody() -> list[tuple[int, int]]:
    return [(pair, person) for pair, count in enumerate(PEOPLE, start=1) for person in range(1, count + 1)]


def picture(pair: int, person: int, image: int) -> np.ndarray:
    return pixels(1_000 * pair + 10 * person + image)


def release(root: Path, file: str = "cuhk03_release/cuhk-03.mat") -> Path:
    """The release with detected photographs of `PEOPLE`, and a labelled one of the first person only."""
    pytest.importorskip("h5py")
    detected = {(*who, image): picture(*who, image) for who in everybody() for image in PLACES}
    write_release(root / file, PEOPLE, {"detected": detected, "labeled": {(1, 1, 1): picture(1, 1, 1)}}, TEST_SETS)
    return root


def names() -> list[str]:
    return [
        f"{pair}_{person:03d}_{1 if image < 6 else 2}_{image:02d}.png"
        for pair, person in everybody()
        for image in PLACES
    ]


def config(root: Path, file: str = CONFIG, gallery: tuple[int, ...] = (14, 18)) -> None:
    """Lists that train on the first three people, and test the other two: labels from 1 to 5."""
    pytest.importorskip("scipy")
    images = [(name, 1 + place // 4, 1 + place % 4 // 2) for place, name in enumerate(names())]
    write_config(root / file, images, {"train": tuple(range(12)), "query": (12, 16), "gallery": gallery})


class TestNewProtocol:
    def test_what_was_written_is_read_with_its_pixels(self, tmp_path: Path) -> None:
        config(release(tmp_path / "data"))
        table = read_cuhk03("c", tmp_path / "data", tmp_path / "cache", verify_counts=False)
        expected = [
            (f"images_detected/{name}", 1 + place // 4, 1 + place % 4 // 2) for place, name in enumerate(names())
        ]
        uses = {**dict.fromkeys(range(12), "train"), 12: "query", 16: "query", 14: "gallery", 18: "gallery"}
        assert rows_of(table) == in_order([(*expected[place], use) for place, use in uses.items()])
        found = np.asarray(Image.open(table.root / "images_detected/2_001_2_07.png"))
        np.testing.assert_array_equal(found, picture(2, 1, 7))
        assert not list((tmp_path / "data").glob("images_*"))  # a dataset's folder may be read-only

    def test_photographs_are_taken_out_once(self, tmp_path: Path) -> None:
        config(release(tmp_path / "data"))
        first = read_cuhk03("c", tmp_path / "data", tmp_path / "cache", verify_counts=False)
        mark = first.root / "images_detected/1_001_1_01.png"
        mark.write_bytes(b"mark")
        again = read_cuhk03("c", tmp_path / "data", tmp_path / "cache", verify_counts=False)
        assert again.root == first.root
        assert mark.read_bytes() == b"mark"

    @pytest.mark.parametrize("around", ["", "cuhk03"])
    def test_photographs_that_another_toolkit_took_out_are_used(self, tmp_path: Path, around: str) -> None:
        config(tmp_path / around)
        for name in names():
            (tmp_path / around / "images_detected").mkdir(parents=True, exist_ok=True)
            (tmp_path / around / "images_detected" / name).touch()
        table = read_cuhk03("c", tmp_path, tmp_path / "cache", verify_counts=False)
        assert table.root == tmp_path / around
        (tmp_path / around / "images_detected" / names()[12]).unlink()
        with pytest.raises(UserError, match=r"query_idx: there is no image .*/2_001_1_01\.png\.\n  Remove that folder"):
            read_cuhk03("c", tmp_path, tmp_path / "cache", verify_counts=False)

    def test_an_index_beyond_the_file_list_is_refused(self, tmp_path: Path) -> None:
        config(release(tmp_path), gallery=(14, 20))
        with pytest.raises(UserError, match=r"detected\.mat: gallery_idx names image 21 of 20\."):
            read_cuhk03("c", tmp_path, tmp_path / "cache", verify_counts=False)

    @pytest.mark.parametrize(
        ("gallery", "said"),
        [
            ((14, 14), r"2_001_2_06\.png is twice in gallery_idx"),
            ((14, 3), r"1_001_2_07\.png is in train_idx and in gallery_idx"),
            ((14, 16), r"2_002_1_01\.png is in query_idx and in gallery_idx"),
        ],
    )
    def test_an_image_that_lists_name_twice_is_refused(
        self, tmp_path: Path, gallery: tuple[int, ...], said: str
    ) -> None:
        config(release(tmp_path), gallery=gallery)
        with pytest.raises(UserError, match=rf"{CONFIG}: {said}\."):
            read_cuhk03("c", tmp_path, tmp_path / "cache", verify_counts=False)

    @pytest.mark.parametrize(
        ("variable", "value", "said"),
        [
            ("labels", np.full((20, 1), np.nan), "labels holds nan"),
            ("labels", np.full((20, 1), 1.5), r"labels holds 1\.5"),
            ("labels", np.zeros((20, 1)), r"labels holds 0; people count from 1\."),
            ("query_idx", np.array([["word", 2.0]], dtype=object), "query_idx holds no numbers"),
            ("filelist", np.array([[1.0, 2.0]], dtype=object), "filelist holds something else than names"),
        ],
    )
    def test_lists_of_something_else_are_refused(
        self, tmp_path: Path, variable: str, value: np.ndarray, said: str
    ) -> None:
        config(release(tmp_path))
        scipy_io = pytest.importorskip("scipy.io")
        kept = {name: held for name, held in scipy_io.loadmat(tmp_path / CONFIG).items() if not name.startswith("_")}
        scipy_io.savemat(tmp_path / CONFIG, kept | {variable: value})
        with pytest.raises(UserError, match=rf"{CONFIG}: {said}"):
            read_cuhk03("c", tmp_path, tmp_path / "cache", verify_counts=False)

    @pytest.mark.parametrize("inside", ["detected", "detected/cell", "detected/pair", "detected/image"])
    def test_a_structure_in_place_of_a_cell_is_refused(self, tmp_path: Path, inside: str) -> None:
        h5py = pytest.importorskip("h5py")
        config(tmp_path)
        with h5py.File(tmp_path / "cuhk-03.mat", "w", userblock_size=512) as file:
            group = file.create_group("structure")
            if inside == "detected":
                file.create_group("detected")
            elif inside == "detected/pair":
                file["detected"] = np.array([[group.ref]], dtype=h5py.ref_dtype)
            elif inside == "detected/image":
                file["pair"] = np.array([[group.ref]], dtype=h5py.ref_dtype)
                file["detected"] = np.array([[file["pair"].ref]], dtype=h5py.ref_dtype)
            else:
                file["detected"] = np.zeros((1, 2))
        with pytest.raises(UserError, match=r"cuhk-03\.mat: \w+ is (a structure, not an array|no cell)"):
            read_cuhk03("c", tmp_path, tmp_path / "cache", verify_counts=False)

    def test_the_whole_version_is_wanted(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        config(release(tmp_path))
        with pytest.raises(UserError, match=r"expected 7,365 training images of 767 identities, found 12 of 3 in"):
            read_cuhk03("c", tmp_path, tmp_path / "cache")
        counts = {"train": (3, 12), "query": (2, 2), "gallery": (2, 2)}
        monkeypatch.setitem(cuhk03_folders.PUBLISHED, "detected", counts)
        assert read_cuhk03("c", tmp_path, tmp_path / "cache").notes == ()

    def test_missing_files_are_named(self, tmp_path: Path) -> None:
        with pytest.raises(UserError, match=rf"has no {CONFIG}, which lists the new protocol's images"):
            read_cuhk03("c", tmp_path, tmp_path / "cache")
        config(tmp_path)
        with pytest.raises(UserError, match=r"has neither images_detected nor cuhk-03\.mat"):
            read_cuhk03("c", tmp_path, tmp_path / "cache")
        with pytest.raises(UserError, match=r"there is no folder .*/absent"):
            read_cuhk03("c", tmp_path / "absent", tmp_path / "cache")

    @pytest.mark.parametrize("content", [b"", b"MATLAB 5.0 MAT-file".ljust(600), bytes(512) + b"\x89HDF\r\n\x1a\nrest"])
    def test_another_kind_of_file_in_place_of_the_release_is_refused(self, tmp_path: Path, content: bytes) -> None:
        pytest.importorskip("h5py")
        config(tmp_path)
        (tmp_path / "cuhk-03.mat").write_bytes(content)
        with pytest.raises(UserError, match=r"cuhk-03\.mat: (is no MATLAB file of version 7\.3|can't be read as a)"):
            read_cuhk03("c", tmp_path, tmp_path / "cache")
        assert not list((tmp_path / "cache").rglob("images_*"))

    def test_a_release_that_was_cut_off_is_called_damaged(self, tmp_path: Path) -> None:
        config(release(tmp_path))
        file = tmp_path / "cuhk03_release/cuhk-03.mat"
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
        with pytest.raises(UserError, match=r"cuhk-03\.mat: can't be read as a MATLAB file: .*\n  It is damaged"):
            read_cuhk03("c", tmp_path, tmp_path / "cache")

    def test_a_grey_photograph_is_refused_and_not_taken_for_an_empty_place(self, tmp_path: Path) -> None:
        pytest.importorskip("h5py")
        config(tmp_path)
        cells = {(1, 1, 1): picture(1, 1, 1), (1, 1, 2): picture(1, 1, 2)[:, :, 0]}
        write_release(tmp_path / "cuhk-03.mat", (1,), {"detected": cells}, [])
        with pytest.raises(UserError, match=r"expected photographs of 3 colours in 8 bits, found uint8 \(32, 16\)\."):
            read_cuhk03("c", tmp_path, tmp_path / "cache")


class TestClassicProtocol:
    def test_a_structure_in_place_of_the_test_sets_is_refused(self, tmp_path: Path) -> None:
        h5py = pytest.importorskip("h5py")
        release(tmp_path, "cuhk-03.mat")
        with h5py.File(tmp_path / "cuhk-03.mat", "r+") as file:
            del file["testsets"]
            file.create_group("testsets")
        with pytest.raises(UserError, match=r"cuhk-03\.mat: testsets is a structure, not an array"):
            read_cuhk03("c", tmp_path, tmp_path, verify_counts=False, protocol="classic")

    @pytest.mark.parametrize("split", [0, 1])
    def test_the_test_sets_of_the_release_are_used(self, tmp_path: Path, split: int) -> None:
        release(tmp_path, "cuhk-03.mat")
        table = read_cuhk03("c", tmp_path, tmp_path, verify_counts=False, protocol="classic", split=split)
        tested = {1_000 * pair + person for pair, person in TEST_SETS[split]}
        frame = table.frame
        assert set(frame.loc[frame["split"] == "query", "identity"]) == tested
        assert (
            set(frame.loc[frame["split"] == "train", "identity"])
            == {1_000 * pair + person for pair, person in everybody()} - tested
        )
        assert frame["split"].value_counts().to_dict() == {"train": 12, "query": 4, "gallery": 2}
        assert sorted(frame.loc[frame["split"] == "gallery", "identity"]) == sorted(tested)  # one image each
        assert "2 gallery images left out: the classic protocol keeps one per person" in table.notes
        for row in frame.itertuples():
            pair, person, view, _ = row.path.removesuffix(".png").rpartition("/")[2].split("_")
            assert (row.identity, row.camera) == (1_000 * int(pair) + int(person), int(view))
            assert row.split != "query" or view == "1"

    def test_counts_of_the_whole_version_are_wanted(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        release(tmp_path)
        with pytest.raises(UserError, match=r"expected 14,097 images of 1,467 identities.*found 20 of 5, 2 in"):
            read_cuhk03("c", tmp_path, tmp_path, protocol="classic")
        monkeypatch.setitem(cuhk03_classic.PUBLISHED, "detected", (5, 20))
        monkeypatch.setattr(cuhk03_classic, "TEST_PEOPLE", 2)
        assert len(read_cuhk03("c", tmp_path, tmp_path, protocol="classic").notes) == 1

    def test_published_counts_agree_with_the_new_protocols(self) -> None:
        for boxes in ("detected", "labelled"):
            parts = cuhk03_folders.PUBLISHED[boxes]
            assert cuhk03_classic.PUBLISHED[boxes][1] == sum(images for _, images in parts.values())
            assert cuhk03_classic.PUBLISHED[boxes][0] == parts["train"][0] + parts["query"][0]

    def test_a_split_that_does_not_exist_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(UserError, match=r"^data\.sources\.c\.split = 20: expected 0 to 19$"):
            read_cuhk03("c", tmp_path, tmp_path, protocol="classic", split=20)
        with pytest.raises(UserError, match=r"split = 1: expected 0, as this protocol has one split only"):
            read_cuhk03("c", tmp_path, tmp_path, split=1)
        release(tmp_path)
        with pytest.raises(UserError, match=r"cuhk-03\.mat: has 2 test sets, so there is no split 2"):
            read_cuhk03("c", tmp_path, tmp_path, verify_counts=False, protocol="classic", split=2)

    def test_nobody_in_the_test_is_refused(self, tmp_path: Path) -> None:
        release(tmp_path)
        with pytest.raises(UserError, match=r"split 0 would test 0 of the 1 people"):
            read_cuhk03("c", tmp_path, tmp_path, verify_counts=False, protocol="classic", boxes="labelled")


class TestFolders:
    @pytest.mark.parametrize("around", ["", "detected", "cuhk03-np/detected", "CUHK03-NP/detected"])
    def test_what_was_written_is_read(self, tmp_path: Path, around: str) -> None:
        written = write_three_folders(tmp_path / around, some_shots(cameras=2), cuhk03_np_name)
        table = read_cuhk03("c", tmp_path, tmp_path, verify_counts=False)
        assert rows_of(table) == in_order(written)
        assert table.root == tmp_path / around

    def test_the_version_that_was_asked_for_is_read(self, tmp_path: Path) -> None:
        write_three_folders(tmp_path / "detected", some_shots(), cuhk03_np_name)
        write_three_folders(tmp_path / "labeled", some_shots(train=(30, 31)), cuhk03_np_name)
        table = read_cuhk03("c", tmp_path, tmp_path, verify_counts=False, boxes="labelled")
        assert table.root == tmp_path / "labeled"
        with pytest.raises(UserError, match="expected 7,368 training images of 767 identities, found 12 of 2"):
            read_cuhk03("c", tmp_path, tmp_path, boxes="labelled")

    @pytest.mark.parametrize("folder", ["detected", "cuhk03-np-Detected"])
    def test_the_folder_of_the_other_version_is_refused(self, tmp_path: Path, folder: str) -> None:
        write_three_folders(tmp_path / folder, some_shots(), cuhk03_np_name)
        with pytest.raises(UserError, match=r"is the detected version by its name.*\n  Set boxes = 'detected'"):
            read_cuhk03("c", tmp_path / folder, tmp_path, verify_counts=False, boxes="labelled")
        assert read_cuhk03("c", tmp_path / folder, tmp_path, verify_counts=False).root == tmp_path / folder

    def test_another_name_is_refused(self, tmp_path: Path) -> None:
        write_three_folders(tmp_path, some_shots(), cuhk03_np_name)
        (tmp_path / "query" / "1_001_1_01.png").touch()
        with pytest.raises(UserError, match=r"expected a name like 0003_c1_21\.png \(identity 3, camera 1\)"):
            read_cuhk03("c", tmp_path, tmp_path, verify_counts=False)


@given(st.builds(Photo, st.integers(1, 9), st.integers(1, 999), st.integers(1, 2), st.integers(1, 99)))
def test_a_name_that_was_written_is_read_back(shot: Photo) -> None:
    assert photo(photo_name(shot)) == shot
    assert photo(photo_name(shot).upper()) == shot


@given(st.text(max_size=30) | st.from_regex(r"[1-9]_[0-9٣]{3}_[0-3]_[0-9]{2}\.png\n?", fullmatch=True))
def test_any_name_is_read_or_refused_without_a_crash(name: str) -> None:
    shot = photo(name)
    assert shot is None or photo_name(shot) == name.lower()


def test_a_cache_that_can_not_be_written_is_named(tmp_path: Path) -> None:
    config(release(tmp_path / "data"))
    (tmp_path / "cache").write_text("a file in the way")
    with pytest.raises(UserError, match=r"cache: can't write the photographs of c: .*\n.*set data\.cache"):
        read_cuhk03("c", tmp_path / "data", tmp_path / "cache", verify_counts=False)
