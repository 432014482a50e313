# SPDX-License-Identifier: GPL-2.0-only
"""Many steps and many cases, warm: the kernel was built before, and the data is new."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.bench import Bench, say
from benchmarks.samples import Goal, Row, growths

CASES, STEPS = 1000, 1000
SHORT_CASES = 10_000


def steps(bench: Bench) -> Iterator[Row]:
    """A million steps, and a tenth of them."""
    say("a million steps: building the kernel with others")
    bench.ours(bench.project.write_steps(CASES, STEPS))
    tenth, whole, pytest_peaks, peaks = [], [], [], []
    for number in range(bench.pairs):
        say(f"a million steps, and a tenth of them: pair {number + 1} of {bench.pairs}")
        tenth.append(bench.ours(bench.project.write_steps(CASES, STEPS // 10)).seconds)
        done = bench.ours(bench.project.write_steps(CASES, STEPS))
        whole.append(done.seconds)
        pytest_peaks.append(bench.project.pytest_peak())
        peaks.append(done.peak)
    what = f"{CASES} cases x {STEPS} steps"
    yield Row(what, "s", tuple(whole), Goal("under 15 s", at_most=15))
    yield Row(
        f"10 times the steps (peer: {CASES} x {STEPS // 10})",
        "s",
        tuple(whole),
        Goal("at most 11 times the time", at_most=11),
        tuple(tenth),
        growths(whole, tenth),
    )
    yield Row(
        f"memory of pytest, {what}",
        "MB",
        tuple(pytest_peaks),
        Goal("under 500 MB", at_most=500),
        note=f"the largest of all processes: {max(peaks):.0f} MB",
    )


def cases(bench: Bench) -> Iterator[Row]:
    """Ten thousand short cases in one suite, one of them edited."""
    say("10,000 cases: building the kernel with them")
    bench.ours(bench.project.write_cases(SHORT_CASES))
    seconds = []
    for number in range(bench.pairs):
        say(f"10,000 cases, one edited: {number + 1} of {bench.pairs}")
        seconds.append(bench.ours(bench.project.write_cases(SHORT_CASES)).seconds)
    what = f"{SHORT_CASES:,} short cases, one edited"
    yield Row(what, "s", tuple(seconds), Goal("under 30 s", at_most=30))
