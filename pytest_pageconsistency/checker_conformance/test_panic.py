# SPDX-License-Identifier: GPL-2.0-only
"""With PANIC the first event is the last thing that happens."""

from __future__ import annotations

import pytest

from pytest_pageconsistency.cases import CheckerRecorder
from pytest_pageconsistency.checker_conformance.states import (
    FIRST,
    corrupt_before_alloc,
    corrupt_before_free,
    double_alloc,
    double_free,
    machine,
)

ORDER = 3
PAGES = range(FIRST, FIRST + (1 << ORDER))


@pytest.mark.parametrize("pfn", [PAGES[0], PAGES[3], PAGES[-1]])
def test_the_pages_before_it_are_taken(page_consistency: CheckerRecorder, pfn: int) -> None:
    pc = machine(page_consistency, panic=True)
    pc.alloc(pfn)
    change = pc.alloc(FIRST, ORDER)
    assert change.panics == 1
    assert change.events == (double_alloc(pfn),)
    taken = [pc.bitmap.test(page - FIRST) for page in PAGES]
    assert taken == [page <= pfn for page in PAGES]
    assert pc.bitmap.validate() == 0


@pytest.mark.parametrize("pfn", [PAGES[0], PAGES[3], PAGES[-1]])
@pytest.mark.parametrize("copy", ["primary", "secondary"])
def test_corruption_stays_as_it_was(page_consistency: CheckerRecorder, pfn: int, copy: str) -> None:
    pc = machine(page_consistency, panic=True)
    pc.flip(copy, pfn)
    assert pc.alloc(FIRST, ORDER).events == (corrupt_before_alloc(pfn),)
    assert pc.panics() == 1
    assert not pc.bitmap.consistent(pfn - FIRST)
    assert [pc.bitmap.test(page - FIRST) for page in PAGES if page < pfn] == [True] * (pfn - FIRST)
    assert not any(pc.bitmap.test(page - FIRST) for page in PAGES if page > pfn)


@pytest.mark.parametrize("running", [False, True])
def test_a_free_of_corruption(page_consistency: CheckerRecorder, running: bool) -> None:
    pc = machine(page_consistency, panic=True, running=running)
    assert pc.alloc(FIRST, ORDER).tracked == 8
    pc.flip("primary", PAGES[2])
    assert pc.free(FIRST, ORDER).events == (corrupt_before_free(PAGES[2]),)
    assert [pc.bitmap.test(page - FIRST) for page in PAGES[:4]] == [False, False, False, True]


def test_a_double_free(page_consistency: CheckerRecorder) -> None:
    pc = machine(page_consistency, panic=True)
    assert pc.free(300).panics == 0
    pc.running()
    assert pc.panics() == 0
    assert pc.free(300).events == (double_free(300),)
    assert pc.panics() == 1


def test_blocks_out_of_range_do_not_panic(page_consistency: CheckerRecorder) -> None:
    pc = machine(page_consistency, panic=True, running=True)
    assert pc.free(352, 3).panics == 0
    assert pc.alloc(FIRST - 1).panics == 0
    assert pc.free(0).panics == 0


def test_a_new_machine_is_alive(page_consistency: CheckerRecorder) -> None:
    pc = machine(page_consistency, panic=True, running=True)
    assert pc.free(300).panics == 1
    pc = machine(page_consistency, panic=False, running=True)
    assert pc.panics() == 0
    assert pc.free(300).violations == 1
    pc = machine(page_consistency, panic=True)
    assert pc.panics() == 0
    assert pc.alloc(300).tracked == 1
