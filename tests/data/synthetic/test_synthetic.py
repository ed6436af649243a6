"""Synthetic pedestrians: the same everywhere, in Market-1501's layout, and telling people and sites apart."""

from __future__ import annotations

import errno
import multiprocessing
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fedreid.data.synthetic import source as synthetic
from fedreid.data.synthetic.body import Pose
from fedreid.data.synthetic.cameras import camera
from fedreid.data.synthetic.figure import Figure
from fedreid.data.synthetic.people import Person, habits, person
from fedreid.data.synthetic.source import read_synthetic, shots
from fedreid.data.tables import ImageTable
from fedreid.errors import RunError
from fedreid.scenario.source_schema import SyntheticSource


def source(**settings: int) -> SyntheticSource:
    small = {"identities": 5, "test_identities": 3, "cameras": 3, "images_per_camera": 3}
    return SyntheticSource(format="synthetic", **(small | settings))


def contents(table: ImageTable) -> dict[str, bytes]:
    return {path: (table.root / path).read_bytes() for path in table.frame["path"]}


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> ImageTable:
    return read_synthetic("site", source(), tmp_path_factory.mktemp("cache"))


def test_the_layout_is_market1501s(table: ImageTable) -> None:
    folders = {"train": "bounding_box_train", "query": "query", "gallery": "bounding_box_test"}
    assert all(
        path.startswith(folders[split]) for path, split in zip(table.frame["path"], table.frame["split"], strict=True)
    )
    with Image.open(table.root / table.frame["path"].iloc[0]) as image:
        assert (image.format, image.size) == ("JPEG", (64, 128))


def test_each_test_person_has_a_query_on_each_camera_and_matches_on_another(table: ImageTable) -> None:
    query, gallery = (table.frame[table.frame["split"] == split] for split in ("query", "gallery"))
    assert sorted(query["identity"].unique()) == [6, 7, 8]
    assert not query.duplicated(["identity", "camera"]).any()
    for identity, rows in query.groupby("identity"):
        assert len(rows) >= 2
        found = gallery[gallery["identity"] == identity]
        assert found.groupby("camera").size().to_dict() == dict.fromkeys(rows["camera"], 2)
    assert (gallery["identity"] == 0).sum() == 3


def test_training_people_are_others_with_the_asked_images_per_camera(table: ImageTable) -> None:
    train = table.frame[table.frame["split"] == "train"]
    assert sorted(train["identity"].unique()) == [1, 2, 3, 4, 5]
    assert set(train.groupby(["identity", "camera"]).size()) == {3}
    assert train.groupby("identity")["camera"].nunique().between(2, 3).all()


def test_one_image_per_camera_still_leaves_something_to_find() -> None:
    plan = [shot for shot in shots(source(images_per_camera=1)) if shot.identity > 5]
    folders = [shot.folder for shot in plan]
    assert folders.count("query") == folders.count("bounding_box_test") > 0


def test_a_site_without_test_people_is_for_training_only(tmp_path: Path) -> None:
    table = read_synthetic("site", source(identities=2, test_identities=0, cameras=1), tmp_path)
    assert set(table.frame["split"]) == {"train"}


