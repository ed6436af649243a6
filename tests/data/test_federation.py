"""A federation's images: prepared once, opened anywhere, the right pixels with the right labels."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fedreid.data.federation import FederationData, ImageSet, cache_paths
from fedreid.data.partition import partition
from fedreid.data.splits import write_split
from fedreid.errors import RunError, UserError
from fedreid.scenario import Scenario
from fedreid.scenario.schema import PartitionSettings
from tests.data.made_up import table

PEOPLE, CAMERAS, IMAGES = 8, 2, 3  # of each source; two of the eight people are the test set
BILLION = 1_000_000_000


def photos(root: Path, name: str, blue: int) -> None:
    """A folder for each person; an image's colour says who (red), which image (green) and which source (blue)."""
    for person in range(PEOPLE):
        folder = root / name / f"person-{person}"
        folder.mkdir(parents=True)
        for camera in range(1, CAMERAS + 1):
            for number in range(IMAGES):
                colour = (10 * person, 40 * camera + 10 * number, blue)
                Image.new("RGB", (8, 16), colour).save(folder / f"c{camera}_{number}.png")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    photos(folder, "shop", 100)
    photos(folder, "mall", 200)
    return folder


def scenario(root: Path, *names: str, cameras: bool = True, **partition: object) -> Scenario:
    source = {"format": "folder", "camera_pattern": "c([0-9]+)_" if cameras else "", "test_identities": 0.25}
    return Scenario.model_validate(
        {
            "data": {
                "root": str(root),
                "cache": str(root / "cache"),
                "image_size": [16, 16],
                "sources": {name: {**source, "path": name} for name in names or ("shop",)},
            },
            "partition": {"clients": 2, **partition},
        }
    )


def pixels(images: ImageSet) -> list[tuple[int, int, int]]:
    batch = images.batch(np.arange(len(images)))
    assert (batch == batch[:, :1, :1]).all()
    return [(int(red), int(green), int(blue)) for red, green, blue in batch[:, 0, 0]]


def test_a_prepared_federation_opens_as_the_same(root: Path, tmp_path: Path) -> None:
    prepared = FederationData.prepare(scenario(root, public_identities=2), tmp_path)
    opened = FederationData.open(tmp_path)
    assert prepared.num_clients == opened.num_clients == 2
    assert prepared.summary == opened.summary
    assert prepared.public is not None
    assert opened.public is not None
    assert pixels(prepared.public) == pixels(opened.public)
    for client in range(2):
        assert pixels(prepared.train(client)) == pixels(opened.train(client))
        assert opened.dataset(client) == "shop"


def test_every_image_is_where_its_label_says(root: Path, tmp_path: Path) -> None:
    data = FederationData.prepare(scenario(root, "shop", "mall", public_identities=4), tmp_path)
    assert data.public is not None
    sets = [data.public, *(data.train(client) for client in range(2)), *(data.held_out(client) for client in range(2))]
    everything = []
    for images in sets:
        for (red, green, blue), identity, camera in zip(pixels(images), images.identities, images.cameras, strict=True):
            source = {100: 0, 200: 1}[blue]
            assert identity // BILLION == source
            assert green // 40 == camera
            everything.append((source, identity, red, green))
        assert images.labels.tolist() == np.searchsorted(np.unique(images.identities), images.identities).tolist()
        assert images.num_identities == len(np.unique(images.identities))
    assert len(set(everything)) == len(everything) == 12 * CAMERAS * IMAGES  # each training image is used once
    reds = {identity: red for _, identity, red, _ in everything}
    assert len(set(reds.items())) == len({identity for _, identity, _, _ in everything}) == 12


def test_held_out_images_are_of_the_people_trained_on_and_cross_cameras(root: Path, tmp_path: Path) -> None:
    data = FederationData.prepare(scenario(root), tmp_path)
    for client in range(2):
        train, held_out = data.train(client), data.held_out(client)
        assert set(train.identities) == set(held_out.identities)
        assert len(held_out) == 2 * train.num_identities  # round(0.4 * 6) of each
        for identity in np.unique(held_out.identities):
            assert set(held_out.cameras[held_out.identities == identity]) == {1, 2}


def test_generic_test_sets_are_by_source(root: Path, tmp_path: Path) -> None:
    data = FederationData.prepare(scenario(root, "shop", "mall"), tmp_path)
    assert list(data.generic) == ["shop", "mall"]
    query, gallery = data.generic["mall"].sets()
    assert {blue for _, _, blue in pixels(query) + pixels(gallery)} == {200}
    assert set(query.identities) <= set(gallery.identities)
    assert len(query) + len(gallery) == 2 * CAMERAS * IMAGES
    private = {identity for client in range(2) for identity in data.train(client).identities}
    assert not private & set(gallery.identities)


