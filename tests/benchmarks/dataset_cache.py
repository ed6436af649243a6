"""The cache of decoded images: how fast it is made, opened and read, and what a worker needs to use it.

Making it is compared with Pillow alone: the same files opened, decoded and resized by as many processes, without
reading for a hash, noticing bad files, writing or flushing. Both sides start their processes within the time.

Run with: python -m tests.benchmarks.dataset_cache (about 3 minutes on 2 idle cores; --quick: a try, without worth)
"""

from __future__ import annotations

import io
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from fedreid.data.cache import build_cache, open_cache
from fedreid.data.federation import FederationData
from fedreid.data.formats.market1501 import read_market1501
from fedreid.data.image_digests import DIGESTS
from fedreid.data.image_set import ImageSet
from fedreid.data.overlap import refuse_shared_images
from fedreid.data.tables import ImageTable, image_table
from fedreid.data.workers import usable_cores
from fedreid.scenario.load import load_scenario
from tests.benchmarks.pillow_alone import pillow_alone, pixels_by_pillow
from tests.benchmarks.tools import resident_bytes, say, table, write_result

Size = tuple[int, int]

QUICK = "--quick" in sys.argv
SHRINK = 10 if QUICK else 1
# What is decoded: width and height of the JPEGs, how many, and height and width in the cache.
KINDS: dict[str, tuple[Size, int, Size]] = {
    "64 x 128 to 64 x 128": ((64, 128), 16_000 // SHRINK, (128, 64)),
    "64 x 128 to 128 x 256": ((64, 128), 6_000 // SHRINK, (256, 128)),
    "300 x 600 to 128 x 256": ((300, 600), 3_000 // SHRINK, (256, 128)),
}
REPEATS = 1 if QUICK else 4
DISTINCT = 100  # pictures; all other files hold the bytes of one of them
BATCH, BATCHES, TURNS = 64, 30, 3
FEW, MANY = 10_000 // SHRINK, 100_000 // SHRINK
OF_A_PERSON, PEOPLE_OF_A_CLIENT = 20, 50
TARGET_DECODING, TARGET_OPENING, TARGET_BATCHES, TARGET_GROWTH = 0.9, 0.3, 10.0, 5.0  # share, seconds, times, MB
SCENARIO = """
name = "dataset-cache"
[data]
image_size = [32, 16]
cache = "{cache}"
[data.sources.market]
format = "market1501"
path = "{folder}"
verify_counts = false
[partition]
clients = {clients}
identities_per_client = {people}
"""


def jpeg(width: int, height: int, number: int) -> bytes:
    """A picture with coarse shapes and fine noise, as large in bytes as photographs of its size."""
    rng = np.random.default_rng(number)
    shapes = Image.fromarray(rng.integers(0, 255, (height // 8, width // 8, 3), dtype=np.uint8))
    smooth = np.asarray(shapes.resize((width, height), Image.Resampling.BICUBIC)).astype(np.int64)
    noisy = (smooth + rng.integers(-12, 12, smooth.shape)).clip(0, 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(noisy).save(file, "JPEG", quality=90)
    return file.getvalue()


def dataset(folder: Path, size: Size, count: int) -> ImageTable:
    """So many JPEG files, and their table."""
    folder.mkdir()
    pictures = [jpeg(*size, number) for number in range(DISTINCT)]
    for number in range(count):
        (folder / f"{number:06d}.jpg").write_bytes(pictures[number % DISTINCT])
    rows = [(f"{number:06d}.jpg", number // OF_A_PERSON, number % 6 + 1, "train") for number in range(count)]
    return image_table("photos", folder, rows)


def seconds(work: Callable[[], object]) -> float:
    """How long it takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def decoding(images: ImageTable, size: Size, folder: Path) -> tuple[float, float]:
    """Images per second of Pillow alone and of making the cache: medians of runs in turn."""
    paths = [f"{images.root}/{path}" for path in images.frame["path"]]
    alone, ours = [], []
    for _ in range(1 + REPEATS):
        alone.append(seconds(lambda: pillow_alone(paths, size)))
        # The last round's pixels go only now, and the first round warms up: a virtual machine gets memory from its
        # host page by page, which takes longer than decoding, and gives back what is unused for a second or two.
        shutil.rmtree(folder, ignore_errors=True)
        ours.append(seconds(lambda: build_cache(images, size, folder)))
    return len(paths) / statistics.median(alone[1:]), len(paths) / statistics.median(ours[1:])


def batches(images: ImageTable, size: Size, folder: Path) -> tuple[float, float]:
    """Seconds per batch of a client's images in random order: decoded by Pillow, and out of the cache."""
    cache = open_cache(build_cache(images, size, folder).path)
    rows = np.sort(np.random.default_rng(0).choice(len(cache), len(cache) // 4, replace=False))
    said = (images.frame[column].to_numpy()[rows] for column in ("identity", "camera"))
    client = ImageSet([cache], np.zeros(len(rows), np.int64), rows, *said)
    paths = [f"{images.root}/{images.frame['path'].iloc[row]}" for row in rows]
    order = np.random.default_rng(1).permutation(len(rows))
    chosen = [order.take(np.arange(first, first + BATCH), mode="wrap") for first in range(0, BATCHES * BATCH, BATCH)]
    alone, ours = _with_pillow(paths, size, chosen[0]), client.batch(chosen[0])
    assert np.array_equal(alone, ours), "the cache holds other pixels: the figures mean nothing"
    taken: list[list[float]] = [[], []]
    for turn in np.array_split(np.arange(BATCHES), TURNS):
        for work, times in zip((partial(_with_pillow, paths, size), client.batch), taken, strict=True):
            times += [seconds(partial(work, chosen[number])) for number in turn]
    return statistics.median(taken[0]), statistics.median(taken[1])


def _with_pillow(paths: list[str], size: Size, chosen: np.ndarray) -> np.ndarray:
    return np.stack([pixels_by_pillow(paths[place], size) for place in chosen])


def market(folder: Path, count: int, first: int = 0) -> None:
    """So many images in Market-1501's layout, by links to a few files of pictures from number `first` on."""
    originals = [folder / f"original-{number}.jpg" for number in range(DISTINCT)]
    for part in ("bounding_box_train", "query", "bounding_box_test"):
        (folder / part).mkdir(parents=True)
    for number, original in enumerate(originals):
        original.write_bytes(jpeg(16, 32, first + number))
    for number in range(count):
        name = f"{number // OF_A_PERSON + 1:05d}_c{number % 6 + 1}s1_{number:06d}_00.jpg"
        (folder / "bounding_box_train" / name).hardlink_to(originals[number % DISTINCT])


def federation(folder: Path, count: int) -> Path:
    """A prepared run with so many images, and always as many for one client."""
    market(folder / "market", count)
    clients = count // (OF_A_PERSON * PEOPLE_OF_A_CLIENT)
    text = SCENARIO.format(cache=folder / "cache", folder=folder / "market", clients=clients, people=PEOPLE_OF_A_CLIENT)
    (folder / "scenario.toml").write_text(text)
    FederationData.prepare(load_scenario(folder / "scenario.toml").scenario, folder / "run")
    return folder / "run"


def worker_main(run: Path) -> None:
    """What a worker does with one client, in a process of its own; prints seconds and bytes."""
    started = time.perf_counter()
    data = FederationData.open(run)
    opened = time.perf_counter() - started
    images = data.train(data.num_clients - 1)
    first = images.batch(np.arange(32))
    until_batch = time.perf_counter() - started
    torch.manual_seed(0)
    model = torch.nn.Linear(first[0].size, images.num_identities)
    optimiser = torch.optim.SGD(model.parameters(), lr=1e-3)
    for rows in np.array_split(np.random.default_rng(0).permutation(len(images)), len(images) // 32):
        pixels = torch.from_numpy(images.batch(rows)).flatten(1).float() / 255
        loss = torch.nn.functional.cross_entropy(model(pixels), torch.from_numpy(images.labels[rows]))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    say(json.dumps({"open": opened, "batch": until_batch, "bytes": resident_bytes(), "images": len(images)}))


def worker(run: Path) -> dict[str, float]:
    """Medians of workers, each started anew."""
    command = [sys.executable, "-m", "tests.benchmarks.dataset_cache", "--worker", str(run)]
    outputs = [subprocess.run(command, check=True, capture_output=True, text=True).stdout for _ in range(REPEATS)]
    found = [json.loads(output.splitlines()[-1]) for output in outputs]
    return {key: statistics.median(each[key] for each in found) for key in found[0]}


def start_again(folder: Path) -> tuple[float, float]:
    """Seconds that a second run takes to list a dataset, and to find out that it is decoded already."""
    tables: list[ImageTable] = []
    listing = seconds(lambda: tables.append(read_market1501("market", folder / "market", verify_counts=False)))
    return listing, seconds(lambda: build_cache(tables[0], (32, 16), folder / "cache"))


def compare_again(folder: Path) -> tuple[float, float]:
    """Seconds that a start takes to look for images of a dataset in a second one: the first start, and the others."""
    few, many = (
        build_cache(read_market1501(name, folder / name, verify_counts=False), (32, 16), folder / "cache")
        for name in ("second", "market")
    )
    first = seconds(lambda: refuse_shared_images({"few": few, "many": many}))
    for number, cache in enumerate((few, many)):  # as photographs have them, which aren't copies of a few pictures
        digests = np.random.default_rng(number).integers(2**64, size=len(cache.images), dtype=np.uint64)
        np.save(cache.path / DIGESTS, digests)
    again = statistics.median(seconds(lambda: refuse_shared_images({"few": few, "many": many})) for _ in range(5))
    return first, again


def measured_kinds(root: Path) -> tuple[list[list[str]], list[list[str]]]:
    """Rows of the two tables on decoding."""
    making, reading = [], []
    for number, (kind, (pixels, count, size)) in enumerate(KINDS.items()):
        with tempfile.TemporaryDirectory(dir=root) as folder:
            images = dataset(Path(folder) / "photos", pixels, count)
            alone, ours = decoding(images, size, Path(folder) / "cache")
            decoded, cached = batches(images, size, Path(folder) / "cache")
        making.append([kind, f"{count:,}", f"{alone:,.0f}", f"{ours:,.0f}", f"{ours / alone:.0%}"])
        reading.append([kind, f"{1e3 * decoded:.2f} ms", f"{1e3 * cached:.3f} ms", f"{decoded / cached:.0f}"])
        say(f"{number + 1} of {len(KINDS)}: {making[-1]} {reading[-1]}")
    return making, reading


def main() -> None:
    """Measure everything and write the page."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        making, reading = measured_kinds(root)
        runs = {count: federation(root / str(count), count) for count in (FEW, MANY)}
        workers = {count: worker(run) for count, run in runs.items()}
        listing, finding = start_again(root / str(MANY))
        market(root / str(MANY) / "second", FEW, first=DISTINCT)
        comparing, compared = compare_again(root / str(MANY))
    growth = (workers[MANY]["bytes"] - workers[FEW]["bytes"]) / 1e6
    memory = [[f"{count:,}", f"{found['bytes'] / 1e6:.1f} MB"] for count, found in workers.items()]
    opening = [
        [f"{count:,}", f"{1e3 * found['open']:.1f} ms", f"{1e3 * found['batch']:.1f} ms"]
        for count, found in workers.items()
    ]
    lines = [
        f"{usable_cores()} processes on both sides; medians of {REPEATS} runs in turn.",
        "",
        "## Making the cache",
        "",
        "Images per second. Pillow alone: open, decode, resize, to an array. The cache: the same, and all of the rest:",
        f"sizes and times of files, hashes, noticing bad files, writing, flushing. To reach: {TARGET_DECODING:.0%}.",
        "",
        *table(["JPEG to cache", "images", "Pillow alone", "cache", "share"], making),
        "",
        "## Opening it",
        "",
        "In a new worker: `FederationData.open` (the run's description, and the memory map of all images), and from",
        "there to a client's first batch (its list of images, 32 of them gathered). Imports aren't part of it.",
        f"To reach with {MANY:,} images: {TARGET_OPENING} s.",
        "",
        *table(["images", "opened", "first batch after"], opening),
        "",
        f"A second run over the {MANY:,} files lists them and parses their names in {listing:.2f} s; comparing all",
        f"sizes and times with those of the cache, to open it without reading an image, takes {finding:.2f} s more.",
        f"All of this is one dataset. With a second one, of {FEW:,} images, a start also looks for images that are in",
        f"both: {comparing:.2f} s at the first start, which hashes all pixels, {1e3 * compared:.0f} ms at every other.",
        "",
        "## Batches",
        "",
        f"{BATCH} images of a client in random order: out of the cache, and decoded by Pillow from the same files",
        f"(which are in memory, too). To reach: {TARGET_BATCHES:.0f} times.",
        "",
        *table(["JPEG to cache", "decoded", "cached", "times faster"], reading),
        "",
        "## Memory of a worker",
        "",
        f"A process that opens the data and trains on one client ({workers[MANY]['images']:,.0f} images, a linear",
        "classifier): its own memory (private and written to; the pages of the cache are shared).",
        "",
        *table(["images in the dataset", "memory"], memory),
        "",
        f"Growth: **{growth:.1f} MB** (to reach: less than {TARGET_GROWTH:.0f} MB; the images of the larger one would "
        f"be {MANY * 32 * 16 * 3 / 1e6:.0f} MB).",
    ]
    if QUICK:
        say("\n".join(lines))
    else:
        write_result("dataset_cache", "The cache of decoded images", "python -m tests.benchmarks.dataset_cache", lines)


if __name__ == "__main__":
    worker_main(Path(sys.argv[2])) if sys.argv[1:2] == ["--worker"] else main()
