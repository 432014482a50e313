# SPDX-License-Identifier: GPL-2.0-only
"""Work on threads of its own, which whatever ends the main thread's wait ends too."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as StillRunning
from types import FrameType
from typing import Any, ParamSpec, TypeAlias, TypeVar

INTERVAL = 0.25
"""Seconds between two looks at work that goes on."""

_P = ParamSpec("_P")
_T = TypeVar("_T")


class Cancelled(Exception):  # noqa: N818  # an end that was asked for, no error
    """The session ends: the work was given up before its end."""


class Background:
    """Threads for `workers` pieces of work, to be closed when nobody wants their results.

    While it is open SIGTERM and SIGHUP unwind the main thread as SIGINT does, so that a cancelled
    job leaves no orphans; handlers that the program has set itself stay.
    """

    def __init__(self, workers: int) -> None:
        self._executor = ThreadPoolExecutor(workers, thread_name_prefix="pageconsistency")
        self._cancelled = threading.Event()
        self._handlers = unwind_on_signals()

    def submit(
        self, work: Callable[_P, _T], *arguments: _P.args, **keywords: _P.kwargs
    ) -> Future[_T]:
        """Begin `work`; it calls `raise_if_cancelled` now and then."""
        return self._executor.submit(work, *arguments, **keywords)

    def raise_if_cancelled(self) -> None:
        """Raise Cancelled once `close` was called."""
        if self._cancelled.is_set():
            raise Cancelled("the session was ended")

    def wait(self, future: Future[_T], idle: Callable[[], None] = lambda: None) -> _T:
        """Return the work's result or raise its exception; calls `idle` about four times a second.

        On a signal the main thread leaves the wait at once; the work goes on until `close`.
        """
        while True:
            try:
                return future.result(timeout=INTERVAL)
            except StillRunning:
                # In Python 3.11 and later the work's own TimeoutError is the same class.
                if future.done():
                    return future.result()
            idle()

    def close(self) -> None:
        """Give up what is not finished and return when no work is left; may be called twice."""
        self._cancelled.set()
        self._executor.shutdown(wait=True, cancel_futures=True)
        restore_signals(self._handlers)
        self._handlers.clear()

    def __enter__(self) -> Background:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()


Handlers: TypeAlias = dict[signal.Signals, Any]
"""What a program did on a signal before."""


def unwind_on_signals() -> Handlers:
    """Let SIGTERM and SIGHUP raise KeyboardInterrupt; returns what stood there before.

    Only the main thread may set handlers.
    """

    def leave(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    previous: Handlers = {}
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is signal.SIG_DFL:
                previous[number] = signal.signal(number, leave)
    return previous


def restore_signals(handlers: Handlers) -> None:
    """Undo `unwind_on_signals`."""
    for number, handler in handlers.items():
        signal.signal(number, handler)
