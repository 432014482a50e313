# SPDX-License-Identifier: GPL-2.0-only
"""Kernels of several architectures at work side by side, and whoever waits for one of them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, wait
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from pytest_pageconsistency import head_start
from pytest_pageconsistency.artifacts import unwritable, write_artifacts, write_failure
from pytest_pageconsistency.background import INTERVAL, Background, Cancelled
from pytest_pageconsistency.cases import Program
from pytest_pageconsistency.configuration import find_target
from pytest_pageconsistency.cores import Cores
from pytest_pageconsistency.ending import has_ended
from pytest_pageconsistency.generate import export_suite
from pytest_pageconsistency.kernel.kunit import KernelRun
from pytest_pageconsistency.pipeline import Plan, TargetResult, carry_out, judge, make_plan
from pytest_pageconsistency.progress import Board, Line, Progress
from pytest_pageconsistency.settings import Settings
from pytest_pageconsistency.sharing import (
    Leadership,
    is_published,
    publish,
    publish_run,
    published,
)
from pytest_pageconsistency.target import Target
from pytest_pageconsistency.verdict import Kind, TargetError

_T = TypeVar("_T")
_THREADS = 32
"""Architectures that are at work at once at the most; cores are what is short."""

_HEAD_START = 1.0
"""Seconds that a thread has for itself, at the most, before cases run ahead."""

OpenDisplay = Callable[[Board], AbstractContextManager[Callable[[], None]]]
"""Shows a board for as long as the block lasts; gives what to call now and then."""


@dataclass(frozen=True)
class Order:
    """The programs to run on a target; `planned` are the pytest ids of all its cases."""

    target: Target
    programs: Sequence[Program]
    planned: Sequence[str]


@dataclass(frozen=True)
class Failure:
    """Why there is no order for an architecture, and the pytest ids of its cases."""

    arch: str
    error: TargetError
    planned: Sequence[str]


@dataclass(frozen=True)
class Outputs:
    """Directories for artifacts and exported suites, and the one that worker processes share.

    None where there is none.
    """

    artifacts: Path | None = None
    export: Path | None = None
    shared: Path | None = None


class Workshop:
    """Finds targets and runs orders on threads; all methods are the main thread's to call."""

    def __init__(
        self,
        settings: Settings,
        outputs: Outputs,
        open_display: OpenDisplay,
        ahead: head_start.HeadStart | None = None,
    ) -> None:
        self.settings = settings
        self.outputs = outputs
        self._open_display = open_display
        self._board = Board()
        self._background: Background | None = None
        self._leadership = Leadership(outputs.shared) if outputs.shared else None
        self._leads = True
        # A worker is a child of the process that wants its results.
        self._parent = os.getppid()
        self._futures: dict[str, Future[TargetResult]] = {}
        self._ahead = ahead

    def find_targets(self, architectures: Sequence[str]) -> dict[str, Target | Exception]:
        """Each architecture's target, or the exception that says why it has none."""
        cores = Cores(self.settings.jobs, len(architectures))
        futures = {
            arch: self._start(arch, partial(find_target, arch, self.settings, cores))
            for arch in architectures
        }
        found: dict[str, Target | Exception] = {}
        with self._display(futures.values()) as idle:
            for arch, future in futures.items():
                try:
                    found[arch] = self._opened().wait(future, idle)
                except OSError as error:
                    found[arch] = _as_target_error(error)
                except Exception as error:  # each case of the target will raise it
                    found[arch] = error
        return found

    def begin(self, orders: Sequence[Order], failures: Sequence[Failure]) -> None:
        """Build and boot for all orders, side by side, or wait for the worker that does.

        Of the `failures` word is left where artifacts are wanted.
        """
        if self._leadership is not None:
            # A moment, because a worker that asks whether there is a leader holds it for one.
            self._leads = self._leadership.take(INTERVAL)
        for failure in failures:
            self._note(failure)
        cores = Cores(self.settings.jobs, len(orders))
        for turn, order in enumerate(orders):
            work = partial(self._carry_out, order, cores, turn)
            self._futures[order.target.arch] = self._start(order.target.arch, work)

    def begin_again(self, order: Order) -> None:
        """Carry out another order for an architecture, once the one before has come to its end."""
        with contextlib.suppress(Exception):
            self.outcome(order.target.arch)
        work = partial(self._carry_out, order, Cores(self.settings.jobs), 0)
        self._futures[order.target.arch] = self._start(order.target.arch, work)

    def outcome(self, arch: str) -> TargetResult:
        """Wait for an order that was begun; raises what it raised."""
        return self._wait(self._futures[arch])

    def is_ready(self, arch: str) -> bool:
        """Whether `outcome` returns or raises at once."""
        return arch not in self._futures or self._futures[arch].done()

    def let_start(self, arch: str) -> None:
        """Wait a moment, until other processes work for an architecture.

        A thread that opens many files gets the interpreter back for each of them, from one that
        computes, after 5 ms: some 50 ms of work would take a second.
        """
        if (handed_over := self._board.handed_over.get(arch)) is not None:
            handed_over.wait(_HEAD_START)
            handed_over.set()

    def call(self, name: str, work: Callable[[Progress], _T]) -> _T:
        """Do some other long work and wait for it."""
        return self._wait(self._start(name, work))

    def run(self, order: Order) -> TargetResult:
        """Build and boot for this order now, apart from those that were begun."""
        cores = Cores(self.settings.jobs)

        def work(progress: Progress) -> TargetResult:
            plan = make_plan(order.programs, order.target, self.settings, progress)
            return judge(plan, carry_out(plan, cores, progress))

        return self.call(order.target.arch, work)

    def close(self) -> None:
        """End what nobody waits for; other workers may still wait for what the leader builds."""
        try:
            if self._leadership is not None and self._leads:
                for future in self._futures.values():
                    while not self._nobody_waits() and not wait([future], timeout=INTERVAL).done:
                        pass
        finally:
            try:
                if self._background is not None:
                    self._background.close()
            finally:
                if self._ahead is not None:
                    self._ahead.close()
                if self._leadership is not None:
                    self._leadership.lay_down()

    def _nobody_waits(self) -> bool:
        """Whether the session that this worker belongs to has ended, or died."""
        shared = self.outputs.shared
        return shared is not None and (has_ended(shared) or os.getppid() != self._parent)

    def _check(self) -> None:
        """Raise Cancelled once this process, or the session that it works for, ends."""
        self._opened().raise_if_cancelled()
        if self._nobody_waits():
            raise Cancelled("the session was ended")

    def _start(self, name: str, work: Callable[[Progress], _T]) -> Future[_T]:
        background = self._opened()
        worker = self._board.worker(name, self._check)

        def whole() -> _T:
            try:
                return work(worker)
            finally:
                worker.done()

        return background.submit(whole)

    def _wait(self, future: Future[_T]) -> _T:
        if future.done():
            return future.result()
        with self._display([future]) as idle:
            return self._opened().wait(future, idle)

    @contextmanager
    def _display(self, futures: Iterable[Future[Any]]) -> Iterator[Callable[[], None]]:
        """Show the board if one of these is not ready in a moment; gives what to call meanwhile."""
        if not wait(futures, timeout=INTERVAL).not_done:
            yield lambda: None
            return
        with self._open_display(self._board) as show:

            def idle() -> None:
                self._check()
                show()

            yield idle

    def _opened(self) -> Background:
        if self._background is None:
            self._background = Background(_THREADS)
        return self._background

    def _carry_out(self, order: Order, cores: Cores, turn: int, progress: Progress) -> TargetResult:
        arch, outputs = order.target.arch, self.outputs
        try:
            if self._leads and outputs.export is not None:
                write_export(outputs.export / arch, order)
            plan = make_plan(order.programs, order.target, self.settings, progress)
            result = judge(*self._kernel_run(plan, cores, turn, progress))
            if self._leads and outputs.artifacts is not None:
                write_artifacts(outputs.artifacts, result, result.run.elf.document())
        except (OSError, TargetError) as error:
            target_error = _as_target_error(error)
            self._note(Failure(arch, target_error, order.planned))
            raise target_error from error
        return result

    def _kernel_run(
        self, plan: Plan, cores: Cores, turn: int, progress: Progress
    ) -> tuple[Plan, KernelRun]:
        shared, arch = self.outputs.shared, plan.target.arch
        if self._ahead is not None and arch == head_start.ARCH:
            progress.phase("building the kernel")
            self._ahead.wait(lambda: progress.tick(""))
        if shared is None:
            return plan, carry_out(plan, cores, progress, turn)
        if not self._leads or is_published(shared, arch):
            found = published(shared, arch, progress)
            return replace(plan, suite=found.suite_of(plan.suite, plan.identity)), found.run
        try:
            run = carry_out(plan, cores, progress, turn)
        except (OSError, TargetError) as error:
            publish(shared, arch, _as_target_error(error).verdict)
            raise
        publish_run(shared, arch, run, plan.suite, plan.identity)
        return plan, run

    def _note(self, failure: Failure) -> None:
        """Leave word of a target that was never booted; the others do not suffer if that fails."""
        if self._leads and self.outputs.artifacts is not None:
            try:
                write_failure(
                    self.outputs.artifacts, failure.arch, failure.error.verdict, failure.planned
                )
            except OSError as error:
                line = f"{failure.arch}: {unwritable(error)}"
                self._board.lines.append(Line(line, lasting=True))


def _as_target_error(error: OSError | TargetError) -> TargetError:
    if isinstance(error, TargetError):
        return error
    return TargetError(Kind.CONFIG_ERROR, f"{error.filename or 'disk'}: {error.strerror or error}")


def write_export(directory: Path, order: Order) -> None:
    """Write the self-contained suite of an order's programs to `directory`."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in export_suite(order.programs, order.target).items():
        (directory / name).write_text(text, encoding="ascii")
