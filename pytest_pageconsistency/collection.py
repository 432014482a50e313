# SPDX-License-Identifier: GPL-2.0-only
"""Which architectures and which items take part in a pytest session."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pytest_pageconsistency import options
from pytest_pageconsistency.artifacts import clear_artifacts
from pytest_pageconsistency.background import Handlers, restore_signals, unwind_on_signals
from pytest_pageconsistency.batch import Batch
from pytest_pageconsistency.items import MARK_ERROR, arch_of, is_case
from pytest_pageconsistency.outcomes import ARCH_PROPERTY, OutcomeLog
from pytest_pageconsistency.selection import applies, check_words, choose
from pytest_pageconsistency.sharing import announce_end
from pytest_pageconsistency.terminal import open_display
from pytest_pageconsistency.verdict import TargetError
from pytest_pageconsistency.workshop import Outputs, Workshop


@dataclass(frozen=True)
class _Session:
    """What the controller of pytest-xdist keeps for its workers."""

    shared: Path
    handlers: Handlers


_SESSION = pytest.StashKey[_Session]()
_WORKER_ARCHITECTURES = "kunit_architectures"
_WORKER_SHARED = "kunit_shared"


def open_batch(config: pytest.Config) -> Batch:
    """What the session's cases share; pytest.UsageError for options that make no sense."""
    options.architecture_words(config)
    shared = _worker_input(config).get(_WORKER_SHARED)
    outputs = Outputs(
        artifacts=options.directory(config, "kunit_artifacts"),
        export=options.directory(config, "kunit_export"),
        shared=Path(shared) if shared else None,
    )
    if outputs.artifacts is not None and not is_worker(config):
        config.pluginmanager.register(OutcomeLog(outputs.artifacts))
    workshop = Workshop(
        options.settings(config), outputs, lambda board: open_display(config, board)
    )
    return Batch(workshop)


def is_worker(config: pytest.Config) -> bool:
    """Whether this process is a worker of pytest-xdist."""
    return bool(_worker_input(config))


def choose_architectures(config: pytest.Config, batch: Batch) -> None:
    """Find out what --kunit-arch means; pytest.UsageError for what the tree does not have.

    A worker has it from the controller. Plain names need no tree that exists: where it does not,
    each case will say so.
    """
    if is_worker(config):
        batch.architectures = list(_worker_input(config)[_WORKER_ARCHITECTURES])
        return
    words = options.architecture_words(config)
    batch.architectures = words
    if words == [options.DEFAULT_ARCH]:
        return
    try:
        tree = batch.tree()
    except TargetError as error:
        if options.are_names(words):
            return
        raise pytest.UsageError(f"--kunit-arch={','.join(words)}: {error}") from None
    try:
        batch.architectures = choose(words, tree, batch.workshop.settings, batch.targets)
    except TargetError as error:
        raise pytest.UsageError(f"--kunit-arch: {error.verdict.message}") from None


def forget_results(config: pytest.Config, batch: Batch) -> None:
    """Remove what an earlier session left of the chosen architectures.

    It could be taken for this session's, however this one ends. pytest.UsageError if it stays.
    """
    artifacts = batch.workshop.outputs.artifacts
    if artifacts is None or is_worker(config):
        return
    try:
        for arch in batch.architectures:
            clear_artifacts(artifacts, arch)
    except OSError as error:
        message = f"cannot write artifacts to {error.filename}: {error.strerror}"
        raise pytest.UsageError(message) from None


def deselect(batch: Batch, items: list[pytest.Item]) -> list[pytest.Item]:
    """Take the items out of `items` whose kunit_arch mark means other architectures.

    The cases that stay carry their architecture as a property; one whose mark has a word that the
    tree does not know stays with its error.
    """
    kept, deselected = [], []
    for item in items:
        arch = arch_of(item)
        if arch is not None and is_case(item):
            item.user_properties.append((ARCH_PROPERTY, arch))
        if arch is None or _applies(batch, item, arch):
            kept.append(item)
        else:
            deselected.append(item)
    items[:] = kept
    return deselected


def _applies(batch: Batch, item: pytest.Item, arch: str) -> bool:
    for mark in item.iter_markers("kunit_arch"):
        words = [str(word) for word in mark.args]
        try:
            if not options.are_names(words) or arch not in words:
                check_words(words, batch.tree())
        except TargetError as error:
            message = f"@pytest.mark.kunit_arch: {error.verdict.message}"
            item.stash[MARK_ERROR] = TargetError(error.verdict.kind, message)
            return True
        # The other architectures' ABIs will be asked for too, and are found in the same time.
        if not applies(words, arch, lambda _: batch.targets(batch.architectures)):
            return False
    return True


def prepare_worker(node: Any, batch: Batch) -> None:
    """Give a worker the choice of architectures and a directory that all of them share."""
    config = node.config
    if _SESSION not in config.stash:
        shared = Path(tempfile.mkdtemp(prefix="pageconsistency-"))
        config.stash[_SESSION] = _Session(shared, unwind_on_signals())
        config.pluginmanager.register(FailureLimit(config.getoption("maxfail") or 0, shared))
    node.workerinput[_WORKER_ARCHITECTURES] = batch.architectures
    node.workerinput[_WORKER_SHARED] = str(config.stash[_SESSION].shared)


class FailureLimit:
    """A pytest plugin that lets workers build no more once --maxfail is reached.

    pytest-xdist waits for what they are at.
    """

    def __init__(self, limit: int, shared: Path) -> None:
        self._left = limit
        self._shared = shared

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count as pytest-xdist does."""
        if report.failed and not hasattr(report, "wasxfail"):
            self._left -= 1
            if self._left == 0:
                announce_end(self._shared)


def end_workers(config: pytest.Config) -> None:
    """Let no worker build for others any more."""
    if (session := config.stash.get(_SESSION, None)) is not None:
        announce_end(session.shared)


def close_session(config: pytest.Config) -> None:
    """Remove what workers shared, and give the signals' handlers back."""
    if (session := config.stash.get(_SESSION, None)) is not None:
        shutil.rmtree(session.shared, ignore_errors=True)
        restore_signals(session.handlers)


def _worker_input(config: pytest.Config) -> dict[str, Any]:
    found: dict[str, Any] = getattr(config, "workerinput", {})
    return found
