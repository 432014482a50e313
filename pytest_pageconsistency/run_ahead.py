# SPDX-License-Identifier: GPL-2.0-only
"""Cases that run while their kernel is being built and booted.

A case's own run needs the kernel's verdict only at its end. So cases run ahead, quietly, while
others would wait; once the verdicts are there, what passed is reported as it was, and what did not
is run again, for its report. Nobody can tell, but for the time: cases with fixtures or set-up of
their own never run ahead. Those whose programs are remembered from another session always do: if
one takes other steps, all are recorded anew, and a kernel is made for what they do now.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import cast

import pytest
from _pytest.runner import runtestprotocol
from _pytest.warnings import catch_warnings_for_item

from pytest_pageconsistency.batch import Batch
from pytest_pageconsistency.cases import Program, Recorder
from pytest_pageconsistency.failure import other_steps_failure
from pytest_pageconsistency.items import case_arch, is_plain, run_body
from pytest_pageconsistency.quick_run import QuickRuns, needs_no_more, open_quick_runs
from pytest_pageconsistency.unheard import Unheard

IS_AHEAD = pytest.StashKey[bool]()
"""Set while an item runs ahead: it must not wait for its kernel."""

TOOK_STEPS_OF = pytest.StashKey[Program | None]()
"""The program whose steps an item took that ran ahead, None if those that were recorded differ.

Unset if its body failed.
"""


@dataclass
class _Held:
    """An item that ran ahead, and what it has to report."""

    item: pytest.Function
    reports: Sequence[pytest.TestReport]

    def forget(self) -> None:
        """Let the item run again."""
        if TOOK_STEPS_OF in self.item.stash:
            del self.item.stash[TOOK_STEPS_OF]

    def stands(self, batch: Batch) -> bool:
        """Whether its reports are right as they are; waits for the kernel if it depends on that."""
        if TOOK_STEPS_OF not in self.item.stash:
            return False
        taken = self.item.stash[TOOK_STEPS_OF]
        if taken is None:
            return True
        recorded = batch.recorded(self.item)
        # Since then all may have been recorded anew.
        if recorded is None or (recorded is not taken and not recorded.same_steps(taken)):
            return False
        try:
            result = batch.case_result(self.item)
        except (Exception, pytest.fail.Exception):  # its second run will raise it, in its own name
            return False
        return result is not None and result.verdict.passed


@dataclass
class RunAhead:
    """The items of a session that ran ahead and are not reported yet."""

    batch: Batch
    quick: QuickRuns | None
    _held: list[_Held] = field(default_factory=list)
    _unheard: list[_Held] = field(default_factory=list)

    def protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
        """Run one item ahead if its kernel is not ready; None if pytest shall run it as ever."""
        if not isinstance(item, pytest.Function) or not self._may_wait(item):
            self._report(item)
            return True if _stops(item) else None
        if self._may_be_quick(item, nextitem):
            assert self.quick is not None
            reports = self.quick.run(item, partial(_own_run, self.batch, item))
            self._held.append(_Held(item, reports))
            self._unheard.append(self._held[-1])
        else:
            self._listen()
            self._held.append(_Held(item, _run_in_full(item, nextitem)))
        if nextitem is None or self.batch.is_ready(case_arch(item)):
            self._report(nextitem)
        return True

    def _may_wait(self, item: pytest.Function) -> bool:
        if not is_plain(item):
            return False
        return self.batch.is_remembered(item) or not self.batch.is_ready(case_arch(item))

    def _may_be_quick(self, item: pytest.Function, nextitem: pytest.Item | None) -> bool:
        if self.quick is None or not self.batch.is_recorded(item):
            return False
        return needs_no_more(item, nextitem)

    def _listen(self) -> None:
        """Let those run again that ran by themselves since the last time, if any was not silent.

        Else what they printed would be told of the next item that pytest runs.
        """
        if self._unheard and self.quick and not self.quick.were_silent():
            for one in self._unheard:
                one.forget()
        self._unheard.clear()

    def _report(self, nextitem: pytest.Item | None) -> None:
        """Report what was held, in its order; `nextitem` is the one that runs after it."""
        self._listen()
        held, self._held = self._held, []
        for one in held:
            if _stops(one.item):
                return
            hook = one.item.ihook
            name = {"nodeid": one.item.nodeid, "location": one.item.location}
            hook.pytest_runtest_logstart(**name)
            for report in one.reports if one.stands(self.batch) else _run_again(one, nextitem):
                hook.pytest_runtest_logreport(report=report)
            hook.pytest_runtest_logfinish(**name)


def _own_run(batch: Batch, item: pytest.Function) -> None:
    """Run a case's body, and check its steps; raises what either raises."""
    target = batch.target(case_arch(item))
    recorder = Recorder(target.abi)
    unheard = Unheard(item.config)
    try:
        returned = run_body(item, recorder, target)
    except Exception:
        unheard.drop()
        check_memory(batch, item, recorder.program(item.nodeid))
        raise
    if returned is None and not unheard.drop():
        check_steps(batch, item, recorder.program(item.nodeid))
    # Else pytest has a word to say of it, in another run.


