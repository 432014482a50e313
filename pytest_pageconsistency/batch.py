# SPDX-License-Identifier: GPL-2.0-only
"""All selected cases of a target in one build and one boot, when the first of them runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pytest_pageconsistency.artifacts import clear_artifacts, write_artifacts
from pytest_pageconsistency.cases import Program
from pytest_pageconsistency.crosscheck import CaseResult
from pytest_pageconsistency.generate import export_suite
from pytest_pageconsistency.items import cases_of, record_item, target_of
from pytest_pageconsistency.pipeline import Settings, TargetResult, run_programs
from pytest_pageconsistency.progress import Progress
from pytest_pageconsistency.target import Target
from pytest_pageconsistency.verdict import Kind, TargetError


@dataclass(repr=False)
class Recording:
    """The programs of a target's cases, and the errors of those that cannot be recorded."""

    programs: dict[str, Program] = field(default_factory=dict)
    errors: dict[str, TargetError] = field(default_factory=dict)


@dataclass(repr=False)
class Batch:
    """What one pytest run has built and booted, by target.

    `open_progress` makes the display for as long as a target is at work; `artifacts` and `export`
    are directories or None.
    """

    settings: Settings
    open_progress: Callable[[], AbstractContextManager[Progress]]
    artifacts: Path | None = None
    export: Path | None = None
    _recordings: dict[Target, Recording] = field(default_factory=dict)
    _outcomes: dict[Target, TargetResult | Exception] = field(default_factory=dict)
    _first: dict[Target, str] = field(default_factory=dict)

    def recording(self, items: Sequence[pytest.Item], target: Target) -> Recording:
        """Record all of the target's cases among `items`, once."""
        if target not in self._recordings:
            self._forget_artifacts(target)
            self._recordings[target] = _record(cases_of(items, target))
        return self._recordings[target]

    def prepare(self, item: pytest.Function) -> None:
        """Build and boot for all of a target's cases, when `item` is the first of them to run.

        Raises TargetError where that failed, where the item cannot be recorded, and where the
        kernel never ran it.
        """
        target = target_of(item)
        recording = self.recording(item.session.items, target)
        if error := recording.errors.get(item.nodeid):
            raise error
        if item.nodeid not in recording.programs:
            return
        if target not in self._outcomes:
            self._outcomes[target] = self._run(list(recording.programs.values()), target)
            self._first[target] = item.nodeid
        outcome = self._outcomes[target]
        if isinstance(outcome, TargetError):
            raise self._repeated(outcome, item, self._first[target])
        if isinstance(outcome, Exception):
            raise outcome
        verdict = outcome.results[item.nodeid].verdict
        if verdict.kind is Kind.NOT_RUN:
            raise TargetError(verdict.kind, f"{target.arch}: {verdict.message}", verdict.details)

    def case_result(self, item: pytest.Function) -> CaseResult | None:
        """The item's result, if there is one."""
        outcome = self._outcomes.get(target_of(item))
        return outcome.results.get(item.nodeid) if isinstance(outcome, TargetResult) else None

    def result(self, item: pytest.Function) -> tuple[TargetResult, CaseResult]:
        """The result of the item's target and its own; TargetError where it has none."""
        outcome = self._outcomes.get(target_of(item))
        if not isinstance(outcome, TargetResult) or item.nodeid not in outcome.results:
            raise TargetError(
                Kind.CASE_ERROR,
                "the case is not deterministic: it recorded nothing before the kernel was built "
                "(fixtures and setup methods do not run then)",
            )
        return outcome, outcome.results[item.nodeid]

    def run(self, programs: Sequence[Program], target: Target) -> TargetResult:
        """Build and boot for these programs now, apart from the session's cases."""
        with self.open_progress() as progress:
            return run_programs(programs, target, self.settings, progress)

    @staticmethod
    def _repeated(error: TargetError, item: pytest.Function, first: str) -> TargetError:
        """One target, one report: the other items refer to the first one's details."""
        verdict = error.verdict
        details = verdict.details
        if details and item.nodeid != first:
            details = f"the details stand with {first}"
        return TargetError(verdict.kind, verdict.message, details)

    def _run(self, programs: Sequence[Program], target: Target) -> TargetResult | Exception:
        try:
            if self.export is not None:
                write_export(self.export / target.arch, programs, target)
            result = self.run(programs, target)
            if self.artifacts is not None:
                write_artifacts(self.artifacts, result)
        except OSError as error:
            return TargetError(Kind.CONFIG_ERROR, f"{error.filename or 'disk'}: {error.strerror}")
        except Exception as error:  # once is enough: the other items raise it again
            return error
        return result

    def _forget_artifacts(self, target: Target) -> None:
        """What an earlier session left must not be taken for this one's."""
        if self.artifacts is not None:
            try:
                clear_artifacts(self.artifacts, target)
            except OSError as error:
                message = f"cannot write artifacts to {error.filename}: {error.strerror}"
                raise TargetError(Kind.CONFIG_ERROR, message) from error


def write_export(directory: Path, programs: Sequence[Program], target: Target) -> None:
    """Write the self-contained suite of `programs` to `directory`."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in export_suite(programs, target).items():
        (directory / name).write_text(text, encoding="ascii")


def _record(items: Sequence[pytest.Function]) -> Recording:
    recording = Recording()
    for item in items:
        try:
            program = record_item(item)
        except TargetError as error:
            recording.errors[item.nodeid] = error
        else:
            if item.nodeid in recording.programs:
                message = "two cases have this id: start pytest from a directory above both files"
                recording.errors[item.nodeid] = TargetError(Kind.CASE_ERROR, message)
            elif program is not None:
                recording.programs[item.nodeid] = program
    return recording
