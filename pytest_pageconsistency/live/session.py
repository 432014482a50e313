# SPDX-License-Identifier: GPL-2.0-only
"""pytest's side of live kernels: which tests, for which kernels, and what is left of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_pageconsistency.batch import Batch
from pytest_pageconsistency.failure import missing_tools_skip, printable
from pytest_pageconsistency.live.artifacts import clear_live, write_boot, write_facts
from pytest_pageconsistency.live.kernels import Checker, Order, boot_live
from pytest_pageconsistency.live.observed import Observed
from pytest_pageconsistency.live.overhead import Overhead
from pytest_pageconsistency.verdict import Kind, TargetError, Verdict
from pytest_pageconsistency.workers import is_worker

KERNEL_FIXTURE = "live_kernel"
ARCH_FIXTURE = "live_arch"
_KERNEL_PROPERTY = "kunit_live_kernel"
_VERDICT_PROPERTY = "kunit_live_verdict"


class LiveKernel:
    """A kernel as the tests have it: boots are made when they are first asked for."""

    def __init__(self, session: LiveSession, arch: str, checker: Checker) -> None:
        self._session = session
        self.arch = arch
        self.checker = checker

    @property
    def panics(self) -> bool:
        """Whether a violation is to be the kernel's end."""
        return self.checker is Checker.PANICS

    def boot(self, *chapters: str) -> Observed:
        """What was observed of a boot through these chapters; the same one for all who ask."""
        return self._session.observe(Order(self.arch, self.checker, chapters))


class LiveSession:
    """Registered with --kunit-live alone. `opened` gives what the session's cases share."""

    def __init__(self, config: pytest.Config, opened: Callable[[], Batch], artifacts: Path | None):
        self._opened = opened
        self._artifacts = artifacts
        self._observed: dict[Order, Observed | Verdict] = {}
        self._lines: list[str] = []
        if config.args_source is not pytest.Config.ArgsSource.ARGS:
            # The directory: ids begin below what was asked for.
            config.args[:] = [str(Path(__file__).parent)]

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Forget what an earlier session left; workers of pytest-xdist leave it to the first."""
        if self._artifacts is not None and not is_worker(session.config):
            for arch in self._opened().architectures:
                clear_live(self._artifacts, arch)

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Make an item for each architecture, and for each way to answer a violation."""
        if KERNEL_FIXTURE in metafunc.fixturenames:
            kernels = [
                (arch, checker)
                for arch in self._opened().architectures
                for checker in (Checker.WARNS, Checker.PANICS)
            ]
            ids = [f"{arch}-{checker.value}" for arch, checker in kernels]
            metafunc.parametrize(KERNEL_FIXTURE, kernels, ids=ids, indirect=True)
        if ARCH_FIXTURE in metafunc.fixturenames:
            architectures = self._opened().architectures
            metafunc.parametrize(ARCH_FIXTURE, architectures, indirect=True)

    @pytest.fixture
    def live_kernel(self, request: pytest.FixtureRequest) -> LiveKernel:
        """A kernel with the checker: `boot(*chapters)` tells what was observed."""
        arch, checker = request.param
        _mark(request.node, f"{arch}, {checker.value}")
        return LiveKernel(self, arch, checker)

    @pytest.fixture
    def live_arch(self, request: pytest.FixtureRequest) -> str:
        """An architecture whose kernels are compared."""
        _mark(request.node, request.param)
        return str(request.param)

    @pytest.fixture
    def live_boot(self) -> Callable[[Order], Observed]:
        """Boot a kernel of any kind."""
        return self.observe

    @pytest.fixture
    def live_report(self, request: pytest.FixtureRequest) -> Callable[[str], None]:
        """Leave a verdict with the item and below the session's results."""
        properties = request.node.user_properties
        return lambda line: properties.append((_VERDICT_PROPERTY, line))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Collect the verdicts, the workers' too."""
        if report.when == "call":
            self._lines += [
                str(line) for name, line in report.user_properties if name == _VERDICT_PROPERTY
            ]

    @pytest.fixture
    def live_overhead_report(
        self, live_report: Callable[[str], None]
    ) -> Callable[[Overhead], None]:
        """Leave the costs with the item, below the session's results and in the artifacts."""

        def report(overhead: Overhead) -> None:
            live_report(overhead.line())
            if self._artifacts is not None:
                write_facts(self._artifacts, overhead.arch, "overhead", overhead.document())

        return report

    def observe(self, order: Order) -> Observed:
        """Boot once for each order, whoever asks; what was raised is raised for all of them."""
        if order not in self._observed:
            self._observed[order] = self._boot(order)
        found = self._observed[order]
        if isinstance(found, Verdict):
            with missing_tools_skip():
                # Anew: one exception that is raised again and again has an endless traceback.
                raise TargetError(found.kind, found.message, found.details)
        return found

    def _boot(self, order: Order) -> Observed | Verdict:
        workshop = self._opened().workshop
        try:
            booted = workshop.call(
                order.kernel, lambda progress: boot_live(order, workshop.settings, progress)
            )
            if self._artifacts is not None:
                write_boot(self._artifacts, order, booted)
        except TargetError as error:
            return error.verdict
        except OSError as error:
            return Verdict(Kind.CONFIG_ERROR, f"{error.filename or 'disk'}: {error.strerror}")
        return Observed(booted)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say what was measured, and which panics were seen as they had to be."""
        if self._lines:
            terminalreporter.section("live kernels")
            for line in self._lines:
                terminalreporter.write_line(printable(line))


def _mark(item: pytest.Item, kernel: str) -> None:
    # Under another name than cases have: they are in result.json, and these are not.
    item.user_properties.append((_KERNEL_PROPERTY, kernel))