def _run_in_full(
    item: pytest.Function, nextitem: pytest.Item | None
) -> Sequence[pytest.TestReport]:
    item.stash[IS_AHEAD] = True
    try:
        return runtestprotocol(item, log=False, nextitem=nextitem)
    finally:
        del item.stash[IS_AHEAD]


def _stops(item: pytest.Item) -> bool:
    """Whether nothing shall run any more."""
    return bool(item.session.shouldfail or item.session.shouldstop)


def _run_again(held: _Held, nextitem: pytest.Item | None) -> Sequence[pytest.TestReport]:
    """Run an item as ever; what it has to report.

    An item that failed and passes now has failed: in its first run it may have torn down what
    others had set up, and a case that passes at times is no case that passes.
    """
    item = held.item
    states = item.session._setupstate
    states.teardown_exact(item)
    # pytest has done this for the item in whose turn this one is reported.
    with catch_warnings_for_item(item.config, item.ihook, "runtest", item):
        # All but the item itself stays set up.
        parent = cast("pytest.Item", item.parent)
        reports = runtestprotocol(item, log=False, nextitem=parent)
    states.teardown_exact(nextitem)
    failed_first = any(report.failed for report in held.reports)
    return held.reports if failed_first and all(r.passed for r in reports) else reports


def check_steps(batch: Batch, item: pytest.Function, program: Program) -> None:
    """Compare what an item took ahead with what the kernel takes; CaseFailure if they differ."""
    check_memory(batch, item, program)
    recorded = batch.recorded(item)
    if recorded is None:
        return
    failure = other_steps_failure(recorded, program)
    item.stash[TOOK_STEPS_OF] = None if failure else recorded
    if failure is not None:
        raise failure
    batch.prove(item)


def check_memory(batch: Batch, item: pytest.Function, program: Program) -> None:
    """Have all recorded anew if an item took other steps than those that are remembered of it."""
    if batch.is_remembered(item):
        recorded = batch.recorded(item)
        if recorded is None or not recorded.same_steps(program):
            batch.record_anew(item)


def open_run_ahead(config: pytest.Config, batch: Batch) -> RunAhead | None:
    """For a session in which cases may run ahead; what is remembered of them holds there."""
    if not may_run_ahead(config):
        return None
    batch.runs_ahead = True
    return RunAhead(batch, open_quick_runs(config))


def may_run_ahead(config: pytest.Config) -> bool:
    """Whether nobody looks on.

    Workers report in their order, a debugger stops in the run, what is printed is seen at once, and
    another plugin may run items in its own way.
    """
    options = config.option
    looks_on = ("usepdb", "setuponly", "setupshow", "setupplan", "trace")
    if hasattr(config, "workerinput") or any(getattr(options, name, False) for name in looks_on):
        return False
    has_logging = config.pluginmanager.hasplugin("logging")
    if not has_logging or getattr(options, "capture", "no") == "no" or config.getini("log_cli"):
        return False
    ours = (__name__.rpartition(".")[0], "_pytest")
    return all(
        implementation.wrapper
        or implementation.hookwrapper
        or implementation.function.__module__.startswith(ours)
        for implementation in config.hook.pytest_runtest_protocol.get_hookimpls()
    )
