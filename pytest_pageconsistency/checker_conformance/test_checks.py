# SPDX-License-Identifier: GPL-2.0-only
"""check_page(), validate_all() and the debugfs file `validate`: they count, and never panic."""

from __future__ import annotations

import pytest

from pytest_pageconsistency.cases import CheckerRecorder
from pytest_pageconsistency.checker_conformance.states import (
    ALLOCATED,
    BOTH_CLEAR,
    BOTH_SET,
    END,
    FIRST,
    FREE,
    bring,
    machine,
    state_of,
)
from pytest_pageconsistency.oracle import EIO, Event, EventKind, PageResult
from pytest_pageconsistency.target import Target

PANIC = pytest.mark.parametrize("panic", [False, True], ids=["warn", "panic"])


@PANIC
@pytest.mark.parametrize("state", [BOTH_CLEAR, BOTH_SET])
@pytest.mark.parametrize("pfn", [FIRST, 300, END - 1])
def test_corruption_counts_at_every_check(
    page_consistency: CheckerRecorder, panic: bool, state: str, pfn: int
) -> None:
    pc = machine(page_consistency, panic=panic)
    bring(pc, pfn, state)
    for _ in range(3):
        change = pc.check(pfn)
        assert change.result == PageResult.MISMATCH
        assert change.violations == 1
        assert change.events == (Event(EventKind.VIOLATION, pfn),)
    assert pc.violations() == 3
    assert pc.panics() == 0
    assert state_of(pc, pfn) == state


@PANIC
@pytest.mark.parametrize("state", [FREE, ALLOCATED])
def test_a_healthy_page(page_consistency: CheckerRecorder, panic: bool, state: str) -> None:
    pc = machine(page_consistency, panic=panic, running=True)
    bring(pc, 300, state)
    pc.flip("primary", 299)
    pc.flip("secondary", 301)
    change = pc.check(300)
    assert change.result == PageResult.OK
    assert change.violations == 0
    assert change.events == ()
    assert state_of(pc, 300) == state


@PANIC
@pytest.mark.parametrize("flips", [(), (0,), (0, 99), (10, 40), (31, 32, 63, 64), (5, 6, 7)])
def test_validation_counts_words(
    page_consistency: CheckerRecorder, kunit_target: Target, panic: bool, flips: tuple[int, ...]
) -> None:
    pc = machine(page_consistency, panic=panic)
    for bit in flips:
        pc.flip("secondary", FIRST + bit)
    words = len({bit // kunit_target.bits_per_long for bit in flips})
    said = Event(EventKind.INVALID, words) if words else Event(EventKind.VALID, END - FIRST)
    for _ in range(2):
        change = pc.validate_all()
        assert change.result == (PageResult.MISMATCH if words else PageResult.OK)
        assert change.violations == words
        assert change.events == (said,)
        written = pc.write_validate()
        assert written.result == (-EIO if words else 3)
        assert written.violations == words
        assert written.events == (said,)
    assert pc.violations() == 4 * words
    assert pc.panics() == 0


def test_validation_sees_the_tail(page_consistency: CheckerRecorder) -> None:
    pc = machine(page_consistency)
    pc.bitmap.flip("secondary", END - FIRST + 4)  # no page has it, and no page can heal it
    assert pc.validate_all().violations == 1
    assert pc.alloc(END - 1).tracked == 1
    assert pc.alloc(END).allocs == 0
    assert pc.write_validate().result == -EIO


@PANIC
def test_looking_changes_nothing(page_consistency: CheckerRecorder, panic: bool) -> None:
    pc = machine(page_consistency, panic=panic)
    pc.alloc(FIRST, 5)
    pc.flip("primary", 350)
    primary, secondary = pc.bitmap.words("primary"), pc.bitmap.words("secondary")
    pc.check(350)
    pc.check(FIRST)
    pc.validate_all()
    pc.write_validate()
    stats = pc.stats()
    assert (stats.pages_tracked, stats.alloc_count, stats.free_count) == (32, 1, 0)
    assert pc.bitmap.words("primary") == primary
    assert pc.bitmap.words("secondary") == secondary
    assert pc.bitmap.guard()
