# SPDX-License-Identifier: GPL-2.0-only
"""The programs of a target's cases, recorded before any of them runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pytest_pageconsistency.cases import Program
from pytest_pageconsistency.items import is_plain, record_item
from pytest_pageconsistency.target import Target
from pytest_pageconsistency.verdict import Kind, TargetError


@dataclass(repr=False)
class Recording:
    """The programs by pytest id, and the errors of the cases that cannot be recorded.

    `remembered` are the ids of those that were not recorded now: their own runs must prove them.
    `proven` are those whose own runs took the same steps.
    """

    programs: dict[str, Program] = field(default_factory=dict)
    errors: dict[str, TargetError] = field(default_factory=dict)
    remembered: set[str] = field(default_factory=set)
    proven: set[str] = field(default_factory=set)
    files: dict[str, Path] = field(default_factory=dict)

    def learned(self, file: Path) -> dict[str, Program]:
        """The programs of one test file that were recorded and proven now."""
        names = self.proven - self.remembered
        return {name: self.programs[name] for name in names if self.files[name] == file}


def record(
    items: Sequence[pytest.Function], target: Target, known: Mapping[str, Program]
) -> Recording:
    """Record what each item's body does on `target`, but of plain cases that are `known`."""
    recording = Recording()
    for item in items:
        try:
            if item.nodeid in known and is_plain(item):
                program: Program | None = known[item.nodeid]
                recording.remembered.add(item.nodeid)
            else:
                program = record_item(item, target)
        except TargetError as error:
            recording.errors[item.nodeid] = error
            continue
        if item.nodeid in recording.programs:
            message = "two cases have this id: start pytest from a directory above both files"
            recording.errors[item.nodeid] = TargetError(Kind.CASE_ERROR, message)
        elif program is not None:
            recording.programs[item.nodeid] = program
            recording.files[item.nodeid] = item.path
    return recording
