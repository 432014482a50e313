# SPDX-License-Identifier: GPL-2.0-only
"""The oracle's trace against what the kernel was observed to do: one verdict for each case."""

from __future__ import annotations

import io
import re
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat

from pytest_pageconsistency.cases import Program
from pytest_pageconsistency.generate import SUITE_NAME, Suite, SuiteCase
from pytest_pageconsistency.kunit_parser import Test, TestStatus, parse_console
from pytest_pageconsistency.observations import Observations, read_observations
from pytest_pageconsistency.step_table import StepTable, step_table
from pytest_pageconsistency.verdict import Kind, Verdict

_DEATH = re.compile(
    r"Kernel panic|Oops\b|\bBUG[: ]|Unable to handle|general protection fault|Kernel mode fault"
    r"|Segfault with no mm|Kernel tried to access|divide error|invalid opcode|double fault"
    r"|Unhandled fault|kunit_try_catch_run.*faulted|try faulted"
)

_COMPLAINTS = (
    "Kernel panic", "Oops", "BUG", "Unable to handle", "general protection fault",
    "Kernel mode fault", "Segfault with no mm", "Kernel tried to access", "divide error",
    "invalid opcode", "double fault", "Unhandled fault", "faulted",
)  # fmt: skip
"""One of these stands in all that _DEATH finds, and is found faster where there is nothing."""

_CONSOLE_LINES = 60
"""Lines of a case's console that are kept for reports."""


@dataclass(frozen=True)
class Disagreement:
    """Where kernel and oracle part: `step` from 1, or None for the memory after the last."""

    step: int | None
    expected: tuple[int, ...]
    observed: tuple[int, ...]


@dataclass(frozen=True)
class Boot:
    """A boot's console and how it ended."""

    console: str
    timed_out: bool = False
    overflowed: bool = False


@dataclass(frozen=True)
class CaseResult:
    """What became of one case; `console` is what the kernel printed while it ran.

    `table` holds the steps around the place where it went wrong; None if it passed or never ran.
    """

    case: SuiteCase
    verdict: Verdict
    disagreement: Disagreement | None = None
    observed_values: int = 0
    console: tuple[str, ...] = ()
    table: StepTable | None = None


def cross_check(suite: Suite, boot: Boot) -> dict[str, CaseResult]:
    """Judge every case of a suite by a boot's console; the keys are the pytest ids.

    Nothing passes by default: a case must be seen exactly once, with its whole report, from the
    kernel that was built for this suite, with every value equal to the oracle's and KUnit content.
    """
    # With their newlines, so that a last line that was cut can be told from a whole one.
    lines = list(io.StringIO(boot.console, newline="\n"))
    observations = read_observations(
        lines,
        (
            (case.name.function, case.name.digest, count_values(case.program))
            for case in suite.cases
        ),
    )
    reported = _reported_cases(parse_console(lines))
    ending = _ending(suite, boot, lines, reported, observations)
    return {
        case.program.case_id: _judge(
            suite,
            case,
            reported.get(case.name.function, []),
            observations[case.name.function],
            ending,
        )
        for case in suite.cases
    }


def expected_values(program: Program) -> array[int]:
    """Every value that a case reports when kernel and oracle agree, in their order.

    The steps' bits and words, the final words, and for each bitmap one bit: its guards are intact.
    """
    values = program.steps.observed[:]
    values.extend(program.final_words())
    values.extend(repeat(1, len(program.bitmaps)))
    return values


def count_values(program: Program) -> int:
    """The number of values in `expected_values`, without making them."""
    return len(program.steps.observed) + sum(
        2 * bitmap.word_count + 1 for bitmap in program.bitmaps
    )


@dataclass(frozen=True)
class _Ending:
    """Why cases are missing, and which one was running then (its function's name, or "").

    `cut`: the console ends in the middle of a line. `console` is what that case printed, and the
    kernel after it. `complained`: the kernel may have said something of a fault, in any case.
    """

    kind: Kind
    sentence: str
    running: str
    cut: bool
    console: tuple[str, ...]
    complained: bool


def _reported_cases(root: Test) -> Mapping[str, list[Test]]:
    found: dict[str, list[Test]] = {}
    for suite in root.subtests:
        if suite.name == SUITE_NAME:
            for test in suite.subtests:
                found.setdefault(test.name, []).append(test)
    return found


def _ending(
    suite: Suite,
    boot: Boot,
    lines: Sequence[str],
    reported: Mapping[str, list[Test]],
    observations: Mapping[str, Observations],
) -> _Ending:
    running = next(
        (
            name
            for name in (case.name.function for case in suite.cases)
            if observations[name].begun and not _has_result(reported.get(name, []))
        ),
        "",
    )
    kind, sentence = Kind.CRASH, "the kernel's console ends early"
    complained = any(complaint in boot.console for complaint in _COMPLAINTS)
    if boot.timed_out:
        kind, sentence = Kind.TIMEOUT, "the kernel was stopped when its time was up"
    elif complained and (death := _death(lines)):
        sentence = f"the kernel died: {death}"
    elif boot.overflowed:
        sentence = "the kernel was stopped: it printed without end"
    cut = bool(lines) and not lines[-1].endswith("\n")
    return _Ending(kind, sentence, running, cut, _last_words(lines, running), complained)


