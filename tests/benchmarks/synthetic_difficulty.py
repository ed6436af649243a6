"""How hard the synthetic pedestrians are, for methods that should do badly and for one that should do well.

    python -m tests.benchmarks.synthetic_difficulty            # about 5 minutes on 2 cores

Writes results/synthetic-difficulty.md, and docs/images/synthetic-pedestrians.png (this alone: --only-picture). On the
generic test (every query's own camera left out) an untrained network and a colour histogram must do badly, a
trained network well but not perfectly, and one trained at another site in between.
"""

from __future__ import annotations

import argparse
import logging
import os
import platform
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn

from fedreid.data.cache import build_cache
from fedreid.data.contact_sheet import contact_sheet, stacked
from fedreid.data.image_set import ImageSet
from fedreid.data.synthetic.source import VERSION, read_synthetic
from fedreid.evaluation import Ranking, embed, rank
from fedreid.models import build_backbone
from fedreid.scenario.schema import AugmentSettings, LossSettings, ModelSettings
from fedreid.scenario.source_schema import SyntheticSource
from fedreid.training import Classification, train_epochs, warmup_cosine

log = logging.getLogger(__name__)

MODEL = ModelSettings(backbone="resnet18", width=0.25, stem="small", embedding_dim=128)
RESULT = Path("results/synthetic-difficulty.md")
PICTURE = Path("docs/images/synthetic-pedestrians.png")
STRIPES, BINS = 6, 8


@dataclass(frozen=True)
class Site:
    """A rendered dataset, decoded."""

    domain: int
    train: ImageSet
    query: ImageSet
    gallery: ImageSet


def site(domain: int, identities: int, test_identities: int, cache: Path) -> Site:
    source = SyntheticSource(format="synthetic", identities=identities, test_identities=test_identities, domain=domain)
    images = build_cache(read_synthetic(f"domain {domain}", source, cache), (64, 32), cache)
    frame = images.table.frame
    parts = {}
    for split in ("train", "query", "gallery"):
        rows = np.flatnonzero(frame["split"] == split)
        chosen = frame.iloc[rows]
        parts[split] = ImageSet(
            [images.images],
            np.zeros(len(rows), dtype=np.int64),
            rows,
            chosen["identity"].to_numpy(),
            chosen["camera"].to_numpy(),
        )
    return Site(domain, **parts)


