# SPDX-License-Identifier: GPL-2.0-only
"""Read what KUnit printed: a console in, a tree of tests out; ktap/ has the rules.

`parse_console` is for programs: silent, fast, and it never calls a run a success that was not
seen to its end. `parse_run_tests` prints as it reads and has the interface of the kernel's own
tools/testing/kunit/kunit_parser.py. It is lenient, because the kernel's tests of its parser ask
for that: the top-level plan may be missing, and errors are only counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

from .ktap import printer as printing
from .ktap.builder import TreeBuilder
from .ktap.engine import Engine
from .ktap.lines import LineStream, extract_tap_lines
from .ktap.printer import Printer, PrinterLike, PrintingBuilder
from .ktap.tree import Test, TestCounts, TestStatus

__all__ = [
    "LineStream",
    "Test",
    "TestCounts",
    "TestStatus",
    "extract_tap_lines",
    "parse_console",
    "parse_run_tests",
    "print_summary_line",
    "stdout",
]

stdout: PrinterLike = Printer()
"""Where parse_run_tests prints when it is given no printer."""


def parse_console(lines: Iterable[str]) -> Test:
    """Read a console, with line ends or without, and return the main test; prints nothing.

    Whatever the text, no exception. With line ends (as files give them) a last line that has
    none counts only if it ends an open subtest and has its whole name.
    """
    return Engine(TreeBuilder(strict=True)).read(lines)


def parse_run_tests(kernel_output: Iterable[str], printer: PrinterLike | None = None) -> Test:
    """Read a console or a LineStream, print results as they come, and return the main test."""
    printer = printer or stdout
    printing.print_divider(printer)
    test = Engine(PrintingBuilder(printer)).read(kernel_output)
    printing.print_divider(printer)
    print_summary_line(test, printer)
    return test


def print_summary_line(test: Test, printer: PrinterLike | None = None) -> None:
    """Print the totals, and which tests failed if they may have gone off the screen."""
    many = not test.ok_status() and test.counts.total() >= 100
    printing.print_summary(printer or stdout, test, _summarize_failed_tests(test) if many else "")


def _summarize_failed_tests(test: Test) -> str:
    """Name what failed, a parent alone if all of it failed; nothing if that is too much."""
    names = list(islice(_failures(test, ""), 11))
    return "" if len(names) > 10 else "Failures: " + ", ".join(names)


def _failures(test: Test, name: str) -> Iterator[str]:
    failed = [subtest for subtest in test.subtests if not subtest.ok_status()]
    if name and len(failed) == len(test.subtests):
        yield name
        return
    for subtest in failed:
        yield from _failures(subtest, f"{name}.{subtest.name}" if name else subtest.name)
