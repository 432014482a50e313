# SPDX-License-Identifier: GPL-2.0-only
"""What is counted: calls, pages that really changed hands, and violations."""

from __future__ import annotations

import pytest

from pytest_pageconsistency.cases import CheckerRecorder
from pytest_pageconsistency.checker_conformance.states import (
    END,
    FIRST,
    corrupt_before_alloc,
    double_alloc,
    double_free,
    machine,
)
from pytest_pageconsistency.oracle import Stats


@pytest.mark.parametrize("order", [0, 1, 3, 6])
def test_a_block_counts_once(page_consistency: CheckerRecorder, order: int) -> None:
    pc = machine(page_consistency, running=True)
    pages = range(FIRST, FIRST + (1 << order))
    assert pc.alloc(FIRST, order)[1:5] == (0, len(pages), 1, 0)
    again = pc.alloc(FIRST, order)
    assert again.events == tuple(map(double_alloc, pages))
    assert again[1:5] == (len(pages), 0, 1, 0)
    assert pc.free(FIRST, order)[1:5] == (0, -len(pages), 0, 1)
    again = pc.free(FIRST, order)
    assert again.events == tuple(map(double_free, pages))
    assert again[1:5] == (len(pages), 0, 0, 1)
    assert pc.violations() == 2 * len(pages)


def test_a_block_that_is_half_allocated(page_consistency: CheckerRecorder) -> None:
    pc = machine(page_consistency, running=True)
    assert pc.alloc(258, 1).tracked == 2
    change = pc.alloc(FIRST, 2)
    assert change.tracked == 2
    assert change.events == (double_alloc(258), double_alloc(259))
    assert pc.free(FIRST, 1).tracked == -2
    change = pc.free(FIRST, 2)
    assert change.tracked == -2
    assert change.events == (double_free(256), double_free(257))
    assert pc.stats().pages_tracked == 0


def test_the_boot_hands_memory_over(page_consistency: CheckerRecorder) -> None:
    pc = machine(page_consistency)
    for pfn, order in ((256, 6), (320, 5), (352, 2)):
        change = pc.free(pfn, order)
        assert change[1:5] == (0, 0, 0, 1)
        assert change.events == ()
    assert pc.stats() == Stats(1, 0, 0, 3, 0, END - FIRST, FIRST, END)
    assert pc.alloc(256, 6).tracked == 64
    pc.running()
    assert pc.free(256, 6).tracked == -64


def test_the_phase_matters_when_the_free_comes(page_consistency: CheckerRecorder) -> None:
    pc = machine(page_consistency)
    assert pc.free(300).violations == 0
    pc.running()
    assert pc.free(300).events == (double_free(300),)


def test_drift_below_zero(page_consistency: CheckerRecorder) -> None:
    pc = machine(page_consistency, running=True)
    pc.flip("primary", FIRST + 5)
    change = pc.alloc(FIRST + 5)
    assert change.events == (corrupt_before_alloc(261), double_alloc(261))
    assert change.tracked == 0
    assert pc.free(FIRST + 5).tracked == -1
    assert pc.stats().pages_tracked == -1
    assert not any(pc.bitmap.words("primary"))


def test_drift_far_below_zero(page_consistency: CheckerRecorder) -> None:
    """So far that `stats` is negative whatever other cases have left: counters outlive machines."""
    pages = 1 << 16
    assert page_consistency.boot(0, pages).enabled
    page_consistency.running()
    page_consistency.bitmap.scribble("primary", 0, b"\xff" * (pages // 8))
    page_consistency.bitmap.scribble("secondary", 0, bytes(pages // 8))
    for pfn in range(0, pages, 1024):
        assert page_consistency.free(pfn, 10)[1:5] == (0, -1024, 0, 1)
    assert page_consistency.stats().pages_tracked == -pages


def test_stats_are_a_file_of_six_lines(page_consistency: CheckerRecorder) -> None:
    pc = machine(page_consistency, running=True)
    pc.alloc(FIRST, 4)
    pc.alloc(FIRST)
    pc.free(FIRST, 1)
    assert pc.stats().text.splitlines() == [
        "pages_tracked: 14",
        "alloc_count: 2",
        "free_count: 1",
        "violations_detected: 1",
        "bitmap_size_bits: 100",
        "pfn_range: [256-356)",
    ]


def test_a_new_machine_counts_anew(page_consistency: CheckerRecorder) -> None:
    pc = machine(page_consistency, running=True)
    pc.alloc(FIRST, 3)
    pc.free(300)
    assert pc.violations() == 1
    assert pc.boot(1000, 1033).enabled
    assert pc.stats() == Stats(1, 0, 0, 0, 0, 33, 1000, 1033)
    assert pc.free(1000).violations == 0  # it boots
    assert pc.alloc(FIRST).allocs == 0
    assert pc.alloc(1032).tracked == 1
    assert pc.violations() == 0
