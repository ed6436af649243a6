"""A federation that is also tested on faces, LFW's pairs and IJB-C's templates: its data and its scenario."""

from __future__ import annotations

from pathlib import Path

from fedreid.data.synthetic.writing import LayoutSize, write_layout
from tests.conftest import SCENARIO, write_market

FACES = """
extends = "tiny.toml"
name = "faces"
[data]
image_size = [32, 32]
[data.sources.pairs]
format = "lfw"
path = "faces"
verify_counts = false
[data.sources.templates]
format = "ijb"
path = "janus"
verify_counts = false
[partition]
clients = 2
[federation]
rounds = 2
[evaluation]
far = [0.02, 0.2]
fpir = [0.2]
"""


def write_data(root: Path) -> Path:
    """A copy of LFW, one of IJB-C, the people who train, and the scenario."""
    write_market(root / "tiny", identities=9)
    write_layout("lfw", root / "faces", LayoutSize(identities=6, test_identities=4, images_per_camera=3, seed=3))
    write_layout("ijb", root / "janus", LayoutSize(identities=6, test_identities=4, images_per_camera=4, seed=4))
    write_scenario(root)
    return root


def write_scenario(root: Path) -> None:
    """faces.toml in a data root, and the tiny federation that it changes."""
    (root / "tiny.toml").write_text(SCENARIO.format(root=root, cache=root / "cache"))
    (root / "faces.toml").write_text(FACES)
