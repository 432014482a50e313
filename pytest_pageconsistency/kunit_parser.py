# SPDX-License-Identifier: GPL-2.0-only
"""Read what KUnit printed: a console in, a tree of tests out, in one pass.

`parse_console` is for programs: silent, fast, and it never calls a run a success that was not
seen to its end. `parse_run_tests` prints as it reads and has the interface of the kernel's own
tools/testing/kunit/kunit_parser.py; both are one engine. The difference is `strict`:

- strict (`parse_console`): a console without a top-level plan is an error, and a test that has
  errors, itself or below it, is never SUCCESS or SKIPPED;
- lenient (`parse_run_tests`): the plan may be missing and errors are only counted, because the
  kernel's tests of its parser ask for both; missing tests are in the tree, crashed and nameless.

The rules, after the kernel's Documentation/dev-tools/ktap.rst:

- Indentation alone decides where a line belongs: KTAP is nested by two or four spaces or a tab
  more than its parent. A result, plan or header at an indentation where no KTAP is open is a log
  line. A result beside an open subtest is that subtest's, if the names agree.
- Log lines belong to what comes next: to the next result, at whatever level; to the subtest
  that begins; to the plan's own test. So what KUnit prints at four spaces for a parameter is
  in the log of the parameter.
- SKIP, and XFAIL and TODO after `ok` as after `not ok`, are SKIPPED: they prove nothing. TIMEOUT
  is TEST_CRASHED and ERROR is FAILURE, also after `ok`. Any other `#` is part of the name.
- A time prefix in the middle of a line means that two messages share it: they are two lines.
- An oops is a log line, for KUnit survives one. A panic, a halt or a reboot ends the run; what
  comes later is log.
"""

from __future__ import annotations

import gc
import re
from dataclasses import dataclass
from enum import Enum, auto
from itertools import islice
from typing import TYPE_CHECKING

from . import kunit_printer
from .kunit_printer import Printer, PrinterLike

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

stdout: PrinterLike = Printer()
"""Where parse_run_tests prints when it is given no printer."""


class TestStatus(Enum):
    """What became of a test."""

    __test__ = False  # not for pytest to collect

    SUCCESS = auto()
    FAILURE = auto()
    SKIPPED = auto()
    TEST_CRASHED = auto()
    NO_TESTS = auto()
    FAILURE_TO_PARSE_TESTS = auto()


