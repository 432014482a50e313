# SPDX-License-Identifier: GPL-2.0-only
"""What all cases share: a machine, and a page in one of the four states that two bits can have."""

from __future__ import annotations

from pytest_pageconsistency.cases import CheckerRecorder
from pytest_pageconsistency.oracle import Event, EventKind

FIRST, END = 256, 356
"""The pages that the cases' machine has, as a range; bits 0 to 99."""

FREE, ALLOCATED, BOTH_CLEAR, BOTH_SET = "0,1", "1,0", "0,0", "1,1"
STATES = (FREE, ALLOCATED, BOTH_CLEAR, BOTH_SET)
"""Of a page: its bits in the primary and in the secondary."""


def machine(
    page_consistency: CheckerRecorder, *, panic: bool = False, running: bool = False
) -> CheckerRecorder:
    """Boot a machine with the pages from FIRST to END."""
    start = page_consistency.boot(FIRST, END, panic=panic)
    assert start.enabled
    if running:
        page_consistency.running()
    return page_consistency


def bring(page_consistency: CheckerRecorder, pfn: int, state: str) -> None:
    """Bring a free page into a state."""
    if state == ALLOCATED:
        page_consistency.alloc(pfn)
    elif state == BOTH_CLEAR:
        page_consistency.flip("secondary", pfn)
    elif state == BOTH_SET:
        page_consistency.flip("primary", pfn)


def state_of(page_consistency: CheckerRecorder, pfn: int) -> str:
    """Observe the state of a page of the cases' machine."""
    bitmap = page_consistency.bitmap
    index, offset = divmod(pfn - FIRST, bitmap.bits_per_long)
    bits = (bitmap.word(copy, index) >> offset & 1 for copy in ("primary", "secondary"))
    return ",".join(map(str, bits))


def corrupt_before_alloc(pfn: int) -> Event:
    """The bitmap is corrupt where a page is to be allocated."""
    return Event(EventKind.CORRUPTION_BEFORE_ALLOC, pfn)


def corrupt_before_free(pfn: int) -> Event:
    """The bitmap is corrupt where a page is to be freed."""
    return Event(EventKind.CORRUPTION_BEFORE_FREE, pfn)


def double_alloc(pfn: int) -> Event:
    """A page was allocated that is not free."""
    return Event(EventKind.DOUBLE_ALLOC, pfn)


def double_free(pfn: int) -> Event:
    """A page was freed that is not allocated."""
    return Event(EventKind.DOUBLE_FREE, pfn)
