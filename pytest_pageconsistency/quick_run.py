# SPDX-License-Identifier: GPL-2.0-only
"""A plain case that passes in silence needs no more of pytest than its reports.

Setting fixtures up and capturing output takes pytest several times as long as a short body. So the
body of a case that takes its bitmaps alone is called by itself, as it is recorded. What was printed
or logged is no loss: the case runs again, in pytest's way.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import pytest
from _pytest.capture import CaptureManager

_HOOKS = (
    *("pytest_runtest_setup", "pytest_runtest_call", "pytest_runtest_teardown"),
    *("pytest_runtest_makereport", "pytest_pyfunc_call"),
    *("pytest_fixture_setup", "pytest_fixture_post_finalizer"),
)
"""Nobody may wait for a call of these."""

_ENDS = (pytest.exit.Exception, KeyboardInterrupt)
"""What ends a session, whoever raises it."""


class _Listener(logging.Handler):
    """Counts what is logged."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def emit(self, _record: logging.LogRecord) -> None:
        """One more."""
        self.count += 1


@dataclass
class QuickRuns:
    """Calls bodies by themselves, and knows whether they were silent."""

    capture: CaptureManager
    _listener: _Listener = field(default_factory=_Listener)

    def run(self, item: pytest.Function, body: Callable[[], None]) -> Sequence[pytest.TestReport]:
        """The reports of an item of which `body` is all that it does."""
        logging.getLogger().addHandler(self._listener)
        self.capture.resume_global_capture()
        try:
            call = pytest.CallInfo.from_call(body, "call", reraise=_ENDS)
        finally:
            self.capture.suspend_global_capture()
            logging.getLogger().removeHandler(self._listener)
        passed = _passed_reports(item, call.start, call.stop)
        if call.excinfo is not None:
            passed[1] = item.ihook.pytest_runtest_makereport(item=item, call=call)
        return passed

    def were_silent(self) -> bool:
        """Whether nothing was printed or logged since this was asked the last time."""
        count, self._listener.count = self._listener.count, 0
        return not any((count, *self.capture.read_global_capture()))


def open_quick_runs(config: pytest.Config) -> QuickRuns | None:
    """For a session in which nobody looks into the phases of a test."""
    capture = config.pluginmanager.getplugin("capturemanager")
    ours = (__name__.rpartition(".")[0], "_pytest")
    others = (
        implementation.function.__module__
        for name in _HOOKS
        for implementation in getattr(config.hook, name).get_hookimpls()
        if not implementation.function.__module__.startswith(ours)
    )
    return QuickRuns(capture) if isinstance(capture, CaptureManager) and not any(others) else None


def needs_no_more(item: pytest.Function, nextitem: pytest.Item | None) -> bool:
    """Whether pytest has nothing to set up, tear down or expect of an item."""
    if item.get_closest_marker("xfail") is not None:
        return False
    standing = list(item.session._setupstate.stack)
    chain = nextitem.listchain() if nextitem else []
    return standing == item.listchain()[:-1] == chain[: len(standing)]


def _passed_reports(item: pytest.Item, start: float, stop: float) -> list[pytest.TestReport]:
    """Of set-up, call and teardown."""
    keywords: dict[str, Literal[1]] = dict.fromkeys(item.keywords, 1)
    phases: tuple[tuple[Literal["setup", "call", "teardown"], float, float], ...] = (
        ("setup", start, start),
        ("call", start, stop),
        ("teardown", stop, stop),
    )
    return [
        pytest.TestReport(
            item.nodeid,
            item.location,
            keywords,
            "passed",
            None,
            phase,
            duration=ended - began,
            start=began,
            stop=ended,
            user_properties=item.user_properties,
        )
        for phase, began, ended in phases
    ]