def test_the_same_settings_give_the_same_files_with_any_number_of_processes(
    table: ImageTable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(synthetic, "SMALL", 0)
    monkeypatch.setattr(synthetic, "BATCH", 1)
    assert contents(read_synthetic("site", source(), tmp_path, workers=2)) == contents(table)


def test_more_people_leave_the_first_ones_as_they_are(table: ImageTable, tmp_path: Path) -> None:
    more = contents(read_synthetic("site", source(identities=7, test_identities=0), tmp_path))
    for path, content in contents(table).items():
        if path.startswith("bounding_box_train"):
            assert more[path] == content


def test_it_is_rendered_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = source(identities=2, test_identities=0)
    first = read_synthetic("site", small, tmp_path)
    monkeypatch.setattr(synthetic, "photograph", lambda *_: pytest.fail("rendered again"))
    assert contents(read_synthetic("site", small, tmp_path)) == contents(first)


def test_seed_and_domain_change_the_pictures(table: ImageTable, tmp_path: Path) -> None:
    for changed in (source(seed=1), source(domain=1)):
        other = contents(read_synthetic("site", changed, tmp_path))
        same_path = contents(table).keys() & other.keys()
        assert same_path
        assert all(other[path] != contents(table)[path] for path in same_path)


def _read(cache: str, gate: Callable[[], object], results: multiprocessing.Queue[int]) -> None:
    gate()
    results.put(len(read_synthetic("site", source(), Path(cache), workers=1).frame))


def test_two_processes_may_render_at_once(table: ImageTable, tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    results: multiprocessing.Queue[int] = context.Queue()
    gate = context.Barrier(2)
    processes = [context.Process(target=_read, args=(str(tmp_path), gate.wait, results)) for _ in range(2)]
    for process in processes:
        process.start()
    assert [results.get(timeout=60) for _ in processes] == [len(table.frame)] * 2
    for process in processes:
        process.join()
        assert process.exitcode == 0
    assert len(list((tmp_path / "synthetic").iterdir())) == 1  # no draft is left


def test_a_full_disk_is_one_clear_error_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(RunError, match="can't write the synthetic pedestrians of site: No space left") as found:
        read_synthetic("site", source(), tmp_path)
    assert "data.cache" in str(found.value)
    assert list((tmp_path / "synthetic").iterdir()) == []


def test_sites_dress_for_their_weather() -> None:
    """Site 0 is warm and site 1 cold: more bare arms in one, more scarves and dark clothes in the other."""

    def crowd(domain: int) -> list[Person]:
        return [person(np.random.default_rng([5, number]), number, domain) for number in range(150)]

    warm, cold = crowd(0), crowd(1)
    assert habits(0).warmth > habits(1).warmth
    bare = [sum(someone.sleeves != "long" for someone in people) for people in (warm, cold)]
    scarves = [sum(someone.scarf is not None for someone in people) for people in (warm, cold)]
    light = [np.mean([someone.upper for someone in people]) for people in (warm, cold)]
    assert bare[0] > 1.5 * bare[1]
    assert scarves[0] < scarves[1]
    assert light[0] > light[1]


def test_people_share_ways_to_dress_but_are_not_the_same() -> None:
    people = [person(np.random.default_rng([6, number]), 0, 0) for number in range(60)]
    nearest = [
        min(np.abs(np.subtract(one.upper, other.upper)).max() for other in people if other is not one) for one in people
    ]
    assert np.median(nearest) < 25  # of 255: somebody else wears nearly the same colour
    assert len({(one.upper, one.hair, one.shoes) for one in people}) == len(people)


def test_cameras_of_a_site_differ() -> None:
    first, second = camera(0, 0, 1), camera(0, 0, 2)
    assert not np.array_equal(first.scene, second.scene)
    assert first.noise != second.noise
    assert not np.allclose(first.gains, second.gains)


class TestFigure:
    """What can be seen of a person from each side."""

    @staticmethod
    def seen(turn: float, **details: object) -> np.ndarray:
        """uint8 (256, 128, 4)"""
        base = person(np.random.default_rng(1), 0, 0)
        plain = {
            "bag": "none", "pattern": "plain", "haircut": "short", "scarf": None,
            "upper": (0, 0, 200), "sleeves": "long", "sleeve_colour": (0, 0, 200), "hem": 0.52,
            "lower": "trousers", "lower_colour": (0, 200, 0), "skin": (200, 150, 100), "hair": (20, 20, 20),
        }  # fmt: skip
        someone = Person(**(vars(base) | plain | details))
        pose = Pose(turn=turn, phase=0.5, swing=1.0, elbow=0.2)
        return np.asarray(Figure(someone, pose, (128, 256), centre=64, top=10, height=236, tilt=0.0).draw())

    @staticmethod
    def area(image: np.ndarray, colour: tuple[int, int, int]) -> int:
        return int((np.abs(image[..., :3].astype(int) - colour).max(axis=2) < 3).sum())

    def test_a_backpack_is_seen_from_behind_and_from_the_side(self) -> None:
        red = (250, 0, 0)
        front, side, back = (
            self.area(self.seen(turn, bag="backpack", bag_colour=red), red) for turn in (0.0, np.pi / 2, np.pi)
        )
        assert back > 1.5 * side > 0
        assert side > front

    def test_a_face_is_seen_from_the_front(self) -> None:
        heads = [self.area(self.seen(turn)[:40], (200, 150, 100)) for turn in (0.0, np.pi)]
        assert heads[0] > 5 * heads[1]

    def test_an_open_jacket_shows_the_shirt_from_the_front_only(self) -> None:
        yellow = (250, 250, 0)
        front, back = (self.area(self.seen(turn, pattern="open", second=yellow), yellow) for turn in (0.0, np.pi))
        assert front > 500
        assert back == 0

    def test_a_body_is_narrower_from_the_side(self) -> None:
        widths = [(self.seen(turn)[60:110, :, 3] > 0).any(axis=0).sum() for turn in (0.0, np.pi / 2)]
        assert widths[1] < widths[0]

    def test_shorts_show_legs(self) -> None:
        legs = [
            self.area(self.seen(0.0, lower=lower, lower_end=0.65)[150:], (200, 150, 100))
            for lower in ("shorts", "trousers")
        ]
        assert legs[0] > legs[1]