def histogram(images: ImageSet) -> np.ndarray:
    """(n, STRIPES * BINS^3): the colours of each horizontal stripe, as square roots (Hellinger's distance)."""
    pixels = images.batch(np.arange(len(images)))
    binned = (pixels // (256 // BINS)).astype(np.int64) @ np.array([BINS * BINS, BINS, 1])
    stripes = np.array_split(binned, STRIPES, axis=1)
    counts = [np.stack([np.bincount(image.ravel(), minlength=BINS**3) for image in stripe]) for stripe in stripes]
    return np.sqrt(np.concatenate(counts, axis=1)).astype(np.float32)


def network(images: Site | None, epochs: int) -> nn.Module:
    """Trained on a site's training people with the settings of the platform; None: as it is before training."""
    model: nn.Module = build_backbone(MODEL, generator=torch.Generator().manual_seed(0))
    if images is None:
        return model
    rng = np.random.default_rng(0)
    start = 0.01 * rng.standard_normal((images.train.num_identities, MODEL.embedding_dim))
    proxies = nn.Parameter(torch.from_numpy(start.astype(np.float32)))
    train_epochs(
        model, Classification(LossSettings(), proxies), images.train, epochs=epochs, batch_size=32,
        learning_rate=0.05, momentum=0.9, weight_decay=5e-4, augment=AugmentSettings(), generator=rng, device="cpu",
        schedule=warmup_cosine,
    )  # fmt: skip
    return model


def score(features: Callable[[ImageSet], np.ndarray], images: Site) -> Ranking:
    query, gallery = images.query, images.gallery
    return rank(
        features(query), query.identities, query.cameras, features(gallery), gallery.identities, gallery.cameras
    )


def features_of(model: nn.Module) -> Callable[[ImageSet], np.ndarray]:
    return lambda images: embed(model, images, batch_size=256, device="cpu")


def measure(identities: int, test_identities: int, epochs: int, cache: Path) -> str:
    """The page with all figures."""
    home, other = (site(domain, identities, test_identities, cache) for domain in (0, 1))
    started = time.perf_counter()
    at_home = features_of(network(home, epochs))
    seconds = time.perf_counter() - started
    elsewhere = features_of(network(other, epochs))
    untrained = features_of(network(None, 0))
    rows = [
        ("untrained network", score(untrained, home), score(untrained, other)),
        (
            f"colour histogram ({STRIPES} stripes, {BINS}x{BINS}x{BINS})",
            score(histogram, home),
            score(histogram, other),
        ),
        ("network trained at site 0", score(at_home, home), score(at_home, other)),
        ("network trained at site 1", score(elsewhere, home), score(elsewhere, other)),
    ]
    table = "\n".join(f"| {name} | {_figures(first)} | {_figures(second)} |" for name, first, second in rows)
    return PAGE.format(
        table=table, identities=identities, test=test_identities, train_images=len(home.train), queries=len(home.query),
        gallery=len(home.gallery), epochs=epochs, seconds=seconds, threads=torch.get_num_threads(),
        cores=len(os.sched_getaffinity(0)), torch=torch.__version__, python=platform.python_version(), version=VERSION,
    )  # fmt: skip


def _figures(ranking: Ranking) -> str:
    return f"{100 * ranking.mAP:.1f} | {100 * ranking.cmc[1]:.1f}"


def picture(cache: Path) -> Image.Image:
    """People of two sites, as the documentation shows them: in 256 colours, which halves the file."""
    sources = [SyntheticSource(format="synthetic", domain=domain) for domain in (0, 1)]
    tables = [read_synthetic(f"Synthetic site {source.domain}", source, cache) for source in sources]
    pages = [contact_sheet(table, identities=4, per_row=12, height=112) for table in tables]
    return stacked(pages).quantize(256, dither=Image.Dither.NONE)


PAGE = """# How hard the synthetic pedestrians are

    python -m tests.benchmarks.synthetic_difficulty

Query and gallery of people nobody trained on, images of the query's own camera left out, in percent:

| Features | mAP at site 0 | rank-1 | mAP at site 1 | rank-1 |
|---|---|---|---|---|
{table}

What it should show: features that know nothing about people do badly, training helps a lot and isn't enough, and a
model trained at one site is clearly worse at the other, as between two real ones. The people are shown in
[docs/images/synthetic-pedestrians.png](../docs/images/synthetic-pedestrians.png).

Each site: {identities} training identities ({train_images:,} images at site 0), {test} test identities ({queries:,}
queries and {gallery:,} gallery images, distractors included), 4 cameras, seed 0, renderer version {version}. Network:
ResNet-18, width 0.25, 64 x 32 input, CosFace, {epochs} epochs with batches of 32 in {seconds:.0f} s on {threads}
threads ({cores} cores, Python {python}, torch {torch}).
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--identities", type=int, default=120, help="training identities of each site")
    parser.add_argument("--test-identities", type=int, default=60)
    parser.add_argument("--epochs", type=int, default=16)
    parser.add_argument("--out", type=Path, default=RESULT)
    parser.add_argument("--only-picture", action="store_true", help="draw the contact sheet, measure nothing")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    with tempfile.TemporaryDirectory() as cache:
        PICTURE.parent.mkdir(parents=True, exist_ok=True)
        picture(Path(cache)).save(PICTURE, optimize=True)
        if options.only_picture:
            return
        page = measure(options.identities, options.test_identities, options.epochs, Path(cache))
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(page, encoding="utf-8")
    log.info("%s", page)


if __name__ == "__main__":
    main()
