"""What a tracker is: three calls, and a bookmark that lets a resumed run go on where it was."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from fedreid.scenario import Scenario, to_toml
from fedreid.scenario.fields import toml_value

Figures = Mapping[str, float]  # by names as in summary.json: "generic/market1501/mAP"


@dataclass(frozen=True)
class Bookmark:
    """Where a tracker is with a run; kept in the run folder.

    Attributes:
        place: the folder that it writes, seen from the run folder where it lies in it.
        run: the tracker's own name of the run, where it has one.
        round: the last round it has; -1 for none.
        is_finished: it has the figures of the whole run as well.
    """

    place: str = ""
    run: str = ""
    round: int = -1
    is_finished: bool = False


@dataclass(frozen=True)
class TrackedRun:
    """What a tracker is told of a run when it starts.

    Attributes:
        path: the run folder.
        scenario: the resolved scenario.
    """

    path: Path
    scenario: Scenario

    @property
    def title(self) -> str:
        """What tells a run from others of its project."""
        return self.path.name

    @property
    def project(self) -> str:
        """What it is filed under."""
        return self.scenario.tracking.project or self.scenario.name

    @property
    def text(self) -> str:
        """The resolved scenario as a file."""
        return to_toml(self.scenario)

    @property
    def parameters(self) -> dict[str, str]:
        """Every setting by its dotted key: "method.learning_rate" is "0.05", text without quotes."""
        return dict(_flat(self.scenario.model_dump(mode="json")))


class Tracker(ABC):
    """One library. Each call may raise whatever the library raises: the caller turns it into one warning."""

    name: ClassVar[str]

    @abstractmethod
    def holds(self, run: TrackedRun, bookmark: Bookmark) -> bool:
        """Whether what a bookmark says is still there, and in the place that the run's settings name."""

    @abstractmethod
    def start(self, run: TrackedRun, before: Bookmark) -> Bookmark:
        """Begin, or go on with what the tracker holds of `before`.

        Returns:
            Where it is now; rounds up to that bookmark's are not logged again.
        """

    @abstractmethod
    def log(self, round: int, figures: Figures) -> None:
        """The figures of one round; rounds come in order, and when this returns the library has them."""

    @abstractmethod
    def finish(self, status: str, totals: Figures, artifacts: Sequence[Path]) -> None:
        """Nothing more comes, for now.

        Args:
            status: "finished", "interrupted" or "failed"; a run that isn't finished may start again.
            totals: figures that no round has: "timing/total_seconds", "local_only/personalized/market1501/mAP".
            artifacts: files to keep with the run.
        """

    @property
    @abstractmethod
    def command(self) -> str:
        """What to type in order to look at the run."""


def place_of(folder: Path, run_dir: Path) -> str:
    """A folder as a bookmark names it: a run folder that is moved takes along what lies in it."""
    return str(folder.relative_to(run_dir)) if folder.is_relative_to(run_dir) else str(folder)


def _flat(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value if isinstance(value, str) else toml_value(value)
