# SPDX-License-Identifier: GPL-2.0-only
"""Parse one generated console with one parser, and print the seconds: `parser.py` calls this.

Arguments: "console" (our parse_console), "run_tests" (our parse_run_tests) or the directory of the
kernel's kunit_parser.py; and the number of lines. Printing is stubbed for both sides.
"""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Callable
from typing import Any

from pytest_pageconsistency import kunit_parser

Parse = Callable[[list[str]], Any]

_HEAD = ("KTAP version 1", "1..1", "    KTAP version 1", "    # Subtest: suite")


def console(lines: int) -> list[str]:
    """A console of so many lines: one suite whose cases all pass, each with a line of log."""
    cases = (lines - len(_HEAD) - 2) // 2
    body = [
        line
        for number in range(1, cases + 1)
        for line in (f"    # case_{number}: observed {number:x}", f"    ok {number} case_{number}")
    ]
    whole = [*_HEAD, f"    1..{cases}", *body, "ok 1 suite"]
    return [f"{line}\n" for line in [*["booting"] * (lines - len(whole)), *whole]]


def ours(name: str) -> Parse:
    """One of our two entry points."""
    if name == "console":
        return kunit_parser.parse_console
    return _stubbed(kunit_parser)


def kernels(directory: str) -> Parse:
    """The kernel's parser, imported from `directory`."""
    sys.dont_write_bytecode = True  # the tree is not ours
    sys.path.insert(0, directory)
    return _stubbed(importlib.import_module("kunit_parser"))


def _stubbed(module: Any) -> Parse:
    """parse_run_tests() of either module, as kunit.py calls it, printing nothing."""
    module.stdout.print_with_timestamp = lambda _message: None

    def parse(lines: list[str]) -> Any:
        return module.parse_run_tests(module.extract_tap_lines(lines))

    return parse


def main(which: str, lines: int) -> None:
    """Parse and print; AssertionError if the parser does not find that all passed."""
    parse = kernels(which) if "/" in which else ours(which)
    text = console(lines)
    start = time.perf_counter()
    test = parse(text)
    seconds = time.perf_counter() - start
    assert test.status.name == "SUCCESS"
    print(seconds)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
