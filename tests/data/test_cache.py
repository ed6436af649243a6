"""The cache of decoded images: built once, shared, refused when it can't be trusted."""

from __future__ import annotations

import errno
import multiprocessing
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from fedreid.data import cache_entry
from fedreid.data.cache import ImageCache, build_cache, open_cache
from fedreid.data.tables import ImageTable, image_table
from fedreid.errors import RunError, UserError
from tests.data.pictures import HEIGHT, WIDTH, pixels, save, table_of

SIZE = (HEIGHT, WIDTH)


def entries(folder: Path) -> list[Path]:
    return [path for path in (folder / "decoded").iterdir() if path.name != "stamps"]


def refuse_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise AssertionError("an image was decoded again")

    monkeypatch.setattr(cache_entry, "decode", fail)


def refuse_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise AssertionError("an image was read again")

    monkeypatch.setattr("fedreid.data.cache.digest_of_file", fail)


@settings(max_examples=12, deadline=None)
@given(numbers=st.lists(st.integers(0, 10**6), min_size=1, max_size=9), workers=st.sampled_from([0, 1]))
def test_what_goes_in_comes_out(tmp_path_factory: pytest.TempPathFactory, numbers: list[int], workers: int) -> None:
    root = tmp_path_factory.mktemp("site")
    files = [f"{place:02d}.png" for place in range(len(numbers))]
    for file, number in zip(files, numbers, strict=True):
        save(root / file, number)
    table = image_table("site", root, [(file, 1, 1, "train") for file in files])
    cache = build_cache(table, SIZE, root / "cache", workers=workers)
    np.testing.assert_array_equal(cache.images, np.stack([pixels(number) for number in numbers]))
    np.testing.assert_array_equal(open_cache(cache.path), cache.images)
    assert cache.images.dtype == np.uint8
    assert isinstance(cache.images, np.memmap)
    assert cache.table.frame.equals(table.frame)
    assert cache.bad_images == ()


def test_several_processes_give_the_same_as_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache_entry, "SMALL", 0)
    monkeypatch.setattr(cache_entry, "CHUNK", 7 * 32 * 16 * 3)
    table = table_of(tmp_path, 40, ".jpg")
    told: list[tuple[int, int]] = []
    parallel = build_cache(table, SIZE, tmp_path / "a", workers=2, on_progress=lambda *done: told.append(done))
    alone = build_cache(table, SIZE, tmp_path / "b", workers=1)
    np.testing.assert_array_equal(parallel.images, alone.images)
    assert parallel.path.name == alone.path.name
    assert told[-1] == (40, 40)
    assert [done for done, _ in told] == sorted(done for done, _ in told)


def test_a_second_run_reads_no_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = table_of(tmp_path, 6)
    first = build_cache(table, SIZE, tmp_path / "cache")
    refuse_decoding(monkeypatch)
    refuse_reading(monkeypatch)
    again = build_cache(table, SIZE, tmp_path / "cache", on_progress=lambda *_: pytest.fail("nothing to do"))
    assert again.path == first.path
    np.testing.assert_array_equal(again.images, first.images)


def test_a_copy_of_the_dataset_shares_the_entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = table_of(tmp_path / "here", 6)
    shutil.copytree(tmp_path / "here", tmp_path / "there")
    first = build_cache(table, SIZE, tmp_path / "cache")
    refuse_decoding(monkeypatch)
    copy = ImageTable("copy", tmp_path / "there", table.frame)
    assert build_cache(copy, SIZE, tmp_path / "cache").path == first.path


def test_a_changed_image_is_noticed_even_with_its_old_time_and_size(tmp_path: Path) -> None:
    table = table_of(tmp_path, 4)
    file = tmp_path / "images" / "0002.png"
    os.truncate(file, 4000)  # bytes after a PNG's end mean nothing
    build_cache(table, SIZE, tmp_path / "cache")
    before = file.stat()
    Image.fromarray(pixels(99)).save(file)
    os.truncate(file, 4000)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    np.testing.assert_array_equal(build_cache(table, SIZE, tmp_path / "cache").images[2], pixels(99))


def test_order_and_image_size_make_their_own_entries(tmp_path: Path) -> None:
    table = table_of(tmp_path, 4)
    backwards = ImageTable("site", tmp_path, table.frame.iloc[::-1].reset_index(drop=True))
    caches = [build_cache(each, size, tmp_path / "cache") for each in (table, backwards) for size in (SIZE, (8, 4))]
    assert len({cache.path for cache in caches}) == 4
    assert [cache.images.shape[1:] for cache in caches[:2]] == [(HEIGHT, WIDTH, 3), (8, 4, 3)]
    np.testing.assert_array_equal(caches[2].images, caches[0].images[::-1])


