# SPDX-License-Identifier: GPL-2.0-only
"""The parser's speed, against that of the tree's own kunit_parser.py, whose interface it has."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from benchmarks.bench import Bench, say
from benchmarks.process import BenchError, timed
from benchmarks.samples import Goal, Row, growths

LINES, MANY_LINES = 200_000, 1_000_000


def parser(bench: Bench) -> Iterator[Row]:
    """Each sample is from a process of its own, which parses one generated console once."""
    kernels = str(bench.tree.path / "tools/testing/kunit")
    ours, quiet, peer, many = [], [], [], []
    for number in range(bench.pairs):
        say(f"the parsers: pair {number + 1} of {bench.pairs}")
        ours.append(_seconds(bench, "run_tests", LINES))
        peer.append(_seconds(bench, kernels, LINES))
        quiet.append(_seconds(bench, "console", LINES))
        many.append(_seconds(bench, "console", MANY_LINES))
    goal = Goal("at least 5 times the lines a second", at_least=5)
    for name, seconds in (("parse_console", quiet), ("parse_run_tests", ours)):
        rates, kernel_rates = ([LINES / second for second in some] for some in (seconds, peer))
        yield Row(
            f"{name}, lines a second",
            "/s",
            tuple(rates),
            goal,
            tuple(kernel_rates),
            growths(rates, kernel_rates),
        )
    yield Row(
        "parse_console, 1,000,000 lines (peer: 200,000)",
        "s",
        tuple(many),
        Goal("linear: at most 5.5 times the time", at_most=5.5),
        tuple(quiet),
        growths(many, quiet),
    )


def _seconds(bench: Bench, which: str, lines: int) -> float:
    command = [sys.executable, "-m", "benchmarks.parse_once", which, str(lines)]
    output = timed(command, bench.home).output.strip()
    try:
        return float(output)
    except ValueError:
        raise BenchError(f"the parser's process printed {output[-200:]!r}") from None
