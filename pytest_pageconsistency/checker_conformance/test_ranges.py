# SPDX-License-Identifier: GPL-2.0-only
"""Which blocks are tracked: those that lie in the range from their first page to their last."""

from __future__ import annotations

import pytest

from pytest_pageconsistency.cases import CheckerRecorder
from pytest_pageconsistency.checker_conformance.states import (
    END,
    FIRST,
    corrupt_before_alloc,
    corrupt_before_free,
    double_alloc,
    double_free,
    machine,
)
from pytest_pageconsistency.oracle import Change, Event, EventKind, PageResult

NOTHING = Change(0, 0, 0, 0, 0, 0, 0, ())

IGNORED = [
    (FIRST - 1, 0),
    (END, 0),
    (0, 0),
    (END + 100_000, 0),
    (FIRST - 1, 1),  # its last page is the first one of memory
    (FIRST - 8, 3),
    (FIRST - 7, 3),
    (352, 3),  # its last page is 359
    (END - 1, 1),
    (END - 1, 10),
    (0, 10),  # all of memory lies within it
    (FIRST, 7),
    (FIRST - 1, 10),
]

TRACKED = [(FIRST, 0), (FIRST, 1), (FIRST, 6), (END - 1, 0), (END - 2, 1), (348, 3), (292, 6)]


@pytest.mark.parametrize("panic", [False, True])
@pytest.mark.parametrize(("pfn", "order"), IGNORED)
def test_other_blocks_are_ignored_whole(
    page_consistency: CheckerRecorder, pfn: int, order: int, panic: bool
) -> None:
    pc = machine(page_consistency, panic=panic, running=True)
    assert pc.alloc(pfn, order) == NOTHING
    assert pc.free(pfn, order) == NOTHING
    assert pc.stats().alloc_count == pc.stats().free_count == 0
    assert not any(pc.bitmap.words("primary"))
    assert pc.validate_all().result == 0
    assert pc.bitmap.guard()


@pytest.mark.parametrize("panic", [False, True])
@pytest.mark.parametrize(("pfn", "order"), TRACKED)
def test_blocks_at_both_ends(
    page_consistency: CheckerRecorder, pfn: int, order: int, panic: bool
) -> None:
    pc = machine(page_consistency, panic=panic, running=True)
    assert pc.alloc(pfn, order) == NOTHING._replace(tracked=1 << order, allocs=1)
    bits = range(pfn - FIRST, pfn - FIRST + (1 << order))
    assert pc.bitmap.test(bits[0])
    assert pc.bitmap.test(bits[-1])
    if bits[0] > 0:
        assert not pc.bitmap.test(bits[0] - 1)
    if bits[-1] + 1 < END - FIRST:
        assert not pc.bitmap.test(bits[-1] + 1)
    assert pc.bitmap.guard()
    assert pc.free(pfn, order) == NOTHING._replace(tracked=-(1 << order), frees=1)
    assert not any(pc.bitmap.words("primary"))


@pytest.mark.parametrize(("pfn", "order"), [(0, 10), (1023, 0), (1024, 9), (1536, 8)])
def test_memory_from_page_0_on(page_consistency: CheckerRecorder, pfn: int, order: int) -> None:
    assert page_consistency.boot(0, 1792).enabled
    page_consistency.running()
    assert page_consistency.alloc(pfn, order).tracked == 1 << order
    assert page_consistency.check(pfn).result == PageResult.OK
    assert page_consistency.free(pfn, order).tracked == -(1 << order)


@pytest.mark.parametrize("order", range(11))
def test_every_order(page_consistency: CheckerRecorder, order: int) -> None:
    size = 1 << order
    assert page_consistency.boot(1024, 1024 + 2 * size).enabled
    page_consistency.running()
    assert page_consistency.alloc(1024 + size, order).tracked == size
    assert page_consistency.alloc(1024, order).tracked == size
    assert page_consistency.alloc(1024 + size + 1, order) == NOTHING  # one page too far
    assert page_consistency.free(1024, order).tracked == -size
    assert page_consistency.stats().pages_tracked == size


@pytest.mark.parametrize("pages", [1, 31, 32, 33, 63, 64, 65])
def test_every_size(page_consistency: CheckerRecorder, pages: int) -> None:
    assert page_consistency.boot(FIRST, FIRST + pages).enabled
    page_consistency.running()
    for pfn in range(FIRST, FIRST + pages):
        assert page_consistency.alloc(pfn).tracked == 1
    assert page_consistency.alloc(FIRST + pages) == NOTHING
    assert page_consistency.stats().pages_tracked == pages
    assert page_consistency.validate_all().result == 0
    assert page_consistency.bitmap.guard()


@pytest.mark.parametrize("pfn", [FIRST - 1, END, 0, END + 100_000])
def test_no_bit_no_check(page_consistency: CheckerRecorder, pfn: int) -> None:
    pc = machine(page_consistency)
    assert pc.check(pfn) == NOTHING._replace(result=PageResult.NOT_TRACKED)


@pytest.mark.parametrize("pfn", [FIRST, 319, 320, END - 1])
def test_neighbours_keep_their_bits(page_consistency: CheckerRecorder, pfn: int) -> None:
    pc = machine(page_consistency, running=True)
    for other in range(max(FIRST, pfn - 1), min(END, pfn + 2)):
        assert pc.alloc(other).tracked == 1
    assert pc.free(pfn).tracked == -1
    assert pc.stats().pages_tracked == sum(pc.bitmap.test(bit) for bit in range(END - FIRST))
    assert pc.validate_all().violations == 0


@pytest.mark.kunit_arch("64bit")
def test_pages_past_4_gigapages(page_consistency: CheckerRecorder) -> None:
    first = (1 << 32) + 256
    assert page_consistency.boot(first, first + 100).enabled
    assert page_consistency.alloc(256) == NOTHING  # what is left of the first page in 32 bits
    assert page_consistency.alloc(first).tracked == 1
    assert page_consistency.alloc(first).events == (double_alloc(first),)
    page_consistency.running()
    assert page_consistency.check(256).result == PageResult.NOT_TRACKED
    assert page_consistency.free(256) == NOTHING
    page_consistency.flip("secondary", first)
    assert page_consistency.check(first).events == (Event(EventKind.VIOLATION, first),)
    assert page_consistency.free(first).events == (corrupt_before_free(first),)
    assert page_consistency.free(first).events == (double_free(first),)
    page_consistency.flip("primary", first)
    assert page_consistency.alloc(first).events[0] == corrupt_before_alloc(first)
    assert page_consistency.stats().min_pfn == first
