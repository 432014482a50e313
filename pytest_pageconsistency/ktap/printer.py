# SPDX-License-Identifier: GPL-2.0-only
"""What a person sees of a KUnit run: results, logs of failures, totals, in colour on a terminal.

The layout is the one of kunit.py, so that people and tools which read that read this.
"""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterable
from datetime import datetime
from typing import Protocol

from .builder import TreeBuilder
from .tree import Test, TestStatus

WIDTH = 60
DIVIDER = "=" * WIDTH
RESET = "\033[0m"


class Output(Protocol):
    """What may be printed to: sys.stdout, an open file, io.StringIO."""

    def write(self, text: str, /) -> object:
        """Write text."""

    def isatty(self) -> bool:
        """Whether colours will be understood."""


class PrinterLike(Protocol):
    """What this module needs of a printer; the kernel's own Printer has it too."""

    def print_with_timestamp(self, message: str) -> None:
        """Print a message after the time of day."""

    def red(self, text: str) -> str:
        """Colour a failure."""

    def yellow(self, text: str) -> str:
        """Colour what did not run."""

    def green(self, text: str) -> str:
        """Colour a pass."""

    def color_len(self) -> int:
        """Count the characters that a colour adds to a text."""


class Printer:
    """Print lines to `output`, by default to whatever sys.stdout is at that moment."""

    def __init__(self, output: Output | None = None, *, silent: bool = False) -> None:
        self._output = output
        self._silent = silent

    def print(self, message: str) -> None:
        """Print one message."""
        if not self._silent:
            (self._output or sys.stdout).write(message + "\n")

    def print_with_timestamp(self, message: str) -> None:
        """Print one message after the time of day."""
        if not self._silent:
            self.print(f"[{datetime.now().astimezone():%H:%M:%S}] {message}")

    def _colour(self, code: int, text: str) -> str:
        if not (self._output or sys.stdout).isatty():
            return text
        return f"\033[1;{code}m{text}{RESET}"

    def red(self, text: str) -> str:
        """Colour a failure, on a terminal."""
        return self._colour(31, text)

    def green(self, text: str) -> str:
        """Colour a pass, on a terminal."""
        return self._colour(32, text)

    def yellow(self, text: str) -> str:
        """Colour what did not run, on a terminal."""
        return self._colour(33, text)

    def color_len(self) -> int:
        """Count the characters that a colour adds to a text."""
        return len(self.red(""))


def print_divider(printer: PrinterLike, message: str = "", invisible: int = 0) -> None:
    """Print a line of '=', with a message in its middle; `invisible` of it are colour codes."""
    if message:
        room = max(WIDTH - (len(message) - invisible) - 2, 6)
        message = "=" * (room // 2) + f" {message} " + "=" * (room - room // 2)
    printer.print_with_timestamp(message or DIVIDER)


def print_header(printer: PrinterLike, test: Test) -> None:
    """Print that a test with subtests begins, and how many it announced."""
    count = test.expected_count
    announced = f"({count} subtest{'' if count == 1 else 's'})" if count else ""
    print_divider(printer, " ".join(filter(None, (test.name, announced))) or "(no name)")


def print_log(printer: PrinterLike, log: Iterable[str]) -> None:
    """Print what a test logged, without the indentation that its lines have in common."""
    for line in textwrap.dedent("\n".join(log)).splitlines():
        printer.print_with_timestamp(printer.yellow(line))


def print_result(printer: PrinterLike, test: Test, *, footer: bool = False) -> None:
    """Print what became of a test, as the closing divider if it has subtests."""
    if test.status is TestStatus.SUCCESS:
        label = printer.green("[PASSED] ")
    elif test.status is TestStatus.SKIPPED:
        label = printer.yellow("[SKIPPED] ")
    elif test.status is TestStatus.NO_TESTS:
        label = printer.yellow("[NO TESTS RUN] ")
    else:
        print_log(printer, test.log)
        crashed = test.status is TestStatus.TEST_CRASHED
        label = printer.red("[CRASHED] " if crashed else "[FAILED] ")
    if footer:
        print_divider(printer, label + test.name, printer.color_len())
    else:
        printer.print_with_timestamp(label + test.name)


def print_summary(printer: PrinterLike, test: Test, failures: str) -> None:
    """Print the totals of a run, and which tests failed if `failures` says so."""
    if test.status is TestStatus.SUCCESS:
        colour = printer.green
    elif test.status in {TestStatus.SKIPPED, TestStatus.NO_TESTS}:
        colour = printer.yellow
    else:
        colour = printer.red
    printer.print_with_timestamp(colour(f"Testing complete. {test.counts}"))
    if failures:
        printer.print_with_timestamp(colour(failures))


class PrintingBuilder(TreeBuilder):
    """A lenient builder that prints what happens to the tree."""

    def __init__(self, printer: PrinterLike) -> None:
        super().__init__(strict=False)
        self._printer = printer
        self._passed = printer.green("[PASSED] ")

    def opened(self, test: Test) -> None:
        """Print that a test with subtests begins."""
        print_header(self._printer, test)

    def closed(self, test: Test, *, footer: bool) -> None:
        """Print what became of a test."""
        if test.status is TestStatus.SUCCESS and not footer:
            # Nearly all are this, so that nothing is looked up for it.
            self._printer.print_with_timestamp(self._passed + test.name)
        else:
            print_result(self._printer, test, footer=footer)

    def error(self, test: Test, message: str) -> None:
        """Record and print an error."""
        super().error(test, message)
        label = self._printer.red("[ERROR]")
        self._printer.print_with_timestamp(f"{label} Test: {test.name}: {message}")

    def check_plan(self, test: Test) -> None:
        """Compare results with the plan, and add a nameless test for each missing one.

        The kernel's parser does, and its JSON has them. A plan may be forged: not too many.
        """
        missing = (test.expected_count or 0) - len(test.subtests)
        super().check_plan(test)
        for _ in range(min(missing, 1000)):
            test.subtests.append(Test())
            self.closed(test.subtests[-1], footer=False)
