"""What makes whole federations quick to test: runs that are only read, Ray workers that stay, reports undrawn."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import fedreid
from fedreid.progress import Progress
from fedreid.simulation import launch
from fedreid.simulation.grid import LocalGrid
from server.setup import Setup
from tests.conftest import leave_out_drawings
from tests.federation.faces import write_data
from tests.federation.runs import QUICK

Finished = Callable[..., fedreid.RunResult]
Command = Callable[..., tuple[int, str, str]]
make_grid = launch.make_grid


@pytest.fixture(scope="package", autouse=True)
def without_drawings() -> Iterator[None]:
    """Figures are made for every report, but turned into pictures only where a test asks for `drawings`."""
    with pytest.MonkeyPatch.context() as patch:
        leave_out_drawings(patch)
        yield


@pytest.fixture
def drawings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reports with their pictures, as users get them."""
    from fedreid.reports import drawing

    monkeypatch.setattr("fedreid.reports.figure_files.write_png", drawing.write_png)
    monkeypatch.setattr("fedreid.reports.environment.to_svg", drawing.to_svg)


@pytest.fixture(scope="package")
def finished(scenario: Path, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """The uninterrupted serial run with these settings changed: made once, and only to be read.

    Ask for it before anything is patched.
    """
    results: dict[tuple[str, ...], fedreid.RunResult] = {}

    def result(*overrides: str) -> fedreid.RunResult:
        if overrides not in results:
            out = tmp_path_factory.mktemp("finished") / "run"
            results[overrides] = fedreid.run(scenario, out=out, overrides=overrides, engine="serial")
        return results[overrides]

    return result


@pytest.fixture(scope="package")
def face_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data root of a federation that is tested on faces, and its faces.toml; only to be read."""
    return write_data(tmp_path_factory.mktemp("faces"))


class Lender:
    """Lends the same two Ray workers to one run after the other: starting some costs seconds of imports.

    Runs that join a cluster get workers of their own.
    """

    def __init__(self) -> None:
        self._grid: LocalGrid | None = None

    def grid(self, setup: Setup, progress: Progress) -> LocalGrid:
        """In place of `make_grid`."""
        runtime = setup.scenario.runtime
        if runtime.ray_address:
            self.end()
        if runtime.engine == "serial" or runtime.ray_address:
            return make_grid(setup, progress)
        if self._grid is None:
            from fedreid.simulation.ray_grid import RayGrid

            self._grid = RayGrid(launch.CLIENT_APP, 2, workers=2)
            self._grid.close = lambda: None  # type: ignore[method-assign]  # what a run does when it ends
        LocalGrid.__init__(self._grid, setup.data.num_clients, progress)
        self._grid._seconds_per_client = 0.0  # another run's clients may be slower
        return self._grid

    def end(self) -> None:
        """End the workers and Ray; the next run starts new ones."""
        if self._grid is not None:
            grid, self._grid = self._grid, None
            type(grid).close(grid)


@pytest.fixture(scope="package", autouse=True)
def lender() -> Iterator[Lender]:
    """Runs on the parallel engine take over the workers of the run before, unless a test asks for `own_ray`."""
    lender = Lender()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(launch, "make_grid", lender.grid)
        yield lender
    lender.end()


@pytest.fixture
def own_ray(lender: Lender, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs of this test start Ray and end it, as those of users do."""
    lender.end()
    monkeypatch.setattr(launch, "make_grid", make_grid)


@pytest.fixture
def run(fedreid_command: Command, scenario: Path, tmp_path: Path) -> Command:
    """The command line's run of one quick round into tmp_path/run, with settings changed."""

    def call(*overrides: str) -> tuple[int, str, str]:
        settings = (*QUICK, "federation.rounds=1", *overrides)
        sets = [argument for setting in settings for argument in ("--set", setting)]
        return fedreid_command("run", scenario, "--out", tmp_path / "run", *sets)

    return call
