# SPDX-License-Identifier: GPL-2.0-only
"""The whole table: four states of a page, alloc and free, booting and running, PANIC off and on."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pytest

from pytest_pageconsistency.cases import CheckerRecorder
from pytest_pageconsistency.checker_conformance.states import (
    ALLOCATED,
    BOTH_CLEAR,
    BOTH_SET,
    FREE,
    bring,
    corrupt_before_alloc,
    corrupt_before_free,
    double_alloc,
    double_free,
    machine,
    state_of,
)
from pytest_pageconsistency.oracle import Change, Event

PFN = 300


class Row(NamedTuple):
    """A page in `before`; the events of one call, and how pages_tracked moves."""

    before: str
    call: str
    running: bool
    events: tuple[Callable[[int], Event], ...]
    tracked: int


TABLE = [
    Row(FREE, "alloc", False, (), 1),
    Row(FREE, "alloc", True, (), 1),
    Row(ALLOCATED, "alloc", False, (double_alloc,), 0),
    Row(ALLOCATED, "alloc", True, (double_alloc,), 0),
    Row(BOTH_CLEAR, "alloc", False, (corrupt_before_alloc,), 1),
    Row(BOTH_CLEAR, "alloc", True, (corrupt_before_alloc,), 1),
    Row(BOTH_SET, "alloc", False, (corrupt_before_alloc, double_alloc), 0),
    Row(BOTH_SET, "alloc", True, (corrupt_before_alloc, double_alloc), 0),
    Row(FREE, "free", True, (double_free,), 0),
    Row(FREE, "free", False, (), 0),
    Row(ALLOCATED, "free", True, (), -1),
    Row(ALLOCATED, "free", False, (), -1),
    Row(BOTH_CLEAR, "free", True, (corrupt_before_free, double_free), 0),
    Row(BOTH_CLEAR, "free", False, (corrupt_before_free,), 0),
    Row(BOTH_SET, "free", True, (corrupt_before_free,), -1),
    Row(BOTH_SET, "free", False, (corrupt_before_free,), -1),
]

ROWS = pytest.mark.parametrize(
    "row", TABLE, ids=lambda row: f"{row.call}-{row.before}-{'running' if row.running else 'boot'}"
)


def call(page_consistency: CheckerRecorder, row: Row) -> Change:
    """Make the row's call for a page in the row's state."""
    pc = machine(page_consistency, panic=False, running=row.running)
    bring(pc, PFN, row.before)
    return pc.alloc(PFN) if row.call == "alloc" else pc.free(PFN)


@ROWS
def test_without_panic(page_consistency: CheckerRecorder, row: Row) -> None:
    change = call(page_consistency, row)
    assert change.events == tuple(event(PFN) for event in row.events)
    assert change.violations == change.warnings == len(row.events)
    assert change.tracked == row.tracked
    assert (change.allocs, change.frees) == ((1, 0) if row.call == "alloc" else (0, 1))
    assert state_of(page_consistency, PFN) == (ALLOCATED if row.call == "alloc" else FREE)
    assert page_consistency.validate_all().result == 0
    assert page_consistency.bitmap.guard()


@ROWS
def test_with_panic(page_consistency: CheckerRecorder, row: Row) -> None:
    pc = machine(page_consistency, panic=True, running=row.running)
    bring(pc, PFN, row.before)
    change = pc.alloc(PFN) if row.call == "alloc" else pc.free(PFN)
    assert change.events == tuple(event(PFN) for event in row.events[:1])
    assert change.panics == pc.panics() == bool(row.events)
    if row.events:
        assert state_of(pc, PFN) == row.before
    else:
        assert change.tracked == row.tracked
        assert state_of(pc, PFN) == (ALLOCATED if row.call == "alloc" else FREE)
    assert pc.bitmap.guard()


@pytest.mark.parametrize("later", range(5))
def test_what_comes_after_running_is_running(page_consistency: CheckerRecorder, later: int) -> None:
    pc = machine(page_consistency)
    pc.running(later)
    assert pc.free(PFN).events == (double_free(PFN),)


@pytest.mark.parametrize("panic", [False, True])
def test_a_flip_in_both_copies_is_not_seen(page_consistency: CheckerRecorder, panic: bool) -> None:
    pc = machine(page_consistency, panic=panic)
    pc.flip("primary", PFN)
    pc.flip("secondary", PFN)
    assert pc.check(PFN).result == 0
    assert pc.validate_all().result == 0
    assert pc.free(PFN).tracked == -1  # of a page that nobody has allocated
