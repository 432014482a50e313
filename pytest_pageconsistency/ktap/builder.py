# SPDX-License-Identifier: GPL-2.0-only
"""The tree of tests in the making: tests begin and end, are counted, checked and judged."""

from __future__ import annotations

from dataclasses import dataclass, field

from .results import Result
from .tree import Test, TestCounts, TestStatus

# The kernel's tests of 6.1 and of later versions look for these two wordings.
_NO_KTAP = "Could not find any KTAP output. Did KUnit run? (could not find any KTAP output!)"


@dataclass(slots=True)
class Level:
    """A test with subtests that has begun and not ended."""

    test: Test
    indent: str
    line: int = 0  # of its header
    last: int = 0  # the highest number of a result
    names: set[str] = field(default_factory=set)
    subtests: list[Test] = field(init=False)
    counts: TestCounts = field(init=False)

    def __post_init__(self) -> None:
        # Asked for with every result, which the test's own properties make slow.
        self.subtests = self.test.subtests
        self.counts = self.test.counts

    def has_begun(self) -> bool:
        """Return whether something came after the header."""
        return bool(self.subtests) or self.test.expected_count is not None

    def next_pass(self) -> str:
        """Return how the next result begins, if the test passes."""
        return f"{self.indent}ok {self.last + 1} "


