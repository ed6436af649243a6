"""What a run keeps for its report: the same on both engines and after a resume, and no pixel where none may be kept."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

import fedreid
from tests.federation.conftest import Finished
from tests.federation.runs import SHORT


def examples(run_dir: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in (run_dir / "examples").iterdir()}


def rows(run_dir: Path, name: str) -> list[dict[str, str]]:
    with (run_dir / name).open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_engines_agree_and_so_does_a_run_stopped_after_its_last_round(
    finished: Finished, scenario: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from server.references import References

    def stop(self: References, *_: object) -> None:
        raise KeyboardInterrupt

    serial, out = finished(*SHORT), tmp_path / "ray"
    with monkeypatch.context() as patch:
        patch.setattr(References, "complete", stop)
        with pytest.raises(fedreid.Interrupted):
            fedreid.run(scenario, out=out, overrides=SHORT, engine="ray")
    assert examples(fedreid.resume(out).run_dir) == examples(serial.run_dir)
    assert set(examples(serial.run_dir)) == {"tiny.lists.csv", "tiny.map.csv", "tiny.npz"}
    assert "What it finds" in (out / "report.html").read_text()


def test_lists_agree_with_the_scores_of_the_queries(finished: Finished) -> None:
    """Three test people, each a query by two cameras, with two gallery images by each: two matches for a query."""
    run_dir = finished(*SHORT).run_dir
    lists, scores = rows(run_dir, "examples/tiny.lists.csv"), rows(run_dir, "queries/tiny.csv")
    queries = [row for row in lists if row["place"] == "0"]
    assert len(queries) == 6, "all there are"
    aps = [float(row["AP"]) for row in queries]
    assert aps == sorted(float(row["AP"]) for row in scores)
    for query in queries:
        found = [row for row in lists if row["list"] == query["list"] and row["place"] != "0"]
        assert len(found) == 10, "12 gallery images without two by the query's camera"
        right = [number for number, row in enumerate(found, start=1) if row["is_right"] == "1"]
        assert sum(place / rank for place, rank in enumerate(right, start=1)) / 2 == pytest.approx(float(query["AP"]))
        same = [row for row in found if row["identity"] == query["identity"]]
        assert [row["is_right"] for row in same] == ["1", "1"]
        assert all(row["camera"] != query["camera"] for row in same)
        assert int(query["path"].split("/")[1].split("_")[0]) == int(query["identity"])


def test_pictures_are_the_cached_images_and_embeddings_those_of_the_people_on_the_map(finished: Finished) -> None:
    run_dir = finished(*SHORT).run_dir
    kept = np.load(run_dir / "examples" / "tiny.npz")
    lists, people = rows(run_dir, "examples/tiny.lists.csv"), rows(run_dir, "examples/tiny.map.csv")
    assert kept["pictures"].shape == (len(lists), 32, 16, 3)
    assert kept["embeddings"].shape == (len(people), 16) == (18, 16)
    assert np.linalg.norm(kept["embeddings"], axis=1) == pytest.approx(1, abs=1e-5)
    pictures: dict[str, np.ndarray] = {}
    for row, picture in zip(lists, kept["pictures"], strict=True):
        assert np.array_equal(pictures.setdefault(row["path"], picture), picture), "an image has one picture"
    test = fedreid_images(run_dir)
    assert all(np.array_equal(picture, test[path]) for path, picture in pictures.items())


def fedreid_images(run_dir: Path) -> dict[str, np.ndarray]:
    """The cached image of each path of the test set, by the split's rows."""
    from fedreid.data.cache import open_cache
    from fedreid.data.federation import cache_paths

    (cache,) = cache_paths(run_dir)
    pixels = open_cache(cache)
    return {row["path"]: np.asarray(pixels[int(row["row"])]) for row in rows(run_dir, "splits/generic-tiny.csv")}


def test_without_images_no_pixel_leaves_the_cache_and_the_numbers_are_the_same(
    finished: Finished, scenario: Path, tmp_path: Path
) -> None:
    overrides = (*SHORT, "report.images=false", "report.ranks=3", "report.ranked_lists=2")
    plain = fedreid.run(scenario, out=tmp_path / "plain", overrides=overrides)
    assert np.load(tmp_path / "plain" / "examples" / "tiny.npz").files == ["embeddings"]
    assert "data:image" not in (tmp_path / "plain" / "report.html").read_text()
    assert "Pictures are left out" in (tmp_path / "plain" / "report.html").read_text()
    assert len(rows(plain.run_dir, "examples/tiny.lists.csv")) == 2 * (1 + 3)
    for name in ("metrics.csv", "queries/tiny.csv", "model.safetensors"):
        assert (plain.run_dir / name).read_bytes() == (finished(*SHORT).run_dir / name).read_bytes()


def test_none_are_kept_where_none_are_wanted(scenario: Path, tmp_path: Path) -> None:
    overrides = (*SHORT, "report.ranked_lists=0", "report.embedding_identities=0")
    fedreid.run(scenario, out=tmp_path / "run", overrides=overrides)
    assert not (tmp_path / "run" / "examples").exists()