class TestBadImages:
    @pytest.fixture
    def table(self, tmp_path: Path) -> ImageTable:
        table = table_of(tmp_path, 6)
        whole = (tmp_path / "images/0001.png").read_bytes()
        (tmp_path / "images/0001.png").write_bytes(whole[: len(whole) // 2])
        (tmp_path / "images/0004.png").write_bytes(b"not an image")
        return table

    def test_stops_with_the_files_name_and_the_remedy(self, table: ImageTable, tmp_path: Path) -> None:
        with pytest.raises(UserError) as found:
            build_cache(table, SIZE, tmp_path / "cache")
        assert str(found.value).startswith(f"{tmp_path}/images/0001.png: can't be decoded: ")
        assert "(and 1 more)" in str(found.value)
        assert "data.skip_bad_images = true" in str(found.value)
        assert entries(tmp_path / "cache") == []

    def test_or_leaves_them_out_and_lists_them(self, table: ImageTable, tmp_path: Path) -> None:
        cache = build_cache(table, SIZE, tmp_path / "cache", skip_bad_images=True)
        self.check(cache)

    def test_and_so_does_the_cache_when_it_is_opened_again(
        self, table: ImageTable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        build_cache(table, SIZE, tmp_path / "cache", skip_bad_images=True)
        refuse_decoding(monkeypatch)
        self.check(build_cache(table, SIZE, tmp_path / "cache", skip_bad_images=True))
        with pytest.raises(UserError, match=r"0001\.png: can't be decoded"):
            build_cache(table, SIZE, tmp_path / "cache")

    def test_and_leaves_them_out_of_every_draw(self, table: ImageTable, tmp_path: Path) -> None:
        drawn = replace(table, draws=(table.frame.iloc[:3], table.frame.iloc[3:]))
        first, second = build_cache(drawn, SIZE, tmp_path / "cache", skip_bad_images=True).table.draws
        assert [*first["path"], *second["path"]] == [f"images/{number:04d}.png" for number in (0, 2, 3, 5)]

    def test_nothing_but_bad_images_is_an_error(self, tmp_path: Path) -> None:
        table = table_of(tmp_path, 1)
        (tmp_path / "images/0000.png").write_bytes(b"not an image")
        with pytest.raises(UserError, match="site: none of the 1 images can be decoded"):
            build_cache(table, SIZE, tmp_path / "cache", skip_bad_images=True)

    @staticmethod
    def check(cache: ImageCache) -> None:
        np.testing.assert_array_equal(cache.images, np.stack([pixels(number) for number in (0, 2, 3, 5)]))
        assert list(cache.table.frame["path"]) == [f"images/{number:04d}.png" for number in (0, 2, 3, 5)]
        assert [text.split(":")[0] for text in cache.bad_images] == ["images/0001.png", "images/0004.png"]


def _build(root: str, gate: Callable[[], object], results: multiprocessing.Queue[str]) -> None:
    gate()
    table = table_of_existing(Path(root))
    results.put(str(build_cache(table, SIZE, Path(root) / "cache", workers=1).path))


def table_of_existing(root: Path) -> ImageTable:
    files = sorted(path.relative_to(root).as_posix() for path in (root / "images").iterdir())
    return image_table("site", root, [(file, 1, 1, "train") for file in files])


def test_two_processes_may_build_at_once(tmp_path: Path) -> None:
    table_of(tmp_path, 150)
    context = multiprocessing.get_context("spawn")
    results: multiprocessing.Queue[str] = context.Queue()
    gate = context.Barrier(2)
    processes = [context.Process(target=_build, args=(str(tmp_path), gate.wait, results)) for _ in range(2)]
    for process in processes:
        process.start()
    paths = {results.get(timeout=60) for _ in processes}
    for process in processes:
        process.join()
        assert process.exitcode == 0
    assert len(paths) == 1
    assert [str(path) for path in entries(tmp_path / "cache")] == list(paths)  # no draft is left
    np.testing.assert_array_equal(open_cache(Path(paths.pop()))[7], pixels(7))


def test_who_comes_second_takes_the_firsts_entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = table_of(tmp_path, 3)
    first = build_cache(table, SIZE, tmp_path / "cache")
    inode = (first.path / "images.npy").stat().st_ino
    monkeypatch.setattr(Path, "is_dir", _once_false(first.path, Path.is_dir))
    second = build_cache(table, SIZE, tmp_path / "cache")
    assert (second.path / "images.npy").stat().st_ino == inode
    assert entries(tmp_path / "cache") == [first.path]


def _once_false(path: Path, is_dir: Callable[[Path], bool]) -> Callable[[Path], bool]:
    """`is_dir`, but the first time it is asked about `path` it says no, as before another run made it."""
    asked: list[Path] = []

    def answer(self: Path) -> bool:
        if self == path and not asked:
            asked.append(self)
            return False
        return is_dir(self)

    return answer


def test_a_full_disk_is_one_clear_error_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    table = table_of(tmp_path, 4)
    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(
        RunError, match=r"/cache: can't write the decoded images of site \(0 MB\): No space left"
    ) as found:
        build_cache(table, SIZE, tmp_path / "cache")
    assert "data.cache (or FEDREID_CACHE)" in str(found.value)
    assert entries(tmp_path / "cache") == []


def test_a_folder_that_cannot_be_made_is_one_clear_error(tmp_path: Path) -> None:
    table = table_of(tmp_path, 2)
    (tmp_path / "file").touch()
    with pytest.raises(
        UserError, match=r"/file: can't write the decoded images of site .*: (Not a directory|File exists)"
    ):
        build_cache(table, SIZE, tmp_path / "file")


def test_no_images_at_all_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="site: there are no images"):
        build_cache(image_table("site", tmp_path, []), SIZE, tmp_path / "cache")


def test_an_entry_that_is_gone_or_damaged_says_what_to_do(tmp_path: Path) -> None:
    cache = build_cache(table_of(tmp_path, 3), SIZE, tmp_path / "cache")
    path = cache.path
    del cache
    with (path / "images.npy").open("r+b") as stream:
        stream.truncate(200)
    with pytest.raises(UserError, match=r"images\.npy is damaged .*\n  Remove the folder"):
        open_cache(path)
    with pytest.raises(UserError, match="the decoded images are gone"):
        open_cache(tmp_path / "nowhere")


def test_an_image_that_changes_while_it_is_read_stops_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the look at sizes and times, which are noted with the content, and the reading of that content."""
    table = table_of(tmp_path, 3)

    def late(*given: object, **options: object) -> object:
        save(tmp_path / "images" / "0001.png", 99)
        return cache_entry.build_entry(*given, **options)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr("fedreid.data.cache.build_entry", late)
        with pytest.raises(UserError, match=f"{tmp_path}: images changed while they were read. Try again"):
            build_cache(table, SIZE, tmp_path / "cache")
    np.testing.assert_array_equal(build_cache(table, SIZE, tmp_path / "cache").images[1], pixels(99))


def test_an_image_that_changes_after_it_was_read_is_read_again_the_next_time(tmp_path: Path) -> None:
    table = table_of(tmp_path, 3)
    build_cache(table, SIZE, tmp_path / "cache", on_progress=lambda *_: save(tmp_path / "images" / "0001.png", 99))
    np.testing.assert_array_equal(build_cache(table, SIZE, tmp_path / "cache").images[1], pixels(99))


def test_a_dataset_that_is_new_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By decoding: files of other sizes than any entry's can't be a copy of one."""
    refuse_reading(monkeypatch)
    build_cache(table_of(tmp_path / "a", 5), SIZE, tmp_path / "cache")
    cache = build_cache(table_of(tmp_path / "b", 6), SIZE, tmp_path / "cache")
    assert len(entries(tmp_path / "cache")) == 2
    np.testing.assert_array_equal(cache.images[5], pixels(5))


def test_files_of_the_same_sizes_need_not_be_a_copy(tmp_path: Path) -> None:
    table = table_of(tmp_path / "a", 3)
    other = table_of(tmp_path / "b", 3)
    save(tmp_path / "b" / "images" / "0001.png", 7)
    for root in (tmp_path / "a", tmp_path / "b"):
        os.truncate(root / "images" / "0001.png", 4000)  # bytes after a PNG's end mean nothing
    first, second = (build_cache(each, SIZE, tmp_path / "cache") for each in (table, other))
    assert first.path != second.path
    np.testing.assert_array_equal(second.images[1], pixels(7))


def test_drafts_of_killed_runs_are_removed_after_a_day(tmp_path: Path) -> None:
    old, new = (tmp_path / "cache" / "decoded" / f".{name}.tmp" for name in ("old", "new"))
    old.mkdir(parents=True)
    new.mkdir()
    os.utime(old, (0, 0))
    build_cache(table_of(tmp_path, 2), SIZE, tmp_path / "cache")
    assert not old.exists()
    assert new.exists()