def test_without_public_identities_there_is_no_public_set(root: Path, tmp_path: Path) -> None:
    data = FederationData.prepare(scenario(root), tmp_path)
    assert data.public is None
    assert "no public set: nothing to pre-train on" in data.summary["notes"]


def test_unknown_cameras_exclude_nothing_but_the_image_itself(root: Path, tmp_path: Path) -> None:
    data = FederationData.prepare(scenario(root, cameras=False), tmp_path)
    query, gallery = data.generic["shop"].sets()
    cameras = np.concatenate([query.cameras, gallery.cameras])
    assert (cameras < 0).all()
    assert len(set(cameras)) == len(cameras)


def test_a_client_of_one_camera_is_evaluated_within_it(root: Path, tmp_path: Path) -> None:
    data = FederationData.prepare(scenario(root, by="camera"), tmp_path)
    held_out = data.held_out(0)
    assert set(data.train(0).cameras) == {1}
    assert len(set(held_out.cameras)) == len(held_out)
    assert data.summary["shared_identities"] == 6
    assert "clients that see through one camera, so that personalized figures are within it: 2" in data.summary["notes"]


def test_what_is_said_of_cameras_is_about_held_out_images(root: Path, tmp_path: Path) -> None:
    wanted = scenario(root, by="camera")
    wanted = wanted.model_copy(update={"evaluation": wanted.evaluation.model_copy(update={"personalized": "test_set"})})
    notes = FederationData.prepare(wanted, tmp_path).summary["notes"]
    assert not [note for note in notes if "personalized figures" in note]


