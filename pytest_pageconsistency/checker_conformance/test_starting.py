# SPDX-License-Identifier: GPL-2.0-only
"""page_consistency_init(): what it asks for, and when the feature stays off."""

from __future__ import annotations

import pytest

from pytest_pageconsistency.cases import CheckerRecorder
from pytest_pageconsistency.oracle import UINT_MAX, Change, Event, EventKind, Start, Stats
from pytest_pageconsistency.target import Target

OFF = Start(0, 0, 0, 0, 0, 0, 0, 1, ())
NOTHING = Change(0, 0, 0, 0, 0, 0, 0, ())
PANIC = pytest.mark.parametrize("panic", [False, True], ids=["warn", "panic"])

WORDS = {1: (1, 1), 32: (1, 1), 33: (2, 1), 64: (2, 1), 65: (3, 2), 100: (4, 2), 4096: (128, 64)}
"""Pages -> words of 32 bits, and of 64 bits, in each copy."""


@PANIC
@pytest.mark.parametrize("pages", WORDS)
def test_a_start(
    page_consistency: CheckerRecorder, kunit_target: Target, pages: int, panic: bool
) -> None:
    size = WORDS[pages][kunit_target.bits_per_long == 64] * kunit_target.bits_per_long // 8
    start = page_consistency.boot(256, 256 + pages, panic=panic)
    assert start.enabled
    assert (start.allocations, start.first_bytes, start.second_bytes) == (2, size, size)
    assert start.freed == 0
    assert start.remarks == 1
    assert (start.stats_mode, start.validate_mode) == (0o444, 0o200)
    assert start.events == (Event(EventKind.INITIALISED),)
    bitmap = page_consistency.bitmap
    assert not any(bitmap.words("primary"))
    assert set(bitmap.words("secondary")) == {kunit_target.ulong_max}
    assert bitmap.guard()
    assert page_consistency.stats() == Stats(1, 0, 0, 0, 0, pages, 256, 256 + pages)
    assert page_consistency.validate_all().violations == 0


def assert_off(page_consistency: CheckerRecorder) -> None:
    """Allocations and frees are nobody's business, and debugfs has nothing."""
    assert page_consistency.alloc(300) == NOTHING
    page_consistency.running()
    assert page_consistency.free(300) == NOTHING
    assert page_consistency.free(300, 3) == NOTHING
    assert page_consistency.stats().text == ""
    assert page_consistency.violations() == 0


@PANIC
@pytest.mark.parametrize("pfn", [0, 256])
def test_no_memory_at_all(page_consistency: CheckerRecorder, panic: bool, pfn: int) -> None:
    assert page_consistency.boot(pfn, pfn, panic=panic) == OFF
    assert_off(page_consistency)


@PANIC
@pytest.mark.kunit_arch("64bit")
@pytest.mark.parametrize("first", [0, 256, 1 << 33])
@pytest.mark.parametrize("pages", [UINT_MAX + 1, UINT_MAX + 100, 1 << 33, (1 << 32) + 256])
def test_more_pages_than_an_unsigned_int_counts(
    page_consistency: CheckerRecorder, panic: bool, first: int, pages: int
) -> None:
    assert page_consistency.boot(first, first + pages, panic=panic) == OFF
    assert_off(page_consistency)


@PANIC
@pytest.mark.parametrize("pages", [1, 100, 4096])
def test_no_memory_for_the_primary(
    page_consistency: CheckerRecorder, kunit_target: Target, panic: bool, pages: int
) -> None:
    start = page_consistency.boot(256, 256 + pages, panic=panic, failing_allocation=1)
    words = WORDS[pages][kunit_target.bits_per_long == 64]
    size = words * kunit_target.bits_per_long // 8
    assert start == OFF._replace(allocations=1, first_bytes=size)
    assert_off(page_consistency)


@PANIC
@pytest.mark.parametrize("pages", [1, 100, 4096])
def test_no_memory_for_the_secondary(
    page_consistency: CheckerRecorder, kunit_target: Target, panic: bool, pages: int
) -> None:
    start = page_consistency.boot(256, 256 + pages, panic=panic, failing_allocation=2)
    words = WORDS[pages][kunit_target.bits_per_long == 64]
    size = words * kunit_target.bits_per_long // 8
    assert start == OFF._replace(allocations=2, first_bytes=size, second_bytes=size, freed=1)
    assert_off(page_consistency)


@pytest.mark.kunit_arch("64bit")
@pytest.mark.parametrize("pages", [UINT_MAX - 1000, UINT_MAX - 63, UINT_MAX])
def test_as_many_pages_as_an_unsigned_int_counts(
    page_consistency: CheckerRecorder, pages: int
) -> None:
    """It asks for memory, and would begin."""
    start = page_consistency.boot(0, pages, failing_allocation=1)
    assert start == OFF._replace(allocations=1, first_bytes=(pages + 63) // 64 * 8)


def test_a_start_after_a_failure(page_consistency: CheckerRecorder) -> None:
    assert not page_consistency.boot(256, 356, failing_allocation=2).enabled
    assert page_consistency.boot(256, 356).enabled
    assert page_consistency.alloc(256).tracked == 1