SUCCESS = TestStatus.SUCCESS  # a global is read for each result line, twice as fast
OK = (TestStatus.SUCCESS, TestStatus.SKIPPED)
DIRECTIVES = {
    "SKIP": TestStatus.SKIPPED,
    "XFAIL": TestStatus.SKIPPED,
    "TODO": TestStatus.SKIPPED,
    "TIMEOUT": TestStatus.TEST_CRASHED,
    "ERROR": TestStatus.FAILURE,
}


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
    wrong with the KTAP of this test. `counted` is for the parser: the counts are the status.
    """

    __test__ = False
    __slots__ = (
        "_counted",
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
        *,
        counted: bool = False,
    ) -> None:
        self.name = name
        self.status = status
        self.log: list[str] = [] if log is None else log
        self.expected_count = expected_count
        self.skip_reason = ""
        # Made when first asked for: of a hundred thousand cases nearly none has them, and the
        # garbage collector walks all there are.
        self._subtests: list[Test] | None = None
        self._errors: list[str] | None = None
        self._counts: TestCounts | None = None
        self._counted = counted

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
            if self._counted:
                self._counts.add_status(self.status)
        return self._counts

    @counts.setter
    def counts(self, counts: TestCounts) -> None:
        self._counts = counts

    def __repr__(self) -> str:
        return (
            f"Test({self.status}, {self.name!r}, {self.expected_count}, {self.subtests}, "
            f"{self.log}, {self.counts})"
        )

    def add_error(self, printer: PrinterLike | str, message: str = "") -> None:
        """Record and print an error.

        Either add_error(message) as in 6.x, or add_error(printer, message) as since 7.x.
        """
        if isinstance(printer, str):
            self.add_error(stdout, printer)
            return
        self.note_error(message)
        printer.print_with_timestamp(f"{printer.red('[ERROR]')} Test: {self.name}: {message}")

    def note_error(self, message: str) -> None:
        """Record an error, silently."""
        self.errors.append(message)
        self.counts.errors += 1

    def ok_status(self) -> bool:
        """Return whether the test passed or was skipped."""
        return self.status in OK

    def all_errors(self) -> Iterator[str]:
        """Iterate over the errors of this test and of all below it, parents first."""
        todo = [self]
        while todo:
            test = todo.pop()
            yield from test._errors or ()
            todo += reversed(test._subtests or ())


class LineStream:
    """Numbered lines, read one at a time and only when asked for."""

    def __init__(self, lines: Iterator[tuple[int, str]]) -> None:
        self._lines = lines
        self._next: tuple[int, str] | None = None
        self._last = (0, "")

    def __bool__(self) -> bool:
        if self._next is None:
            self._next = next(self._lines, None)
            self._last = self._next or self._last
        return self._next is not None

    def peek(self) -> str:
        """Return the next line without taking it; the last one at the end."""
        return self._last[1] if bool(self) or self._last[0] else ""

    def pop(self) -> str:
        """Take the next line."""
        if not self:
            raise ValueError(f"LineStream: going past EOF, last line was {self._last[1]}")
        self._next = None
        return self._last[1]

    def __iter__(self) -> Iterator[str]:
        while self:
            yield self.pop()

    def line_number(self) -> int:
        """Return the number of the next line; of the last one at the end."""
        return self._last[0] if bool(self) or self._last[0] else 0


_CALLER = r"(?:\[ *[TC][0-9]+\])?"
_TIME = re.compile(rf"(?:<[0-9]+>)?\[ *[0-9]+\.[0-9]+\]{_CALLER} ?")
_INNER_TIME = re.compile(rf"\[ *[0-9]+\.[0-9]{{6}}\]{_CALLER} ?")  # as printk always prints it
_START = re.compile(r"K?TAP version [0-9]{1,9}(?=\s*\Z|\[ *[0-9]+\.[0-9]{6}\])")
_END = re.compile(
    r"Kernel panic - not syncing|---\[ end Kernel panic|List of all partitions:"
    r"|reboot: (?:System halted|Restarting system|Power down|Power off)"
    r"|sysrq: (?:Resetting|Power Off|Trigger a crash)"
)
_OOPS = re.compile(
    r"Oops|BUG:|kernel BUG at|Internal error:|Unable to handle kernel|stack overflow"
)
_EXECUTOR_ERROR = "kunit executor: "


class _Console:
    """Takes from raw lines what stands before the text: time, caller, a constant prefix.

    The prefix is what stands before the first version line, without its time.
    """

    def __init__(self) -> None:
        self.before = self.after = ""  # of the constant prefix, before and after the time

    def starts(self, line: str) -> bool:
        """Return whether a line is the first of KTAP, and learn the prefix from it."""
        found = _START.search(line)
        if found is None:
            return False
        prefix = line[: found.start()]
        time = _TIME.search(prefix)
        self.before, self.after = prefix[: time.start() if time else 0], prefix
        if time:
            self.after = prefix[time.end() :]
        return True

    @property
    def prefixed(self) -> bool:
        """Whether there is a constant prefix."""
        return bool(self.before or self.after)

    def pieces(self, line: str) -> list[str]:
        """Split a line into the messages that share it, each without its prefix."""
        if self.before:
            line = line.removeprefix(self.before)
        if line[:1] in ("[", "<") and (time := _TIME.match(line)):
            line = line[time.end() :]
        pieces = _INNER_TIME.split(line) if "[" in line else [line]
        return [piece.removeprefix(self.after) for piece in pieces] if self.after else pieces


def _ends_run(line: str) -> bool:
    return _END.search(line) is not None and not line.lstrip().startswith("#")


def extract_tap_lines(kernel_output: Iterable[str]) -> LineStream:
    """Take the KTAP out of a console: from its version line to the end of the run."""

    def numbered() -> Iterator[tuple[int, str]]:
        console = _Console()
        started = False
        for number, raw in enumerate(kernel_output, start=1):
            line = raw.rstrip()
            started = started or console.starts(line)
            if not started:
                if _EXECUTOR_ERROR in line:
                    yield number, line
                continue
            for piece in console.pieces(line):
                if _ends_run(piece):
                    return
                yield number, piece

    return LineStream(numbered())


_STEPS = ("  ", "    ", "\t")  # ktap.rst says two, KUnit prints four, older kernels a tab
_MAX_DEPTH = 100  # of nested KTAP; more is no test but an attack
_RESULT = re.compile(r"([ \t]*)(not )?ok ([0-9]{1,9})(?: (.*))?\Z")
_DIRECTIVE = re.compile(r"(?:^|\s)# (SKIP|XFAIL|TODO|TIMEOUT|ERROR)(?:\s|\Z)")
_FRAME = re.compile(
    r"([ \t]*)(?:(K?TAP) version ([0-9]{1,9})|# Subtest: (.*)|1\.\.([0-9]{1,9})(?: #.*)?)\s*\Z"
)
_RESULT_INSIDE = re.compile(r"(?:not )?ok [0-9]{1,9} ")
_VERSIONS = {"KTAP": range(1, 2), "TAP": range(13, 15)}


class _Level:
    """A test with subtests that has begun and not ended."""

    __slots__ = (
        "begun",
        "counts",
        "depth",
        "indent",
        "last",
        "line",
        "names",
        "test",
        "tests",
        "wanted",
    )

    def __init__(self, test: Test, indent: str, line: int, depth: int) -> None:
        self.test = test
        self.tests = test.subtests
        self.counts = test.counts
        self.indent = indent
        self.line = line  # of its header
        self.depth = depth
        self.begun = False  # something came after the header
        self.names: set[str] = set()
        self.advance(0)

    def advance(self, last: int) -> None:
        """Take note of the highest number of a result."""
        self.last = last
        self.wanted = f"{self.indent}ok {last + 1} "  # how the next pass will begin


class _Result:
    """The fields of a result line."""

    __slots__ = ("name", "number", "reason", "status")

    def __init__(self, not_ok: str | None, number: str, rest: str | None) -> None:
        self.status = TestStatus.FAILURE if not_ok else SUCCESS
        self.number = int(number)
        self.reason = ""
        name = rest or ""
        name = name.removeprefix("- ")
        if "#" in name and (directive := _DIRECTIVE.search(name)):
            self.status = DIRECTIVES[directive[1]]
            self.reason = name[directive.end() :].strip()
            name = name[: directive.start()]
        self.name = name.strip()


class _Engine:
    """One pass over a console. `levels` are the tests that are open, outermost first."""

    def __init__(self, *, strict: bool) -> None:
        self.strict = strict
        self.main = Test("main", expected_count=None)
        self.levels = [_Level(self.main, "", 0, 0)]
        self.top = self.levels[0]
        self.console = _Console()
        self.started = False
        self.plain = False  # only a "[" can make a line need `raw_line`
        self.number = 0  # of the line being read
        self.pending: list[str] = []  # log lines whose test is yet to come
        self.result_line = 0  # where the last result was found, and whose it was
        self.result_test = self.main
        self.cut_line = 0  # a line that has no line end although the first has one
        self.end_line = 0  # the line that ended the run
        self.trouble = ""  # the last oops, for the reader

    # What a subclass may want to know.

    def opened(self, test: Test) -> None:
        """Take note that a subtest began; its name and plan are known."""

    def closed(self, test: Test, *, footer: bool) -> None:
        """Take note of a result; `footer` if the test has subtests."""

    def error(self, test: Test, message: str) -> None:
        """Take note of an error."""
        test.note_error(message)

    # Reading.

    def run(self, lines: Iterable[str]) -> Test:
        """Read all lines and return the main test."""
        line_ends = False
        for self.number, raw in enumerate(lines, start=1):
            line = raw.rstrip("\r\n")
            if line is not raw:
                line_ends = True
            elif line_ends:
                self.cut_line = self.number
            if self.plain and "[" not in line and self.quick(line):
                continue
            self.raw_line(line)
        return self.finish()

    def quick(self, line: str) -> bool:
        """Read a line as what nearly every line is; return whether it was.

        That is a comment, or the next result of the innermost test: a pass, in order, with a
        new name. The others go through the regular expressions of `line`.
        """
        level = self.top
        if line.startswith(level.wanted):
            name = line[len(level.wanted) :].strip()
            if "#" in name or name in level.names or name[:1] in ("", "-") or self.cut_line:
                return False
            if not level.begun:
                self.begin(level)
            level.last += 1
            level.wanted = f"{level.indent}ok {level.last + 1} "
            level.names.add(name)
            self.result_line = self.number
            self.result_test = test = Test(name, SUCCESS, self.pending, counted=True)
            self.pending = []
            level.tests.append(test)
            level.counts.passed += 1
            self.closed(test, footer=False)
            return True
        text = line.lstrip(" \t")
        if text.startswith("# ") and not text.startswith("# Subtest:"):
            self.pending.append(line)
            return True
        return False

    def raw_line(self, line: str) -> None:
        """Read a line that may have a prefix, or more than one message."""
        if not self.started:
            self.started = self.console.starts(line)
            self.plain = self.started and not self.console.prefixed
            if not self.started:
                if _EXECUTOR_ERROR in line:
                    self.main.log.append(line)
                return
        for piece in self.console.pieces(line):
            if self.end_line:
                self.pending.append(piece)
            elif not self.quick(piece):
                self.line(piece)

    def line(self, line: str) -> None:
        """Read a message without prefix."""
        if match := _RESULT.match(line):
            if not self.result(match[1], _Result(*match.group(2, 3, 4))):
                self.unknown(line)
        elif (match := _FRAME.match(line)) is None or not self.frame(match):
            self.unknown(line)

    def frame(self, match: re.Match[str]) -> bool:
        """Read a version line, a header or a plan; return whether it is one here."""
        indent, kind, version, name, plan = match.groups()
        if plan is not None:
            return self.plan(indent, int(plan))
        if not self.open(indent, name):
            return False
        if kind and int(version) not in _VERSIONS[kind]:
            self.error(self.top.test, f"line {self.number}: {kind} version {version} is unknown")
        return True

    def plan(self, indent: str, count: int) -> bool:
        """Read a plan; return whether it is one here."""
        level = self.top
        if indent != level.indent:
            return False
        if level.begun:
            self.error(level.test, f"line {self.number}: a plan (1..{count}) where none belongs")
        else:
            level.test.expected_count = count
            level.test.log += self.take_pending()
            self.begin(level)
        return True

    def open(self, indent: str, name: str | None) -> bool:
        """Read a version line (no name) or a header; return whether it is one here."""
        level = self.top
        if level.line == 0 and name is None and not indent:
            level.line = self.number  # the first version line of the console
            return True
        if indent == level.indent and level.depth and not level.begun and not level.test.name:
            level.test.name = (name or "").strip()
            return True
        parent = next((up for up in reversed(self.levels) if self.nests(indent, up.indent)), None)
        if parent is None or parent.depth >= _MAX_DEPTH:
            if not indent and name is None:
                self.error(self.main, f"line {self.number}: KTAP begins a second time")
            return False
        while self.top is not parent:
            self.unfinished()
        self.begin(parent)
        log = self.take_pending()
        test = Test((name or "").strip(), log=log, expected_count=None)
        parent.test.subtests.append(test)
        self.top = _Level(test, indent, self.number, parent.depth + 1)
        self.levels.append(self.top)
        return True

    @staticmethod
    def nests(indent: str, parent: str) -> bool:
        """Return whether KTAP at `indent` is one level below KTAP at `parent`."""
        return indent.startswith(parent) and indent[len(parent) :] in _STEPS

    def result(self, indent: str, result: _Result) -> bool:
        """Read a result line; return whether it is one here."""
        if indent == self.top.indent:
            if self.number == self.cut_line:
                return False  # the name or the directive may go on
            self.leaf(self.top, result)
            return True
        level = next((level for level in self.levels if level.indent == indent), None)
        if level is None:
            return False
        child = self.levels[level.depth + 1]
        if child.test.name:
            self.split_name(result, child.test.name)
        if (result.name == child.test.name) or (
            not child.test.name and result.number == level.last + 1 and self.number != self.cut_line
        ):
            while self.top is not child:
                self.unfinished()
            self.close(level, child, result)
            return True
        # A result of another name: the open subtest's own result was lost if this is the next
        # one's. Not at the top, where every suite has a header and messages of tests are found.
        if level.depth and result.number == level.last + 2 and self.number != self.cut_line:
            while self.top is not level:
                self.unfinished()
            self.leaf(level, result)
            return True
        return False

    def split_name(self, result: _Result, name: str) -> None:
        """Cut off a message that is spliced onto a known name without a time before it."""
        rest = result.name.removeprefix(name)
        if rest != result.name and rest[:1] not in ("", "_") and not rest[0].isalnum():
            result.name = name
            self.pending.append(rest)

    def unknown(self, line: str) -> None:
        """Read a line that is neither result nor frame: log, the end, or a result in a message."""
        if _ends_run(line):
            self.end_line = self.number
            self.plain = False
        elif _OOPS.search(line):
            self.trouble = f"; the console has {line.strip()[:100]!r} in line {self.number}"
        elif self.spliced(line):
            return
        if self.number == self.result_line:
            self.result_test.log.append(line)  # the rest of a line that began with a result
        else:
            self.pending.append(line)

    def spliced(self, line: str) -> bool:
        """Look for a result line after a message that did not end its line.

        Without a time prefix between the two this needs proof: the number must be the next, and
        the result must be indented as the innermost test is, or have an open test's name.
        """
        inside = _RESULT_INSIDE.search(line)
        if inside is None or line.lstrip().startswith("#"):
            return False
        before = line[: inside.start()]
        text = before.rstrip(" \t")
        indent = before[len(text) :]
        match = _RESULT.match(line[inside.start() :])
        level = next((level for level in self.levels if level.indent == indent), None)
        if not text or match is None or level is None:
            return False
        result = _Result(*match.group(2, 3, 4))
        if result.number != level.last + 1:
            return False
        if level is self.top:
            proven = bool(indent)
        else:
            proven = bool(result.name) and result.name == self.levels[level.depth + 1].test.name
        if proven:
            self.pending.append(text)
            proven = self.result(indent, result)
            if not proven:
                self.pending.pop()
        return proven

    # The tree.

    def take_pending(self) -> list[str]:
        """Return the log lines that are waiting for their test."""
        pending = self.pending
        self.pending = []
        return pending

    def begin(self, level: _Level) -> None:
        """Take note that the header of a level is over."""
        if not level.begun:
            level.begun = True
            if level.depth:
                self.opened(level.test)

    def leaf(self, level: _Level, result: _Result) -> None:
        """Add a test without subtests."""
        if not level.begun:
            self.begin(level)
        name = result.name
        test = Test(name, result.status, self.pending, counted=True)
        self.pending = []
        level.test.subtests.append(test)
        if result.status is SUCCESS:
            level.test.counts.passed += 1
        else:
            level.test.counts.add_status(result.status)
            test.skip_reason = result.reason
        self.register(level, test, result.number)
        self.closed(test, footer=False)

    def register(self, level: _Level, test: Test, number: int) -> None:
        """Check a result's number and name against those of the same level."""
        self.result_line = self.number
        self.result_test = test
        if number != level.last + 1 or test.name in level.names:
            if number != level.last + 1:
                problem = f"out of order or doubled, {level.last + 1} was next"
            else:
                problem = "the second of this name"
            message = f"line {self.number}: result {number} ({test.name!r}) is {problem}"
            self.error(level.test, message)
        level.advance(max(level.last, number))
        if test.name:
            level.names.add(test.name)

    def close(self, level: _Level, child: _Level, result: _Result) -> None:
        """End a test with subtests by its result."""
        test = child.test
        self.begin(child)
        test.log += self.take_pending()
        test.name = result.name
        test.status = result.status
        test.skip_reason = result.reason
        self.check_plan(child)
        counts = test.counts
        if test.status is SUCCESS and not test.subtests and not counts.crashed:
            test.status = TestStatus.NO_TESTS
            self.error(test, f"line {self.number}: 0 tests run, and {test.name!r} says ok")
        self.settle(test)
        self.leave(level)
        self.register(level, test, result.number)

    def check_plan(self, level: _Level) -> None:
        """Compare the results that were seen with the plan."""
        test = level.test
        seen, planned = len(test.subtests), test.expected_count
        if planned is None or seen == planned:
            return
        where = f"line {self.number}: {test.name!r} has {seen} of {planned} planned results"
        self.error(test, where + self.trouble)
        test.counts.crashed += max(planned - seen, 0)

    def settle(self, test: Test) -> None:
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
        if not self.strict or test.status not in OK:
            return
        if counts.failed:
            self.error(test, f"line {self.number}: {test.name!r} says ok, and subtests failed")
        if counts.errors:
            test.status = TestStatus.FAILURE

    def unfinished(self) -> None:
        """End the innermost test without a result."""
        test = self.top.test
        self.begin(self.top)
        test.log += self.take_pending()
        name = repr(test.name) if test.name else "a test"
        message = f"line {self.top.line}: {name} began here and its result line never came"
        self.error(test, message + self.trouble)
        self.check_plan(self.top)
        self.settle(test)  # status is what it was from the start: crashed
        parent = self.levels[-2]
        self.leave(parent)
        parent.advance(parent.last + 1)

    def leave(self, parent: _Level) -> None:
        """Take the innermost level off."""
        test = self.levels.pop().test
        self.top = parent
        parent.test.counts.add_subtest_counts(test.counts)
        self.closed(test, footer=True)

    def finish(self) -> Test:
        """End all that is open, and judge the main test."""
        main = self.main
        if not self.started:
            main.name = "<missing>"
            self.error(main, NO_KTAP)
            main.status = TestStatus.FAILURE_TO_PARSE_TESTS
            return main
        while self.top.depth:
            self.unfinished()
        main.log += self.take_pending()
        self.check_plan(self.top)
        if main.expected_count is None and self.strict:
            self.error(main, f"line {self.number}: the console has no top-level plan")
        main.status = main.counts.get_status()
        if main.status is TestStatus.NO_TESTS:
            self.error(main, f"line {self.number}: 0 tests run")
        elif self.strict and main.counts.errors and main.ok_status():
            main.status = TestStatus.FAILURE
        return main


