# SPDX-License-Identifier: GPL-2.0-only
"""A verdict as a pytest failure: what is raised, and how it is shown."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from _pytest._code.code import ReprFileLocation, TerminalRepr
from _pytest._io import TerminalWriter

from pytest_pageconsistency.cases import Program
from pytest_pageconsistency.crosscheck import CaseResult
from pytest_pageconsistency.items import case_arch
from pytest_pageconsistency.options import DEFAULT_TIMEOUT
from pytest_pageconsistency.pipeline import TargetResult
from pytest_pageconsistency.report import Reproduction, describe, kunit_command
from pytest_pageconsistency.verdict import Kind, TargetError, Verdict

_SHOWN = pytest.StashKey[dict[Verdict, str]]()
"""The verdicts whose details a report holds already, and which item's."""


class CaseFailure(Exception):  # noqa: N818  # a failure, as pytest says it, not an error
    """A case's verdict is not "passed"; `report` is the text for a person."""

    def __init__(self, kind: Kind, message: str, report: str) -> None:
        super().__init__(f"{kind.value}: {message}")
        self.kind = kind
        self.report = report


class Representation(TerminalRepr):
    """The report of a verdict in place of a traceback."""

    def __init__(self, headline: str, report: str, reprcrash: ReprFileLocation) -> None:
        self.headline = printable(headline)
        self.report = printable(report)
        self.reprcrash = reprcrash

    def toterminal(self, tw: TerminalWriter) -> None:
        """Print the headline as an error, then the report."""
        tw.line(self.headline, red=True, bold=True)
        if self.report:
            tw.line()
            tw.line(self.report)


def case_failure(
    item: pytest.Function, program: Program, target: TargetResult, result: CaseResult
) -> CaseFailure | None:
    """What to raise for a case whose body has passed, None if the kernel agrees.

    `program` is what the body recorded in its own run.
    """
    if other_steps := other_steps_failure(result.case.program, program):
        return other_steps
    if result.verdict.passed:
        return None
    reproduction = Reproduction(
        pytest=pytest_command(item), kunit=kunit_command(result, target.run.exec_command)
    )
    report = describe(result, reproduction)
    return CaseFailure(
        result.verdict.kind, f"{target.target.arch}: {result.verdict.message}", report
    )


def other_steps_failure(recorded: Program, ran: Program) -> CaseFailure | None:
    """What to raise for a case that took other steps in its own run, None if it did not."""
    if ran.same_steps(recorded):
        return None
    message = "the case is not deterministic: it took other steps than when it was recorded"
    return CaseFailure(Kind.CASE_ERROR, message, _first_difference(recorded, ran))


def kernel_note(result: CaseResult) -> str:
    """What the kernel said of a case whose body failed against the oracle."""
    if result.verdict.passed:
        steps = len(result.case.program.steps)
        return f"the kernel agrees with the oracle in all {steps} steps before the failure"
    return printable(f"{result.verdict.kind.value}: {result.verdict.message}")


def as_representation(item: pytest.Item, error: CaseFailure | TargetError) -> Representation:
    """How pytest shows a verdict: headline, report, and a location for the summary line."""
    if isinstance(error, CaseFailure):
        headline, report = str(error), error.report
    else:
        verdict = error.verdict
        headline = f"{verdict.kind.value}: {verdict.message}"
        report = _details_once(item, verdict)
    path, line, _ = item.reportinfo()
    crash = ReprFileLocation(str(path), (line or 0) + 1, printable(headline))
    return Representation(headline, report, crash)


def _details_once(item: pytest.Item, verdict: Verdict) -> str:
    """One target, one report: the other items refer to the first one's details."""
    shown = item.config.stash.setdefault(_SHOWN, {})
    first = shown.setdefault(verdict, item.nodeid)
    if not verdict.details or item.nodeid == first:
        return verdict.details
    return f"the details stand with {first}"


def may_be_expected(error: CaseFailure | TargetError) -> bool:
    """Whether an xfail mark may stand for it: the kernel ran the case and was found wrong.

    What was never built, seen or readable is no expected failure.
    """
    kind = error.kind if isinstance(error, CaseFailure) else error.verdict.kind
    return kind in (Kind.DISAGREEMENT, Kind.KERNEL_FAILURE, Kind.CRASH, Kind.TIMEOUT)


@contextmanager
def missing_tools_skip() -> Iterator[None]:
    """Skip the test where the machine lacks a tool; everything else that is wrong is an error."""
    try:
        yield
    except TargetError as error:
        if error.verdict.kind is Kind.TOOL_MISSING:
            pytest.skip(error.verdict.message)
        raise


def printable(text: str) -> str:
    """Text for a terminal: what a kernel or a compiler printed cannot steer it."""
    return "".join(
        char if char.isprintable() or char in "\n\t" else ascii(char)[1:-1] for char in text
    )


def pytest_command(item: pytest.Function) -> list[str]:
    """The command line that runs one item again, with the same options."""
    config = item.config
    place = config.invocation_params.dir
    path = item.path.relative_to(place) if item.path.is_relative_to(place) else item.path
    arch = f"--kunit-arch={case_arch(item)}"
    command = ["pytest", f"{path}::{item.nodeid.partition('::')[2]}", arch]
    return command + _kunit_arguments(config)


_ENVIRONMENT = {"tree": "KUNIT_TREE", "cache": "PAGECONSISTENCY_CACHE"}


_REPEATED = (
    "tree",
    "header",
    "checker",
    "kconfig",
    "make_option",
    "cross_compile",
    "qemu_arg",
    "timeout",
    "cache",
)


def _kunit_arguments(config: pytest.Config) -> list[str]:
    arguments: list[str] = []
    for name in _REPEATED:
        value = config.getoption(f"kunit_{name}") or os.environ.get(_ENVIRONMENT.get(name, ""))
        if value == DEFAULT_TIMEOUT:
            continue
        values = value if isinstance(value, list) else [value] if value else []
        arguments += [f"--kunit-{name.replace('_', '-')}={value}" for value in values]
    return arguments


def _first_difference(recorded: Program, ran: Program) -> str:
    for number, (first, second) in enumerate(zip(recorded.steps, ran.steps, strict=False), 1):
        if first != second:
            place = f"{Path(second.source[0]).name}:{second.source[1]}"
            return f"step {number} ({place}) was {first.call()}, then {second.call()}"
    return f"{len(recorded.steps)} steps were recorded, {len(ran.steps)} were taken"