class TreeBuilder:
    """A tree of tests in the making. `levels` are the tests that are open, outermost first.

    `strict` is for programs: a missing top-level plan is an error, and a test that has errors,
    itself or below it, is never SUCCESS or SKIPPED.
    """

    def __init__(self, *, strict: bool) -> None:
        self._strict = strict
        self.main = Test("main", expected_count=None, counts=TestCounts())
        self.levels = [Level(self.main, "")]
        self.number = 0  # of the line being read
        self.pending: list[str] = []  # log lines whose test is yet to come
        self.trouble = ""  # the last oops, for the reader

    # What a subclass may want to know.

    def opened(self, test: Test) -> None:
        """Take note that a subtest began; its name and plan are known."""

    def closed(self, test: Test, *, footer: bool) -> None:
        """Take note of a result; `footer` if the test has subtests."""

    def error(self, test: Test, message: str) -> None:
        """Take note of an error."""
        test.errors.append(message)
        test.counts.errors += 1

    # Tests begin and end.

    @property
    def started(self) -> bool:
        """Whether the console's own version line was seen."""
        return self.levels[0].line > 0

    def error_here(self, test: Test, message: str) -> None:
        """Take note of an error in the line being read."""
        self.error(test, f"line {self.number}: {message}")

    def take_pending(self) -> list[str]:
        """Return the log lines that are waiting for their test."""
        pending = self.pending
        self.pending = []
        return pending

    def start(self) -> None:
        """Begin the main test, at the first version line."""
        self.levels[0].line = self.number
        self.main.log += self.take_pending()

    def open(self, parent: Level, indent: str, name: str) -> None:
        """Begin a test with subtests below `parent`; what is open deeper than that ends."""
        self.end_below(parent)
        self._begin(parent)
        log = self.take_pending()
        test = Test(name, log=log, expected_count=None, counts=TestCounts())
        parent.test.subtests.append(test)
        self.levels.append(Level(test, indent, self.number))

    def plan(self, count: int) -> None:
        """Take the plan of the innermost test."""
        level = self.levels[-1]
        if level.has_begun():
            self.error_here(level.test, f"a plan (1..{count}) where none belongs")
            return
        level.test.expected_count = count
        level.test.log += self.take_pending()
        if level is not self.levels[0]:
            self.opened(level.test)

    def _begin(self, level: Level) -> None:
        """Take note that no plan comes any more."""
        if level is not self.levels[0] and not level.has_begun():
            self.opened(level.test)

    def passed(self, level: Level, name: str) -> None:
        """Add a test that passed to the innermost `level`: the next one, of a new name.

        As leaf(), but that nothing is left to check.
        """
        if not level.subtests:
            self._begin(level)
        test = Test(name, TestStatus.SUCCESS, self.pending)
        self.pending = []
        level.subtests.append(test)
        level.counts.passed += 1
        level.last += 1
        level.names.add(name)
        self.closed(test, footer=False)

    def leaf(self, result: Result) -> None:
        """Add a test without subtests to the innermost test."""
        level = self.levels[-1]
        if not level.subtests:
            self._begin(level)
        test = Test(result.name, result.status, self.pending, 0, result.reason)
        self.pending = []
        level.subtests.append(test)
        level.counts.add_status(result.status)
        self._check_result(level, result)
        self.closed(test, footer=False)

    def close(self, result: Result) -> None:
        """End the innermost test by its result."""
        test = self.levels[-1].test
        test.name = result.name
        test.status = result.status
        test.skip_reason = result.reason
        self._end()
        self._check_result(self.levels[-1], result)

    def end_below(self, level: Level) -> None:
        """End all tests below `level`, which have no result."""
        while self.levels[-1] is not level:
            child = self.levels[-1]
            name = repr(child.test.name) if child.test.name else "a test"
            message = f"line {child.line}: {name} began here and its result line never came"
            self.error(child.test, message + self.trouble)
            self._end()  # status is what it was from the start: crashed
            self.levels[-1].last += 1

    def finish(self) -> Test:
        """End all that is open, and judge the main test."""
        main = self.main
        self.end_below(self.levels[0])
        main.log += self.take_pending()
        if not self.started:
            main.name = "<missing>"
            self.error(main, _NO_KTAP)
            main.status = TestStatus.FAILURE_TO_PARSE_TESTS
            return main
        self.check_plan(main)
        if main.expected_count is None and self._strict:
            self.error_here(main, "the console has no top-level plan")
        main.status = main.counts.get_status()
        if main.status is TestStatus.NO_TESTS:
            self.error_here(main, "0 tests run")
        elif self._strict and main.counts.errors and main.ok_status():
            main.status = TestStatus.FAILURE
        return main

    def _end(self) -> None:
        """End the innermost test, whose status is known."""
        test = self.levels[-1].test
        self._begin(self.levels[-1])
        test.log += self.take_pending()
        self.check_plan(test)
        if test.status is TestStatus.SUCCESS and not test.subtests and not test.counts.crashed:
            test.status = TestStatus.NO_TESTS
            self.error_here(test, f"0 tests run, and {test.name!r} says ok")
        self._settle(test)
        self.levels.pop()
        self.levels[-1].test.counts.add_subtest_counts(test.counts)
        self.closed(test, footer=True)

    # Judging.

    def _check_result(self, level: Level, result: Result) -> None:
        """Check a result's number and name against those of the same level."""
        if result.number != level.last + 1:
            self._misplaced(level, result, f"out of order or doubled, {level.last + 1} was next")
        elif result.name in level.names:
            self._misplaced(level, result, "the second of this name")
        level.last = max(level.last, result.number)
        if result.name:
            level.names.add(result.name)

    def _misplaced(self, level: Level, result: Result, problem: str) -> None:
        message = f"result {result.number} ({result.name!r}) is {problem}"
        self.error_here(level.test, message)

    def check_plan(self, test: Test) -> None:
        """Compare the results that were seen with the plan."""
        seen, planned = len(test.subtests), test.expected_count
        if planned is None or seen == planned:
            return
        message = f"{test.name!r} has {seen} of {planned} planned results{self.trouble}"
        self.error_here(test, message)
        test.counts.crashed += max(planned - seen, 0)

    def _settle(self, test: Test) -> None:
        """Make status and counts of a test with subtests agree."""
        counts = test.counts
        if counts.total() == 0:
            counts.add_status(test.status)
        elif counts.crashed:
            test.status = TestStatus.TEST_CRASHED
        elif test.status is TestStatus.FAILURE and not counts.failed:
            counts.failed += 1  # failed by itself: not a success for those who read counts
        elif test.status is TestStatus.TEST_CRASHED:
            counts.crashed += 1
        if not self._strict or not test.ok_status():
            return
        if counts.failed:
            self.error_here(test, f"{test.name!r} says ok, and subtests failed")
        if counts.errors:
            test.status = TestStatus.FAILURE
