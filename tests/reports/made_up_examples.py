"""Examples in a made-up run folder: lists with a right and a wrong result, and people on a map."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fedreid.data.examples import Examples, Found, RankedList, Shown, write_examples

EVIL = "query/<script>alert(1)</script>|`x`.jpg"


def add_examples(
    run_dir: Path, name: str = "synthetic", *, pictures: bool = True, lists: int = 2, dim: int = 6
) -> None:
    """Lists number n: query n + 1 by camera 1, average precision n / (lists - 1); then a right and a wrong image."""
    rng = np.random.default_rng(0)
    found = tuple(
        RankedList(
            Shown(f"{number}-{EVIL}", number + 1, 1),
            number / max(1, lists - 1),
            (Found(Shown("a.jpg", 99, 2), 0.875, False), Found(Shown("b.jpg", number + 1, -1), -0.25, True)),
        )
        for number in range(lists)
    )
    people = tuple(Shown(f"{who}-{camera}.jpg", who, camera) for who in range(8) for camera in (1, 2, -1))
    (run_dir / "examples").mkdir(exist_ok=True)
    shown = rng.integers(0, 256, (3 * lists, 8, 4, 3), dtype=np.uint8) if pictures else None
    embeddings = rng.normal(size=(len(people), dim)).astype(np.float32)
    write_examples(run_dir / "examples", name, Examples(found, shown, people, embeddings))
