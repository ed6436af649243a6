"""One run in a process of its own: started, stopped, and asked why it failed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from fedreid import run_folder
from fedreid.comparison.run_plan import Step, summary_of
from fedreid.simulation.allocator import with_jemalloc
from fedreid.simulation.stopping import heeding_interrupts

MODULE = "fedreid.cli"
GRACE = 120  # seconds to save what is finished
MOST_LINES, MOST_LETTERS = 6, 1_000  # of a reason
TRACEBACK = "Traceback (most recent call last)"


class ChildRun:
    """`fedreid run`, or `fedreid resume` where the run was begun."""

    def __init__(self, step: Step, base: Path, log: Path) -> None:
        self.folder, self.log = step.folder, log
        log.parent.mkdir(parents=True, exist_ok=True)
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  (open as long as the process is)
        with log.open("ab") as out, heeding_interrupts():
            self._process = subprocess.Popen(
                [sys.executable, "-m", MODULE, *arguments_of(step, base)],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=self._errors,
                env=with_jemalloc(os.environ),
                start_new_session=True,  # Ctrl-C of the terminal reaches the comparison alone, which passes it on
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def status(self) -> int | None:
        """Its exit status; None while it is running."""
        status = self._process.poll()
        if status is not None and not self._errors.closed:
            self._keep_errors()
        return status

    def wait(self) -> None:
        """Until it has ended; one that takes too long is killed."""
        try:
            self._process.wait(GRACE)
        except subprocess.TimeoutExpired:
            self.kill()
        self.status()

    def interrupt(self) -> None:
        """Ctrl-C: it saves what is finished and ends."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)

    def kill(self) -> None:
        """At once, with all its workers; the finished rounds are on the disk."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self.status()

    def reason(self) -> str:
        """Why it failed, in its own words."""
        status = self._process.returncode
        if status < 0:
            name = signal.Signals(-status).name if -status in set(signal.Signals) else f"signal {-status}"
            hint = ": memory may have run out, so try with a smaller at_once" if -status == signal.SIGKILL else ""
            return f"it was killed ({name}){hint}"
        told = str(summary_of(self.folder).get("error", ""))
        if told and told.split("\n")[0] in self._said:  # and not of an earlier failure
            return told[:MOST_LETTERS]
        return reason_in(self._said) or f"it ended with status {status}"

    def _keep_errors(self) -> None:
        self._errors.seek(0)
        content = self._errors.read()
        self._errors.close()
        self._said = content.decode("utf-8", "replace")
        with suppress(OSError), self.log.open("ab") as out:  # the disk may be full
            out.write(content)


def arguments_of(step: Step, base: Path) -> list[str]:
    """What is run: without `python -m fedreid.cli` in front."""
    if (step.folder / run_folder.SCENARIO).exists():
        return ["resume", str(step.folder)]
    sets = [argument for override in step.overrides for argument in ("--set", override)]
    return ["run", str(base), "--out", str(step.folder), *sets]


def reason_in(errors: str) -> str:
    """The error in what a process wrote to its standard error: the text for users, or a traceback's last line."""
    lines = [line.rstrip() for line in errors.strip().split("\n") if line.strip()]
    if TRACEBACK in errors:
        return lines[-1][:MOST_LETTERS]
    return "\n".join(lines[-MOST_LINES:])[:MOST_LETTERS]