# The kernel's tests of 6.1 and of later versions look for these two wordings.
NO_KTAP = "Could not find any KTAP output. Did KUnit run? (could not find any KTAP output!)"


def parse_console(lines: Iterable[str]) -> Test:
    """Read a console, with line ends or without, and return the main test; prints nothing.

    Whatever the text, no exception. With line ends (as files give them) a result in a last
    line that has none counts only if it ends an open subtest and has its whole name.
    """
    # Nothing here makes cycles, and the collector would walk the growing tree time and again.
    collecting = gc.isenabled()
    gc.disable()
    try:
        return _Engine(strict=True).run(lines)
    finally:
        if collecting:
            gc.enable()


class _Printing(_Engine):
    """An engine that prints as it reads."""

    def __init__(self, printer: PrinterLike) -> None:
        super().__init__(strict=False)
        self.printer = printer

    def opened(self, test: Test) -> None:
        kunit_printer.print_header(self.printer, test)

    def closed(self, test: Test, *, footer: bool) -> None:
        kunit_printer.print_result(self.printer, test, footer=footer)

    def error(self, test: Test, message: str) -> None:
        test.add_error(self.printer, message)

    def check_plan(self, level: _Level) -> None:
        missing = (level.test.expected_count or 0) - len(level.tests)
        super().check_plan(level)
        # The kernel's parser puts a nameless test in the place of each missing one, and its
        # JSON has them. A plan may be forged: not too many.
        for _ in range(min(missing, 1000)):
            level.tests.append(Test())
            self.closed(level.tests[-1], footer=False)


