"""A federation small enough to run in two seconds: coloured noise in Market-1501's layout, a thin ResNet-10."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import numpy as np
import pytest
from PIL import Image

# Ray's workers give way to everything else (niceness 15): on a busy machine they would not start in time.
os.environ.setdefault("RAY_worker_niceness", "0")
hypothesis.settings.register_profile("without a clock", deadline=None)
hypothesis.settings.load_profile("without a clock")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """With `-n 2` a file's tests stay together, and so do all federations, which share one Ray and finished runs."""
    for item in items:
        place = item.path.relative_to(Path(__file__).parent)
        item.add_marker(pytest.mark.xdist_group("federations" if place.parts[0] == "federation" else str(place)))


SCENARIO = """
name = "tiny"
[data]
root = "{root}"
cache = "{cache}"
image_size = [32, 16]
[data.sources.tiny]
format = "market1501"
path = "tiny"
verify_counts = false
[partition]
clients = 3
identities_per_client = 3
[model]
backbone = "resnet10"
width = 0.125
stem = "small"
last_stride = 2
embedding_dim = 16
[augment]
crop_padding = 2
[pretrain]
epochs = 1
batch_size = 16
[method]
epochs = 1
batch_size = 8
[federation]
rounds = 3
"""


def write_market(root: Path, *, identities: int = 13, test_identities: int = 3, seed: int = 0) -> Path:
    """Every identity has a colour, every camera a brightness, every image noise."""
    rng = np.random.default_rng(seed)
    folders = {part: root / part for part in ("bounding_box_train", "query", "bounding_box_test")}
    for folder in folders.values():
        folder.mkdir(parents=True)
    for identity in range(1, identities + test_identities + 1):
        colour = rng.integers(40, 215, 3)
        for camera in (1, 2):
            for number in range(3):
                pixels = colour + 20 * camera + rng.normal(0, 12, (32, 16, 3))
                part = "bounding_box_train"
                if identity > identities:
                    part = "query" if number == 0 else "bounding_box_test"
                name = f"{identity:04d}_c{camera}s1_{number:06d}_01.jpg"
                Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(folders[part] / name)
    return root


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data root and the cache that all tests of a session share."""
    root = tmp_path_factory.mktemp("data")
    write_market(root / "tiny")
    return root


@pytest.fixture(scope="session")
def scenario(data: Path) -> Path:
    """The tiny scenario's file."""
    path = data / "tiny.toml"
    path.write_text(SCENARIO.format(root=data, cache=data / "cache"))
    return path


@pytest.fixture(scope="session")
def prepared(scenario: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder that is ready for its first round, without pre-training; tests work on copies of it."""
    from fedreid.progress import Progress
    from fedreid.scenario import load_scenario
    from server.setup import create_run, set_up

    resolved = load_scenario(scenario, ["pretrain.epochs=0", "evaluation.local_only=false"])
    run_dir = create_run(resolved.scenario, tmp_path_factory.mktemp("prepared") / "run")
    set_up(run_dir, Progress())
    return run_dir


def leave_out_drawings(patch: pytest.MonkeyPatch) -> None:
    """Figures of reports are made, with all their lines and words, but neither turned into files nor into SVG."""
    patch.setattr("fedreid.reports.figure_files.write_png", lambda figure, path: None)
    patch.setattr("fedreid.reports.figure_files.write_pdf", lambda figure, path: None)
    patch.setattr("fedreid.reports.environment.to_svg", lambda figure, name, alt: "<svg></svg>")


NewRun = Callable[..., Path]


@pytest.fixture
def new_run(prepared: Path, tmp_path: Path) -> Iterator[NewRun]:
    """Makes copies of the prepared run, with settings changed that preparing it doesn't depend on."""
    from clients.workspace import workspace

    def make(*overrides: str, name: str = "run") -> Path:
        from fedreid.scenario import load_scenario, to_toml

        run_dir = tmp_path / name
        shutil.copytree(prepared, run_dir)
        changed = load_scenario(run_dir / "scenario.toml", overrides).scenario
        (run_dir / "scenario.toml").write_text(to_toml(changed))
        return run_dir

    yield make
    workspace.cache_clear()


@pytest.fixture(scope="session")
def final_files() -> Callable[[Path], dict[str, bytes]]:
    """What must be equal between equal runs: models, private states, splits and tables; not clocks, paths and logs."""

    def read(run_dir: Path) -> dict[str, bytes]:
        paths = [
            *run_dir.glob("*.safetensors"),
            *run_dir.glob("checkpoints/**/*.safetensors"),
            *run_dir.glob("splits/*.csv"),
            *run_dir.glob("queries/*.csv"),
            *run_dir.glob("examples/*"),
            run_dir / "metrics.csv",
            run_dir / "references.csv",
        ]
        found = {str(path.relative_to(run_dir)): path.read_bytes() for path in paths}
        summary = json.loads((run_dir / "summary.json").read_text())
        kept = {key: summary[key] for key in ("final", "best_round", "rounds", "status", "traffic", "data", "model")}
        return found | {"summary.json": json.dumps(kept, sort_keys=True).encode()}

    return read


Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def fedreid_command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    """The command line in this process: arguments -> (exit status, standard output, standard error)."""
    from fedreid import cli

    monkeypatch.setenv("COLUMNS", "300")

    def call(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        status = cli._status([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        return status, out, err

    return call
