# SPDX-License-Identifier: GPL-2.0-only
"""Which architectures and which items take part in a pytest session."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from pytest_pageconsistency import options
from pytest_pageconsistency.artifacts import clear_artifacts, unwritable
from pytest_pageconsistency.batch import Batch
from pytest_pageconsistency.head_start import HeadStart
from pytest_pageconsistency.items import MARK_ERROR, arch_of, is_case
from pytest_pageconsistency.outcomes import ARCH_PROPERTY, OutcomeLog
from pytest_pageconsistency.selection import applies, check_words, choose
from pytest_pageconsistency.terminal import open_display
from pytest_pageconsistency.verdict import TargetError
from pytest_pageconsistency.workers import given_architectures, is_worker, shared_directory
from pytest_pageconsistency.workshop import Outputs, Workshop


def open_batch(config: pytest.Config, ahead: HeadStart | None) -> Batch:
    """What the session's cases share, with the chosen architectures and no earlier results.

    pytest.UsageError for options that make no sense in this tree, and for results that stay.
    """
    workshop = None
    try:
        outputs = Outputs(
            artifacts=options.artifacts(config),
            export=options.export(config),
            shared=shared_directory(config),
        )
        workshop = Workshop(
            options.settings(config), outputs, lambda board: open_display(config, board), ahead
        )
        batch = Batch(workshop)
        choose_architectures(config, batch)
        if outputs.artifacts is not None and not is_worker(config):
            config.pluginmanager.register(OutcomeLog(outputs.artifacts))
            forget_results(outputs.artifacts, batch.architectures)
    except BaseException:
        if (opened := workshop or ahead) is not None:
            opened.close()
        raise
    return batch


def choose_architectures(config: pytest.Config, batch: Batch) -> None:
    """Find out what --kunit-arch means; pytest.UsageError for what the tree does not have.

    A worker has it from the controller. Plain names need no tree that exists: where it does not,
    each case will say so.
    """
    if is_worker(config):
        batch.architectures = given_architectures(config)
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


def forget_results(artifacts: Path, architectures: Sequence[str]) -> None:
    """Remove what an earlier session left of these architectures.

    It could be taken for this session's, however this one ends. pytest.UsageError if it stays.
    """
    try:
        for arch in architectures:
            clear_artifacts(artifacts, arch)
    except OSError as error:
        raise pytest.UsageError(unwritable(error)) from None


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
