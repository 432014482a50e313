# SPDX-License-Identifier: GPL-2.0-only
"""What a console says: a tree of tests, each with its status, its log and its errors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto


class TestStatus(Enum):
    """What became of a test."""

    __test__ = False  # not for pytest to collect

    SUCCESS = auto()
    FAILURE = auto()
    SKIPPED = auto()
    TEST_CRASHED = auto()
    NO_TESTS = auto()
    FAILURE_TO_PARSE_TESTS = auto()


@dataclass(slots=True)
class TestCounts:
    """How many tests without subtests ended how, and how many errors were met."""

    __test__ = False

    passed: int = 0
    failed: int = 0
    crashed: int = 0
    skipped: int = 0
    errors: int = 0

    def __str__(self) -> str:
        named = ("passed", "failed", "crashed", "skipped", "errors")
        some = [f"{name}: {getattr(self, name)}" for name in named if getattr(self, name)]
        return f"Ran {self.total()} tests: {', '.join(some)}"

    def total(self) -> int:
        """Count the tests, whatever became of them."""
        return self.passed + self.failed + self.crashed + self.skipped

    def add_subtest_counts(self, counts: TestCounts) -> None:
        """Add the counts of a subtest."""
        self.passed += counts.passed
        self.failed += counts.failed
        self.crashed += counts.crashed
        self.skipped += counts.skipped
        self.errors += counts.errors

    def add_status(self, status: TestStatus) -> None:
        """Count one more test that ended with `status`."""
        if status is TestStatus.SUCCESS:
            self.passed += 1
        elif status is TestStatus.FAILURE:
            self.failed += 1
        elif status is TestStatus.SKIPPED:
            self.skipped += 1
        elif status is not TestStatus.NO_TESTS:
            self.crashed += 1

    def get_status(self) -> TestStatus:
        """Return the worst of what was counted."""
        if self.crashed:
            return TestStatus.TEST_CRASHED
        if self.failed:
            return TestStatus.FAILURE
        if self.passed:
            return TestStatus.SUCCESS
        return TestStatus.SKIPPED if self.skipped else TestStatus.NO_TESTS


class Test:
    """A test and its subtests; the console itself is one, named "main".

    `expected_count` is the number of subtests in the plan, None without a plan, 0 for a test
    without subtests. `log` has the lines that belong to the test, as they were printed but for
    time prefix and line end; `errors` says in one sentence each, with line numbers, what was
    wrong with the KTAP of this test. `counts` follow from the status if they are not given.
    """

    __test__ = False
    __slots__ = (
        "_counts",
        "_errors",
        "_subtests",
        "expected_count",
        "log",
        "name",
        "skip_reason",
        "status",
    )

    def __init__(
        self,
        name: str = "",
        status: TestStatus = TestStatus.TEST_CRASHED,
        log: list[str] | None = None,
        expected_count: int | None = 0,
        skip_reason: str = "",
        counts: TestCounts | None = None,
    ) -> None:
        self.name = name
        self.status = status
        self.log: list[str] = [] if log is None else log
        self.expected_count = expected_count
        self.skip_reason = skip_reason
        # Made when first asked for, which nearly none of a hundred thousand tests is: the
        # garbage collector walks all there are.
        self._subtests: list[Test] | None = None
        self._errors: list[str] | None = None
        self._counts = counts

    @property
    def subtests(self) -> list[Test]:
        """The tests one level below this one."""
        if self._subtests is None:
            self._subtests = []
        return self._subtests

    @subtests.setter
    def subtests(self, subtests: list[Test]) -> None:
        self._subtests = subtests

    @property
    def errors(self) -> list[str]:
        """What was wrong with the KTAP of this test."""
        if self._errors is None:
            self._errors = []
        return self._errors

    @property
    def counts(self) -> TestCounts:
        """How the tests below this one ended, or this one itself if there are none."""
        if self._counts is None:
            self._counts = TestCounts()
            self._counts.add_status(self.status)
        return self._counts

    def __repr__(self) -> str:
        subtests = [subtest.name for subtest in self.subtests]
        return f"Test({self.status}, {self.name!r}, {self.counts}, {subtests})"

    def ok_status(self) -> bool:
        """Return whether the test passed or was skipped."""
        return self.status in {TestStatus.SUCCESS, TestStatus.SKIPPED}

    def all_errors(self) -> Iterator[str]:
        """Iterate over the errors of this test and of all below it, parents first."""
        yield from self.errors
        for subtest in self.subtests:
            yield from subtest.all_errors()
