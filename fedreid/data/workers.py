"""Work spread over processes: decoding and rendering are Python-bound, so threads would not do."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import types
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from fedreid.errors import RunError

Task = TypeVar("Task")
Result = TypeVar("Result")


def usable_cores() -> int:
    """Cores this process may use, which in a container can be fewer than there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def in_parallel(function: Callable[[Task], Result], tasks: Sequence[Task], workers: int) -> Iterator[Result]:
    """`function` of every task, in the order in which they finish.

    Args:
        function: importable by name from a module; so are its arguments and results sent between processes.
        tasks: what to do; at least a hundredth of a second each, or sending costs more than doing.
        workers: processes; 1 works in this process, and results come in order.

    Raises:
        RunError: a worker was killed from outside, which in practice means that memory ran out.
    """
    if workers == 1 or len(tasks) < 2:
        yield from map(function, tasks)
        return
    method = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
    context = multiprocessing.get_context(method)  # plain fork would copy the threads' locks of torch, and hang
    pool = ProcessPoolExecutor(min(workers, len(tasks)), mp_context=context, initializer=_ignore_interrupts)
    try:
        with _without_main():
            futures = [pool.submit(function, task) for task in tasks]
        for future in as_completed(futures):
            yield future.result()
    except BrokenProcessPool as error:
        raise RunError(
            "a worker process died, most likely because memory ran out. Try again with less running."
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _ignore_interrupts() -> None:
    """Ctrl-C reaches every process of a terminal; the parent alone decides what it means."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextlib.contextmanager
def _without_main() -> Iterator[None]:
    """Keep new processes from running the user's script again, which they would do to find functions in it.

    All our functions are in modules. Without this, a script that calls `fedreid.run` outside of
    `if __name__ == "__main__"` would start itself over and over.
    """
    script = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = script
