"""Signals: what ends a comparison, and what the runs that it starts must heed."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

SIGNALS = ("SIGTERM", "SIGHUP")  # end a comparison as Ctrl-C does


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """A closed terminal or a batch system's end of time stops the runs in order, as Ctrl-C does."""

    def interrupt(_: int, __: FrameType | None) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before: dict[int, Any] = {}
    for name in SIGNALS:
        if (number := getattr(signal, name, None)) is not None and _may_be_taken(signal.getsignal(number)):
            before[number] = signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _may_be_taken(handler: Any) -> bool:
    """Nobody's, or the one that Ray leaves behind in a process that has used it; a program's own one stays."""
    return handler == signal.SIG_DFL or str(getattr(handler, "__module__", "")).partition(".")[0] == "ray"


@contextmanager
def heeding_interrupts() -> Iterator[None]:
    """Where Ctrl-C is ignored (a shell's job in the background), what is started here must heed it all the same."""
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGINT) != signal.SIG_IGN:
        yield
        return
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
