"""Compare variants of a federation: make their runs, then hold them against each other."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fedreid import run_folder
from fedreid.comparison.compared import compared_runs, compared_steps
from fedreid.comparison.comparison_folder import (
    EXPERIMENTS,
    LOGS,
    refuse_folder,
    write_experiment,
    write_failures,
)
from fedreid.comparison.experiments import Experiment, load_experiment
from fedreid.comparison.failures import told
from fedreid.comparison.held_against import Comparison
from fedreid.comparison.run_plan import plan
from fedreid.errors import UserError
from fedreid.simulation.many_runs import Crew
from fedreid.simulation.run_events import RunsView

if TYPE_CHECKING:
    from fedreid.simulation.launch import RunResult


class ComparisonInterrupted(KeyboardInterrupt):
    """Ctrl-C during a comparison: every run was stopped, and what is finished is saved.

    Attributes:
        command: goes on.
    """

    def __init__(self, command: str) -> None:
        self.command = command
        super().__init__(f"stopped; what is finished is saved. Go on with: {command}")


def compare(
    what: str | Path | Sequence[str | Path | RunResult],
    *,
    out: str | Path | None = None,
    overrides: Sequence[str] = (),
    seeds: Sequence[int] = (),
    reference: str = "",
    at_once: int | None = None,
    view: RunsView | None = None,
) -> Comparison:
    """Make the runs of an experiment that aren't there yet, and compare; or compare runs that are finished.

    Args:
        what: an experiment file; the folder of a comparison, to go on with it; or run folders and results of runs.
        out: the comparison's folder; by default results/NAME, of finished runs results/comparison/UTC-TIME.
        overrides: of experiments: `key.path=value` on top of all variants.
        seeds: of experiments: instead of the file's.
        reference: name of the variant that others are held against, instead of the file's or the first.
        at_once: of experiments: how many runs at the same time, instead of the file's; 0: what the machine allows.
        view: told what becomes of the runs.

    Raises:
        UserError: a mistake in the file, a scenario or a folder, or runs that can't be compared.
        RunError: every run failed.
        ComparisonInterrupted: Ctrl-C; it says how to go on.
    """
    places = _places(what)
    if (file := experiment_file(places)) is None:
        if overrides or seeds or at_once is not None:
            raise UserError("--set, --seeds and --at-once are for experiment files: finished runs are what they are.")
        return _of_finished(places, Path(out) if out else None, reference)
    experiment, folder = opened(file, out=out, overrides=overrides, seeds=seeds, reference=reference)
    chosen = experiment.at_once if at_once is None else at_once
    command = _command(what, out, overrides, seeds, reference, at_once)
    return _of_experiment(experiment, folder, chosen, view or RunsView(), command)


def opened(
    file: Path,
    *,
    out: str | Path | None = None,
    overrides: Sequence[str] = (),
    seeds: Sequence[int] = (),
    reference: str = "",
) -> tuple[Experiment, Path]:
    """An experiment and the folder of its comparison; nothing is written.

    Raises:
        UserError: a mistake in the file, or the folder is no place for it.
    """
    experiment = load_experiment(file, overrides=overrides, seeds=seeds, reference=reference)
    is_own = file.name == EXPERIMENTS and (file.parent / "base.toml") == experiment.base
    folder = Path(out) if out else file.parent if is_own else Path("results") / experiment.name
    refuse_folder(folder, experiment.name)
    return experiment, folder


def experiment_file(places: Sequence[Path]) -> Path | None:
    """The experiment file that is meant; None where run folders are.

    Raises:
        UserError: files and folders, or several files; or a name that no file can have.
    """
    try:
        files = [place / EXPERIMENTS if (place / EXPERIMENTS).is_file() else place for place in places]
        meant = [file for file in files if file.suffix == ".toml" and not file.is_dir()]
    except OSError as error:
        raise UserError(f"{error.filename}: can't be read: {error.strerror}") from None
    if not meant:
        return None
    if len(places) > 1:
        raise UserError(f"{meant[0]}: give one experiment file alone, or folders of finished runs.")
    return meant[0]


def _places(what: str | Path | Sequence[str | Path | RunResult]) -> list[Path]:
    listed = [what] if isinstance(what, str | Path) else list(what)
    if not listed:
        raise UserError("there is nothing to compare: give an experiment file, or folders of finished runs.")
    return [Path(each) if isinstance(each, str | Path) else each.run_dir for each in listed]


def _of_experiment(experiment: Experiment, folder: Path, at_once: int, view: RunsView, command: str) -> Comparison:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / run_folder.LOCK).touch()  # the folder may be there and not be ours to write
    except OSError as error:
        raise UserError(f"can't write {folder}: {error.strerror}. Give another --out.") from error
    with run_folder.locked(folder):
        planned = plan(experiment, folder)
        base = write_experiment(experiment, folder)

        def keep(crew: Crew) -> None:
            write_failures(folder, [told(failure, folder) for failure in crew.failures])

        crew = Crew(planned.steps, base, folder / LOGS, at_once=at_once, view=view, on_change=keep)
        if crew.waiting:
            for text in experiment.warnings():
                view.message(text)
            try:
                crew.work()
            except KeyboardInterrupt:
                raise ComparisonInterrupted(command) from None
        keep(crew)
        finished = [step for step in planned.steps if step in set(crew.finished)]
        return _with_report(compared_steps(experiment, folder, planned, finished, crew.failures, command))


def _of_finished(places: Sequence[Path], out: Path | None, reference: str) -> Comparison:
    folder = out or Path("results") / "comparison" / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    refuse_folder(folder, "")
    return _with_report(compared_runs(places, folder, reference, _command(places, out, (), (), reference, None)))


def _with_report(found: Comparison) -> Comparison:
    from fedreid.reports.comparison_page import write_comparison_report  # matplotlib: slow to start

    write_comparison_report(found)
    return found


def _command(
    what: str | Path | Sequence[Any],
    out: str | Path | None,
    overrides: Sequence[str],
    seeds: Sequence[int],
    reference: str,
    at_once: int | None,
) -> str:
    """The command line that does the same again."""
    words = ["fedreid", "compare", *map(str, _places(what))]
    words += [word for override in overrides for word in ("--set", override)]
    words += ["--seeds", ",".join(map(str, seeds))] if seeds else []
    words += ["--reference", reference] if reference else []
    words += ["--at-once", str(at_once)] if at_once is not None else []
    words += ["--out", str(out)] if out else []
    return shlex.join(words)
