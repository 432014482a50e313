# SPDX-License-Identifier: GPL-2.0-only
"""--kunit-shard in a pytest session: which items run in it, and word of those that do not."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from pathlib import Path
from typing import Any

import pytest

from pytest_pageconsistency.artifacts import unwritable, write_shard
from pytest_pageconsistency.items import arch_of, is_case
from pytest_pageconsistency.shard import Shard, members

_SELECTED = "kunit_selected"


class Splitter:
    """A pytest plugin that leaves one shard of the selected items, cases or not.

    What else selects (-k, -m, --lf, marks) has done so before. Every process has to select the
    same, then each item is in one shard. Those of pytest-xdist agree, for each splits alike.
    """

    def __init__(self, shard: Shard, artifacts: Path | None) -> None:
        self._shard = shard
        self._artifacts = artifacts
        self._selected = 0
        self._all: dict[str, list[str]] = {}
        self._own: dict[str, list[str]] = {}

    # --lf is a wrapper that comes first, too; the one that was registered last is around it.
    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> Generator[None, object, object]:
        """Leave the shard's items, in their order."""
        result = yield
        keys = [(arch_of(item) or "", item.nodeid) for item in items]
        own = set(members(keys, self._shard))
        self._selected = len(items)
        self._all = _cases(items)
        deselected = [item for place, item in enumerate(items) if place not in own]
        items[:] = [item for place, item in enumerate(items) if place in own]
        self._own = _cases(items)
        if deselected:
            config.hook.pytest_deselected(items=deselected)
        if hasattr(config, "workeroutput"):
            config.workeroutput[_SELECTED] = self._selected
        return result

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Leave word of the cases that are to come, here and in the other shards."""
        if self._artifacts is None or session.config.option.collectonly:
            return
        try:
            for arch, case_ids in self._all.items():
                own = self._own.get(arch, ())
                write_shard(self._artifacts, arch, self._shard, own, case_ids)
        except OSError as error:
            raise pytest.UsageError(unwritable(error)) from None

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Hear from a worker of pytest-xdist what it has selected."""
        output = getattr(node, "workeroutput", None) or {}
        self._selected = max(self._selected, output.get(_SELECTED, 0))

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """A shard without items is no error where the others have them."""
        if self._is_empty(session.exitstatus):
            session.exitstatus = pytest.ExitCode.OK

    def pytest_terminal_summary(
        self, terminalreporter: pytest.TerminalReporter, exitstatus: int
    ) -> None:
        """Say so."""
        if self._is_empty(exitstatus):
            shard = self._shard
            terminalreporter.write_line(
                f"shard {shard.number}/{shard.of} is empty: {self._selected} selected "
                f"{'item is' if self._selected == 1 else 'items are'} in other shards"
            )

    def _is_empty(self, exitstatus: int) -> bool:
        return exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED and self._selected > 0


def _cases(items: Iterable[pytest.Item]) -> dict[str, list[str]]:
    """The ids of those that are cases, by architecture."""
    found: dict[str, list[str]] = {}
    for item in items:
        arch = arch_of(item)
        if arch is not None and is_case(item):
            found.setdefault(arch, []).append(item.nodeid)
    return found