def parse_run_tests(kernel_output: Iterable[str], printer: PrinterLike | None = None) -> Test:
    """Read a console or a LineStream, print results as they come, and return the main test."""
    printer = printer or stdout
    kunit_printer.print_divider(printer)
    test = _Printing(printer).run(kernel_output)
    kunit_printer.print_divider(printer)
    print_summary_line(test, printer)
    return test


def print_summary_line(test: Test, printer: PrinterLike | None = None) -> None:
    """Print the totals, and which tests failed if they may have gone off the screen."""
    many = not test.ok_status() and test.counts.total() >= 100
    kunit_printer.print_summary(
        printer or stdout, test, _summarize_failed_tests(test) if many else ""
    )


def _summarize_failed_tests(test: Test) -> str:
    """Name what failed, a parent alone if all of it failed; nothing if that is too much."""

    def failures(test: Test, name: str) -> Iterator[str]:
        failed = [subtest for subtest in test.subtests if not subtest.ok_status()]
        if name and len(failed) == len(test.subtests):
            yield name
            return
        for subtest in failed:
            yield from failures(subtest, f"{name}.{subtest.name}" if name else subtest.name)

    names = list(islice(failures(test, ""), 11))
    return "" if len(names) > 10 else "Failures: " + ", ".join(names)
