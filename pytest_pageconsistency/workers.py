# SPDX-License-Identifier: GPL-2.0-only
"""What the controller of pytest-xdist and its workers tell each other of a session."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from pytest_pageconsistency.background import restore_signals, unwind_on_signals
from pytest_pageconsistency.ending import announce_end

_ARCHITECTURES = "kunit_architectures"
_SHARED = "kunit_shared"


class Workers:
    """The controller's side: a directory that all workers share, for as long as they live.

    SIGTERM and SIGHUP unwind the controller meanwhile, so that a cancelled job leaves nothing.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._shared = Path(tempfile.mkdtemp(prefix="pageconsistency-"))
        self._handlers = unwind_on_signals()
        config.pluginmanager.register(FailureLimit(config.getoption("maxfail") or 0, self))

    def prepare(self, node: Any, architectures: Sequence[str]) -> None:
        """Give a worker the choice of architectures and the directory."""
        node.workerinput[_ARCHITECTURES] = list(architectures)
        node.workerinput[_SHARED] = str(self._shared)

    def end(self) -> None:
        """Let no worker build for others any more."""
        announce_end(self._shared)

    def close(self) -> None:
        """Remove what the workers shared, and give the signals' handlers back."""
        shutil.rmtree(self._shared, ignore_errors=True)
        restore_signals(self._handlers)


class FailureLimit:
    """A pytest plugin that lets workers build no more once --maxfail is reached.

    pytest-xdist waits for what they are at.
    """

    def __init__(self, limit: int, workers: Workers) -> None:
        self._left = limit
        self._workers = workers

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count as pytest-xdist does."""
        if report.failed and not hasattr(report, "wasxfail"):
            self._left -= 1
            if self._left == 0:
                self._workers.end()


def is_worker(config: pytest.Config) -> bool:
    """Whether this process is a worker of pytest-xdist."""
    return bool(_worker_input(config))


def given_architectures(config: pytest.Config) -> list[str]:
    """The architectures that the controller has chosen for a worker."""
    return list(_worker_input(config)[_ARCHITECTURES])


def shared_directory(config: pytest.Config) -> Path | None:
    """The directory that a worker shares with the others; None in a process that is none."""
    shared = _worker_input(config).get(_SHARED)
    return Path(shared) if shared else None


def _worker_input(config: pytest.Config) -> dict[str, Any]:
    found: dict[str, Any] = getattr(config, "workerinput", {})
    return found
