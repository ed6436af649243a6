"""TensorBoard: event files in RUN/tensorboard, written by torch's own writer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from torch.utils.tensorboard import SummaryWriter

from fedreid.trackers.tracker import Bookmark, Figures, TrackedRun, Tracker, place_of

FOLDER = "tensorboard"


class TensorBoard(Tracker):
    """One curve for each figure, its steps the rounds; the resolved scenario as a text."""

    name = "tensorboard"

    def holds(self, run: TrackedRun, bookmark: Bookmark) -> bool:
        return bookmark.round >= 0 and any((run.path / FOLDER).glob("events.out.tfevents.*"))

    def start(self, run: TrackedRun, before: Bookmark) -> Bookmark:
        self.folder = run.path / FOLDER
        self.round = before.round if self.holds(run, before) else -1
        has_events = any(self.folder.glob("events.out.tfevents.*"))
        # A kill may have come between an event and the bookmark: readers drop what is at this step or after it.
        purge = self.round + 1 if has_events else None
        self.writer = SummaryWriter(str(self.folder), purge_step=purge)  # type: ignore[no-untyped-call]
        if not has_events:
            self.writer.add_text("scenario", f"```toml\n{run.text}```")  # type: ignore[no-untyped-call]
        return Bookmark(place_of(self.folder, run.path), round=self.round)

    def log(self, round: int, figures: Figures) -> None:
        for name, value in figures.items():
            self.writer.add_scalar(name, value, round)  # type: ignore[no-untyped-call]
        self.writer.flush()  # type: ignore[no-untyped-call]
        self.round = round

    def finish(self, status: str, totals: Figures, artifacts: Sequence[Path]) -> None:
        for name, value in totals.items():
            self.writer.add_scalar(name, value, self.round)  # type: ignore[no-untyped-call]
        self.writer.close()  # type: ignore[no-untyped-call]

    @property
    def command(self) -> str:
        return f"tensorboard --logdir {self.folder}"