def _last_words(lines: Sequence[str], running: str) -> tuple[str, ...]:
    """The console from where `running` begins, or if it says much from where the kernel dies."""
    begin = f"# {running}: pc "
    start = next((n for n, line in enumerate(lines) if running and begin in line), len(lines))
    died = next((n for n in range(start, len(lines)) if _DEATH.search(lines[n])), start)
    start = max(start, died - _CONSOLE_LINES // 3)
    return tuple(line.rstrip("\r\n") for line in lines[start : start + _CONSOLE_LINES])


def _has_result(tests: Iterable[Test]) -> bool:
    return any(test.status is not TestStatus.TEST_CRASHED for test in tests)


def _death(lines: Iterable[str]) -> str:
    line = next((line for line in lines if _DEATH.search(line)), "")
    return line.strip()[:200]


def _judge(
    suite: Suite,
    case: SuiteCase,
    tests: list[Test],
    observations: Observations,
    ending: _Ending,
) -> CaseResult:
    console = tuple(line for test in tests for line in test.log)
    disagreement = None
    if len(tests) > 1:
        verdict = Verdict(Kind.MALFORMED, f"the console holds {len(tests)} results of this case")
    elif not _has_result(tests):
        verdict = _unfinished(case, observations, ending)
        if ending.running == case.name.function:
            console = ending.console
    elif observations.no_memory:
        bitmap, size = observations.no_memory
        verdict = Verdict(
            Kind.NOT_RUN, f"the kernel could not allocate {size} bytes for bitmap {bitmap}"
        )
    elif observations.faults or not observations.ended:
        verdict = _malformed(observations, console)
    elif observations.build_id != suite.build_id:
        verdict = Verdict(
            Kind.MALFORMED,
            f"the kernel that ran was built from other sources (build {observations.build_id}, "
            f"not {suite.build_id})",
        )
    elif observations.values != expected_values(case.program):
        disagreement = find_disagreement(case.program, observations.values)
        verdict = Verdict(Kind.DISAGREEMENT, _disagreement_sentence(case.program, disagreement))
    else:
        verdict = _by_status(tests[0], console if ending.complained else ())
    table = None
    if verdict.kind not in (Kind.PASSED, Kind.NOT_RUN):
        table = step_table(case.program, _attributable(suite, tests, observations, ending))
    return CaseResult(
        case, verdict, disagreement, len(observations.values), console[-_CONSOLE_LINES:], table
    )


def _attributable(
    suite: Suite, tests: Sequence[Test], observations: Observations, ending: _Ending
) -> Sequence[int]:
    """The values that are known to be those of the case's first steps."""
    other_build = observations.ended and observations.build_id != suite.build_id
    if len(tests) > 1 or observations.faults or other_build:
        return ()
    if ending.cut and not observations.ended:
        return observations.values[:-1]  # half of the last one may be missing
    return observations.values


def _unfinished(case: SuiteCase, observations: Observations, ending: _Ending) -> Verdict:
    if observations.begun and ending.running == case.name.function:
        return Verdict(ending.kind, f"{ending.sentence}, while this case was running")
    if observations.begun:
        return Verdict(Kind.MALFORMED, "the case was begun, and its result was never seen")
    culprit = f" in {ending.running}" if ending.running else ""
    return Verdict(Kind.NOT_RUN, f"the case was never seen: {ending.sentence}{culprit}")


def _malformed(observations: Observations, console: Sequence[str]) -> Verdict:
    if death := _death(console):
        return Verdict(Kind.CRASH, f"the kernel died in this case: {death}")
    if not observations.begun:
        return Verdict(Kind.MALFORMED, "KUnit reports the case, which observed nothing")
    faults = observations.faults or [
        f"the report breaks off after {len(observations.values)} of {observations.limit} values"
    ]
    return Verdict(Kind.MALFORMED, faults[0], "\n".join(faults[1:]))


def _by_status(test: Test, console: Sequence[str]) -> Verdict:
    if test.status is TestStatus.SUCCESS and not (death := _death(console)):
        return Verdict(Kind.PASSED)
    if test.status is TestStatus.SUCCESS:
        return Verdict(
            Kind.KERNEL_FAILURE, f"every observed value agrees, but the kernel complained: {death}"
        )
    if test.status is TestStatus.SKIPPED:
        return Verdict(Kind.NOT_RUN, "KUnit skipped the case")
    return Verdict(
        Kind.KERNEL_FAILURE, "every observed value agrees, but KUnit reports that the case failed"
    )


def find_disagreement(program: Program, values: Sequence[int]) -> Disagreement:
    """The first step whose values differ from the oracle's, or else the final words."""
    position = 0
    for number, step in enumerate(program.steps, 1):
        observed = tuple(values[position : position + len(step.expected)])
        if observed != step.expected:
            return Disagreement(number, step.expected, observed)
        position += len(step.expected)
    expected = expected_values(program)[position:]
    return Disagreement(None, tuple(expected), tuple(values[position:]))


def _disagreement_sentence(program: Program, disagreement: Disagreement) -> str:
    if disagreement.step is None:
        return "kernel and oracle disagree about the memory after the last step"
    step = program.steps[disagreement.step - 1]
    return (
        f"kernel and oracle disagree at step {disagreement.step} of {len(program.steps)}, "
        f"{step.call()[:80]}"
    )
