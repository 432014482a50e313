# SPDX-License-Identifier: GPL-2.0-only
"""One boot for all worker processes of a session: the first worker builds, the others read.

The directory is the session's own (mode 0700), so what is read there is what a worker wrote.
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from filelock import FileLock, Timeout

from pytest_pageconsistency.background import INTERVAL
from pytest_pageconsistency.built_suite import BuiltCase, built_case
from pytest_pageconsistency.generate import Suite
from pytest_pageconsistency.kernel.kunit import KernelRun
from pytest_pageconsistency.progress import Progress
from pytest_pageconsistency.verdict import Kind, TargetError, Verdict


class Leadership:
    """The right to build for all workers: one of them has it for as long as it lives."""

    def __init__(self, directory: Path) -> None:
        self._lock = FileLock(directory / "leader", thread_local=False)

    def take(self, seconds: float = 0) -> bool:
        """Take it if nobody else has it, or lays it down within `seconds`."""
        try:
            self._lock.acquire(timeout=seconds)
        except Timeout:
            return False
        return True

    def lay_down(self) -> None:
        """Give it up, if it was taken."""
        self._lock.release(force=True)


@dataclass(frozen=True, repr=False)
class Published:
    """A run, and the suite that was in its kernel: without its cases, of which `built` tells.

    `identity` is what else the kernel was built from.
    """

    run: KernelRun
    suite: Suite
    built: frozenset[BuiltCase]
    identity: Mapping[str, str]

    def suite_of(self, planned: Suite, identity: Mapping[str, str]) -> Suite:
        """The suite that is judged by a worker which `planned` one for the same kernel.

        The place may have held another one then. Cases that are not those in the kernel, or were
        planned for sources that were edited meanwhile, keep the build id that was planned, and will
        not pass.
        """
        are_built = self.built.issuperset(map(built_case, planned.cases))
        if not are_built or identity != self.identity:
            return planned
        return replace(self.suite, cases=planned.cases)


def publish_run(
    directory: Path, arch: str, run: KernelRun, suite: Suite, identity: Mapping[str, str]
) -> None:
    """Let the other workers have the run of a target's kernel."""
    built = frozenset(map(built_case, suite.cases))
    publish(directory, arch, Published(run, replace(suite, cases=()), built, identity))


def publish(directory: Path, arch: str, outcome: Published | Verdict) -> None:
    """Let the other workers have what became of a target."""
    draft = directory / f"{arch}.{os.getpid()}"
    draft.write_bytes(pickle.dumps(outcome))
    draft.replace(_outcome(directory, arch))


def is_published(directory: Path, arch: str) -> bool:
    """Whether there is an outcome of a target, such as an earlier leader's."""
    return _outcome(directory, arch).exists()


def published(directory: Path, arch: str, progress: Progress) -> Published:
    """Wait for what became of a target, and return or raise it.

    TargetError (NOT_RUN) if the leader is gone without a word.
    """
    leadership = Leadership(directory)
    gone = False
    while not is_published(directory, arch):
        if gone:
            message = "the worker that built for all ended before this kernel ran: run again"
            raise TargetError(Kind.NOT_RUN, message)
        progress.tick("")
        if leadership.take(INTERVAL):
            leadership.lay_down()
            gone = True
    outcome = pickle.loads(_outcome(directory, arch).read_bytes())  # noqa: S301  # the session's own
    if isinstance(outcome, Verdict):
        raise TargetError(outcome.kind, outcome.message, outcome.details)
    assert isinstance(outcome, Published)
    return outcome


def _outcome(directory: Path, arch: str) -> Path:
    return directory / f"{arch}.outcome"
