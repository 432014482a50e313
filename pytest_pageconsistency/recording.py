# SPDX-License-Identifier: GPL-2.0-only
"""The programs of a target's cases, recorded before any of them runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from pytest_pageconsistency.cases import Program
from pytest_pageconsistency.items import record_item
from pytest_pageconsistency.target import Target
from pytest_pageconsistency.verdict import Kind, TargetError


@dataclass(repr=False)
class Recording:
    """The programs by pytest id, and the errors of the cases that cannot be recorded."""

    programs: dict[str, Program] = field(default_factory=dict)
    errors: dict[str, TargetError] = field(default_factory=dict)


def record(items: Sequence[pytest.Function], target: Target) -> Recording:
    """Record what each item's body does on `target`."""
    recording = Recording()
    for item in items:
        try:
            program = record_item(item, target)
        except TargetError as error:
            recording.errors[item.nodeid] = error
            continue
        if item.nodeid in recording.programs:
            message = "two cases have this id: start pytest from a directory above both files"
            recording.errors[item.nodeid] = TargetError(Kind.CASE_ERROR, message)
        elif program is not None:
            recording.programs[item.nodeid] = program
    return recording