def test_an_image_that_is_trained_on_and_tested_is_told_in_the_notes(root: Path, tmp_path: Path) -> None:
    shutil.copytree(root / "shop", tmp_path / "shop")
    files = sorted((tmp_path / "shop").rglob("*.png"))
    data = FederationData.prepare(scenario(tmp_path), tmp_path / "first")
    assert not [note for note in data.summary["notes"] if "trained on" in note]
    shutil.copy(files[-1], files[0])  # people of the test set are the last or the first: one of them isn't in it
    shutil.copy(files[-1], files[len(files) // 2])
    (note,) = (
        note
        for note in FederationData.prepare(scenario(tmp_path), tmp_path / "second").summary["notes"]
        if "trained on" in note
    )
    assert note.startswith("shop: images of query and gallery that are trained on, too")


def test_the_summary_counts_by_hand(root: Path, tmp_path: Path) -> None:
    summary = FederationData.prepare(scenario(root, public_identities=2), tmp_path).summary
    assert summary["sources"]["shop"]["train"] == {"identities": 6, "images": 36, "cameras": 2}
    assert summary["public"] == {"identities": 2, "images": 12}
    assert summary["private"] == {"identities": 4, "images": 24}
    assert summary["clients"][0] == {
        "client": 0, "dataset": "shop", "identities": 2, "images": 12, "train_images": 8, "held_out_images": 4,
        "cameras": 2,
    }  # fmt: skip
    assert json.loads((tmp_path / "splits" / "data.json").read_text())["summary"] == summary


def test_progress_is_told_for_each_source(root: Path, tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    fresh = scenario(root)
    fresh = fresh.model_copy(update={"data": fresh.data.model_copy(update={"cache": str(tmp_path / "cache")})})
    FederationData.prepare(fresh, tmp_path / "run", lambda *step: told.append(step))
    assert told[0] == ("reading shop", 0, 0)
    assert told[-1][0] == "decoding shop"
    assert told[-1][1] == told[-1][2] > 0


# Resuming


def test_preparing_again_keeps_the_split(root: Path, tmp_path: Path) -> None:
    FederationData.prepare(scenario(root), tmp_path)
    before = {file.name: file.read_bytes() for file in (tmp_path / "splits").iterdir()}
    FederationData.prepare(scenario(root), tmp_path)
    assert {file.name: file.read_bytes() for file in (tmp_path / "splits").iterdir()} == before


def test_a_run_can_go_on_with_a_cache_that_moved(root: Path, tmp_path: Path) -> None:
    FederationData.prepare(scenario(root), tmp_path / "run")
    moved = scenario(root)
    moved = moved.model_copy(update={"data": moved.data.model_copy(update={"cache": str(tmp_path / "moved")})})
    FederationData.prepare(moved, tmp_path / "run")
    assert all(path.is_relative_to(tmp_path / "moved") for path in cache_paths(tmp_path / "run"))


def test_another_split_than_the_run_started_with_is_refused(root: Path, tmp_path: Path) -> None:
    FederationData.prepare(scenario(root), tmp_path)
    with pytest.raises(UserError, match=r"no longer the ones that this run started with: .*client-000\.csv"):
        FederationData.prepare(scenario(root, clients=3), tmp_path)


def test_an_image_that_is_gone_is_noticed(root: Path, tmp_path: Path) -> None:
    copy = tmp_path / "photos"
    shutil.copytree(root / "shop", copy / "shop")
    FederationData.prepare(scenario(copy), tmp_path / "run")
    (copy / "shop" / "person-1" / "c1_1.png").unlink()
    with pytest.raises(UserError, match=r"person-1/c1_1\.png|lost"):
        FederationData.prepare(scenario(copy), tmp_path / "run")


def test_an_image_with_other_content_is_noticed(root: Path, tmp_path: Path) -> None:
    copy = tmp_path / "photos"
    shutil.copytree(root / "shop", copy / "shop")
    FederationData.prepare(scenario(copy), tmp_path / "run")
    Image.new("RGB", (8, 16), (250, 250, 250)).save(copy / "shop" / "person-1" / "c1_1.png")
    with pytest.raises(UserError, match="the images of shop have other content than when this run started"):
        FederationData.prepare(scenario(copy), tmp_path / "run")


# Where something is missing


def test_a_skipped_bad_image_shifts_no_label(root: Path, tmp_path: Path) -> None:
    copy = tmp_path / "photos"
    shutil.copytree(root / "shop", copy / "shop")
    bad = copy / "shop" / "person-1" / "c1_1.png"
    bad.write_bytes(bad.read_bytes()[:40])
    with pytest.raises(UserError, match=r"c1_1\.png"):
        FederationData.prepare(scenario(copy), tmp_path / "run")
    wanted = scenario(copy)
    wanted = wanted.model_copy(update={"data": wanted.data.model_copy(update={"skip_bad_images": True})})
    data = FederationData.prepare(wanted, tmp_path / "run")
    assert [text.partition(":")[0] for text in data.summary["bad_images"]] == ["shop"]
    clients = [images for client in range(2) for images in (data.train(client), data.held_out(client))]
    sets = [*clients, *data.generic["shop"].sets()]
    assert sum(map(len, sets)) == PEOPLE * CAMERAS * IMAGES - 1
    colours = {
        (red, who) for images in sets for (red, _, _), who in zip(pixels(images), images.identities, strict=True)
    }
    assert len(colours) == PEOPLE


def test_a_missing_cache_is_named(root: Path, tmp_path: Path) -> None:
    FederationData.prepare(scenario(root), tmp_path)
    (path,) = cache_paths(tmp_path)
    index = tmp_path / "splits" / "data.json"
    index.write_text(index.read_text().replace(str(path), "/nowhere/cache"))
    with pytest.raises(
        UserError, match="/nowhere/cache: no such folder; the decoded images of shop are expected there"
    ):
        FederationData.open(tmp_path)


def test_a_missing_run_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="gone: no such folder"):
        FederationData.open(tmp_path / "gone")
    with pytest.raises(UserError, match="splits: no such folder"):
        FederationData.open(tmp_path)


def test_a_broken_index_is_named(tmp_path: Path) -> None:
    (tmp_path / "splits").mkdir()
    (tmp_path / "splits" / "data.json").write_text("{")
    with pytest.raises(UserError, match=r"data\.json: not the description of a run's data"):
        FederationData.open(tmp_path)


def test_a_run_folder_that_cannot_be_written_is_an_error_of_the_run(root: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="the split can't be written"):
        FederationData.prepare(scenario(root), tmp_path / "file")


def test_half_a_split_is_written_again(root: Path, tmp_path: Path) -> None:
    FederationData.prepare(scenario(root), tmp_path)
    (tmp_path / "splits" / "data.json").unlink()
    (tmp_path / "splits" / "client-000.csv").write_text("")
    assert len(FederationData.prepare(scenario(root), tmp_path).train(0)) > 0


def test_opening_a_thousand_clients_reads_none_of_them(tmp_path: Path) -> None:
    many = {"site": table("site", people=10_000, cameras=5, images=1, test_people=0)}
    folder = tmp_path / "splits"
    folder.mkdir()
    write_split(partition(many, PartitionSettings(clients=1000), 0), folder)
    index = {"clients": 1000, "datasets": ["site"] * 1000, "caches": {}, "summary": {}}
    (folder / "data.json").write_text(json.dumps(index))
    (folder / "client-999.csv").write_text("broken")
    data = FederationData.open(tmp_path)
    assert data.num_clients == 1000
    with pytest.raises(UserError, match="client-999"):
        data.train(999)
