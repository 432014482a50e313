# SPDX-License-Identifier: GPL-2.0-only
"""What the plugin costs where it is installed and no KUnit case is collected."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.bench import PYTEST, Bench, say
from benchmarks.process import timed
from benchmarks.samples import Goal, Row, differences

_TIMES = 4
"""As many pairs as of others: milliseconds are looked for."""


def startup(bench: Bench) -> Iterator[Row]:
    """One plain test, with the plugin and without."""
    say("the start of pytest, with the plugin and without")
    bench.project.prepare()
    command = [PYTEST, "-q", "test_plain.py"]

    def milliseconds(*arguments: str) -> float:
        run = timed([*command, *arguments], bench.project.root, extra=bench.project.environment)
        return run.seconds * 1000

    milliseconds()  # lets Python compile what is imported
    ours, without = [], []
    for _ in range(_TIMES * bench.pairs):
        ours.append(milliseconds())
        without.append(milliseconds("-p", "no:pageconsistency"))
    yield Row(
        "plugin installed, no KUnit case (peer: without)",
        "ms",
        tuple(ours),
        Goal("under 15 ms more", at_most=15),
        tuple(without),
        differences(ours, without),
        signed=True,
    )
