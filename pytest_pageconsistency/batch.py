# SPDX-License-Identifier: GPL-2.0-only
"""The cases of a pytest session, by target: recorded together, each judged by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pytest_pageconsistency.cases import Program
from pytest_pageconsistency.crosscheck import CaseResult
from pytest_pageconsistency.garbage import no_garbage_collected
from pytest_pageconsistency.items import MARK_ERROR, case_arch, cases_by_arch
from pytest_pageconsistency.kernel.tree import Tree, find_tree
from pytest_pageconsistency.memory import Memory, memories
from pytest_pageconsistency.pipeline import TargetResult
from pytest_pageconsistency.recording import Recording, record
from pytest_pageconsistency.target import Target
from pytest_pageconsistency.verdict import Kind, TargetError
from pytest_pageconsistency.workshop import Failure, Order, Workshop


@dataclass(repr=False)
class Batch:
    """All cases of one pytest run.

    `architectures` are the chosen ones. The first case to run records all of them and has the
    kernels of all targets built side by side. Programs are remembered from other sessions where
    the session `runs_ahead`, which proves them, and leaves no results or exports to others.
    """

    workshop: Workshop
    architectures: list[str] = field(default_factory=list)
    runs_ahead: bool = False
    _targets: dict[str, Target | Exception] = field(default_factory=dict)
    _recordings: dict[str, Recording] = field(default_factory=dict)
    _memories: dict[str, Mapping[Path, Memory]] = field(default_factory=dict)
    _begun: bool = False

    def tree(self) -> Tree:
        """The kernel source under test."""
        settings = self.workshop.settings
        return self.workshop.call(
            "tree", lambda progress: find_tree(settings.tree, settings.cache, progress)
        )

    def targets(self, architectures: Sequence[str]) -> dict[str, Target | Exception]:
        """The targets of these architectures; an exception for one that has none."""
        wanted = [arch for arch in architectures if arch not in self._targets]
        if wanted:
            self._targets |= self.workshop.find_targets(wanted)
        return {arch: self._targets[arch] for arch in architectures}

    def target(self, arch: str) -> Target:
        """The target of one architecture; raises what says why it has none."""
        if arch not in self._targets:
            # Those of the other architectures will be wanted too, and are found in the same time.
            self.targets(list(dict.fromkeys((arch, *self.architectures))))
        target = self._targets[arch]
        if isinstance(target, Exception):
            raise target
        return target

    def recording(self, items: Sequence[pytest.Item], target: Target) -> Recording:
        """Record all of the target's cases among `items`, once, but for those remembered."""
        if target.arch not in self._recordings:
            cases = cases_by_arch(items).get(target.arch, [])
            self._recordings[target.arch] = record(cases, target, self._remembered(cases, target))
        return self._recordings[target.arch]

    def recorded_now(self, items: Sequence[pytest.Item], target: Target) -> Mapping[str, Program]:
        """The programs of all of the target's cases, none of them from another session."""
        recording = self.recording(items, target)
        if recording.remembered:
            recording = record(cases_by_arch(items).get(target.arch, []), target, {})
        return recording.programs

    def is_recorded(self, item: pytest.Function) -> bool:
        """Whether the item's kernel has been begun, with a program of the item in it."""
        recording = self._recordings.get(case_arch(item))
        return self._begun and recording is not None and item.nodeid in recording.programs

    def is_remembered(self, item: pytest.Function) -> bool:
        """Whether an item's program is from another session, and not proven yet."""
        recording = self._recordings.get(case_arch(item))
        return recording is not None and item.nodeid in recording.remembered

    def prove(self, item: pytest.Function) -> None:
        """Note that an item's own run took the steps that were recorded of it."""
        self._recordings[case_arch(item)].proven.add(item.nodeid)

    def record_anew(self, item: pytest.Function) -> None:
        """Record all cases of an item's target, of which something remembered proved wrong."""
        arch = case_arch(item)
        cases = cases_by_arch(item.session.items).get(arch, [])
        self._recordings[arch] = recording = record(cases, self.target(arch), {})
        self.workshop.begin_again(_order(self.target(arch), recording, cases))

    def close(self) -> None:
        """End what runs, and remember what was recorded."""
        self.workshop.close()
        for arch, found in self._memories.items():
            recording = self._recordings.get(arch, Recording())
            for file, memory in found.items():
                if programs := recording.learned(file):
                    memory.keep(programs)

    def _remembered(
        self, cases: Sequence[pytest.Function], target: Target
    ) -> Mapping[str, Program]:
        outputs = self.workshop.outputs
        if not self.runs_ahead or outputs.artifacts or outputs.export:
            return {}
        files = {case.path for case in cases}
        found = memories(self.workshop.settings.cache, target, files)
        self._memories[target.arch] = found
        return {name: each for m in found.values() for name, each in m.recall().items()}

    def begin(self, items: Sequence[pytest.Item]) -> None:
        """Record the cases among `items`, and have their kernels built; does so once."""
        if self._begun:
            return
        self._begun = True
        # What was recorded lives as long as the session.
        with no_garbage_collected():
            orders, failures = self._planned(items)
        self.workshop.begin(orders, failures)

    def _planned(self, items: Sequence[pytest.Item]) -> tuple[list[Order], list[Failure]]:
        """What is to be built for the cases among `items`, and why some of it cannot be."""
        orders, failures = [], []
        cases = cases_by_arch(items)
        for arch, target in self.targets(list(cases)).items():
            planned = [case.nodeid for case in cases[arch]]
            if isinstance(target, TargetError):
                failures.append(Failure(arch, target, planned))
            elif isinstance(target, Target):
                recording = self.recording(items, target)
                if recording.programs:
                    orders.append(_order(target, recording, cases[arch]))
        return orders, failures

    def is_ready(self, arch: str) -> bool:
        """Whether nobody needs to wait for the kernel of an architecture any more.

        First lets the threads start the processes that they need.
        """
        if not self._begun:
            return False
        self.workshop.let_start(arch)
        return self.workshop.is_ready(arch)

    def recorded(self, item: pytest.Function) -> Program | None:
        """What was recorded of an item, None if nothing was.

        Raises TargetError where the target failed and where the item cannot be recorded.
        """
        if error := item.stash.get(MARK_ERROR, None):
            raise error
        recording = self.recording(item.session.items, self.target(case_arch(item)))
        if error := recording.errors.get(item.nodeid):
            raise error
        return recording.programs.get(item.nodeid)

    def prepare(self, item: pytest.Function) -> None:
        """Wait for the kernel of the item's target.

        Raises TargetError where the target failed, where the item cannot be recorded, and where
        the kernel never ran it.
        """
        if self.recorded(item) is None:
            return
        arch = case_arch(item)
        verdict = self.workshop.outcome(arch).results[item.nodeid].verdict
        if verdict.kind is Kind.NOT_RUN:
            raise TargetError(verdict.kind, f"{arch}: {verdict.message}", verdict.details)

    def case_result(self, item: pytest.Function) -> CaseResult | None:
        """The item's result, if there is one."""
        found = self._result(item)
        return found[1] if found else None

    def result(self, item: pytest.Function) -> tuple[TargetResult, CaseResult]:
        """The result of the item's target and its own; TargetError where it has none."""
        found = self._result(item)
        if found is None:
            raise TargetError(
                Kind.CASE_ERROR,
                "the case is not deterministic: it recorded nothing before the kernel was built "
                "(fixtures and setup methods do not run then)",
            )
        return found

    def run(self, programs: Sequence[Program], target: Target) -> TargetResult:
        """Build and boot for these programs now, apart from the session's cases."""
        return self.workshop.run(Order(target, programs, ()))

    def _result(self, item: pytest.Function) -> tuple[TargetResult, CaseResult] | None:
        arch = case_arch(item)
        recording = self._recordings.get(arch)
        if recording is None or item.nodeid not in recording.programs:
            return None
        outcome = self.workshop.outcome(arch)
        return outcome, outcome.results[item.nodeid]


def _order(target: Target, recording: Recording, cases: Sequence[pytest.Function]) -> Order:
    return Order(target, list(recording.programs.values()), [case.nodeid for case in cases])
