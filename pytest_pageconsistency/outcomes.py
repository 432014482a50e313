# SPDX-License-Identifier: GPL-2.0-only
"""pytest's reports of an item's setup, call and teardown, folded into one outcome."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_pageconsistency.artifacts import unwritable, write_outcomes

ARCH_PROPERTY = "kunit_arch"
"""Name of the user property, seen in JUnit XML too, that holds an item's architecture."""

_COMPLETE = {"passing": "passed", "xpassing": "xpassed"}
"""What an item is whose body has passed, and what its teardown makes of it.

Until then it is neither: a session that is interrupted there leaves no outcome.
"""

_RISING = ("", *_COMPLETE, *_COMPLETE.values(), "xfailed", "skipped", "failed", "error")


def worse(outcome_so_far: str, report: pytest.TestReport) -> str:
    """An item's outcome after one more report; "" before the first.

    Feed it every report of `pytest_runtest_logreport`. The outcome is one of
    `schema.FINAL_OUTCOMES` when the item is through; before that it may be "", "passing" or
    "xpassing", which stand for no outcome yet. It never gets better: an item that is run again
    keeps its failure.
    """
    if report.when == "teardown" and report.passed:
        return _COMPLETE.get(outcome_so_far, outcome_so_far)
    return max(outcome_so_far, _outcome(report), key=_RISING.index)


def _outcome(report: pytest.TestReport) -> str:
    """What one report says, as pytest's terminal counts it."""
    expected_to_fail = hasattr(report, "wasxfail")
    if report.skipped:
        return "xfailed" if expected_to_fail else "skipped"
    if report.passed and report.when == "setup":
        return ""
    if report.passed:
        return "xpassing" if expected_to_fail else "passing"
    # "failed", or what another plugin made of it, such as "rerun".
    return "failed" if report.when not in ("setup", "teardown") else "error"


class OutcomeLog:
    """A pytest plugin that keeps the outcome of each case and writes them down at the end.

    It is registered where all reports arrive: not in the workers of pytest-xdist. `directory` is
    that of the artifacts.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._outcomes: dict[str, dict[str, str]] = {}
        self._complaint = ""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Fold a report into its case's outcome."""
        arch = dict(report.user_properties).get(ARCH_PROPERTY)
        if arch is not None:
            of_arch = self._outcomes.setdefault(str(arch), {})
            of_arch[report.nodeid] = worse(of_arch.get(report.nodeid, ""), report)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write the outcomes; a session whose outcomes are lost is no success."""
        try:
            write_outcomes(self._directory, self._outcomes)
        except OSError as error:
            self._complaint = unwritable(error)
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say so below everything else."""
        if self._complaint:
            terminalreporter.write_line(f"ERROR: {self._complaint}", red=True)
