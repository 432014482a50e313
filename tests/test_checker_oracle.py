# SPDX-License-Identifier: GPL-2.0-only
"""The checker's oracle against the specification's table and behaviours, and a naive model."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_pageconsistency.oracle import (
    UINT_MAX,
    Abi,
    Change,
    Event,
    EventKind,
    PageConsistency,
    PageResult,
    Start,
)

ABIS = [Abi(bits, order) for bits in (32, 64) for order in ("little", "big")]
STATES = {"01": (), "10": ("both",), "00": ("secondary",), "11": ("primary",)}


@pytest.fixture(params=ABIS, ids=lambda abi: f"{abi.bits_per_long}{abi.byteorder[0]}")
def abi(request: pytest.FixtureRequest) -> Abi:
    return request.param


def machine(abi: Abi, state: str = "01", *, running: bool = True, panic: bool = False):
    """Pages 256 to 355, page 300 in `state`."""
    checker = PageConsistency(abi, panic=panic)
    assert checker.init(256, 356).enabled
    for copy in STATES[state]:
        for one in ("primary", "secondary") if copy == "both" else (copy,):
            checker.bitmap.flip(one, 44)
    if running:
        checker.running()
    return checker


def state_of(checker: PageConsistency) -> str:
    index, offset = divmod(44, checker.abi.bits_per_long)
    bitmap = checker.bitmap
    return "".join(str(bitmap.word(c, index) >> offset & 1) for c in ("primary", "secondary"))


# The specification's table: violations, change of pages_tracked, state afterwards.
ALLOC = {"01": (0, 1, "10"), "10": (1, 0, "10"), "00": (1, 1, "10"), "11": (2, 0, "10")}
FREE_RUNNING = {"01": (1, 0, "01"), "10": (0, -1, "01"), "00": (2, 0, "01"), "11": (1, -1, "01")}
FREE_BOOTING = {"01": (0, 0, "01"), "10": (0, -1, "01"), "00": (1, 0, "01"), "11": (1, -1, "01")}


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize(
    ("call", "running", "table"),
    [
        ("alloc", True, ALLOC),
        ("alloc", False, ALLOC),
        ("free", True, FREE_RUNNING),
        ("free", False, FREE_BOOTING),
    ],
)
def test_the_table(abi: Abi, state: str, call: str, running: bool, table: dict) -> None:
    violations, tracked, after = table[state]
    checker = machine(abi, state, running=running)
    change = getattr(checker, call)(300, 0)
    assert (change.violations, change.tracked, change.panics) == (violations, tracked, 0)
    assert len(change.events) == violations
    assert state_of(checker) == after

    checker = machine(abi, state, running=running, panic=True)
    dead = getattr(checker, call)(300, 0)
    assert dead.panics == checker.dead == bool(violations)
    assert dead.events == change.events[:1]
    assert state_of(checker) == (state if violations else after)


def test_the_texts(abi: Abi) -> None:
    checker = machine(abi, "11")
    texts = [event.text for event in checker.alloc(300, 0).events]
    texts += [event.text for event in checker.free(299, 0).events]
    checker.bitmap.flip("primary", 0)
    texts += [event.text for event in checker.free(256, 0).events]
    checker.bitmap.flip("primary", 0)
    texts += [event.text for event in checker.check_page(256).events]
    texts += [event.text for event in checker.validate_all().events]
    checker.bitmap.flip("primary", 0)
    texts += [event.text for event in checker.validate_all().events]
    assert texts == [
        "bitmap corruption at PFN 300 before alloc",
        "DOUBLE-ALLOC detected: PFN 300",
        "DOUBLE-FREE detected: PFN 299",
        "bitmap corruption at PFN 256 before free",
        "Consistency violation for PFN 256",
        "Validation found 1 inconsistent words",
        "Validation passed: 100 bits checked",
    ]


def test_1_an_order_n_call_counts_once(abi: Abi) -> None:
    checker = machine(abi)
    assert checker.alloc(256, 3)[1:5] == (0, 8, 1, 0)
    assert checker.alloc(256, 3)[1:5] == (8, 0, 1, 0)
    assert checker.free(256, 2)[1:5] == (0, -4, 0, 1)


@pytest.mark.parametrize(
    ("pfn", "order", "held"),
    [
        *[(255, 0, False), (356, 0, False), (355, 0, True), (352, 3, False), (348, 3, True)],
        *[(256, 6, True), (256, 7, False), (255, 1, False), (0, 10, False)],
    ],
)
def test_2_blocks_are_tracked_whole_or_not_at_all(
    abi: Abi, pfn: int, order: int, held: bool
) -> None:
    checker = machine(abi)
    assert checker.holds(pfn, order) is held
    assert checker.alloc(pfn, order).allocs == held
    assert checker.tracked == (held << order)
    if pfn == 355:
        assert checker.bitmap.test(99)


def test_3_drift(abi: Abi) -> None:
    checker = machine(abi, "11")
    assert checker.alloc(300, 0).violations == 2
    assert checker.free(300, 0).tracked == -1
    assert checker.stats().pages_tracked == -1
    assert not any(checker.bitmap.words("primary"))


def test_4_looking_counts_every_time_and_never_panics(abi: Abi) -> None:
    checker = machine(abi, "11", panic=True)
    for _ in range(2):
        assert checker.check_page(300)[:2] == (PageResult.MISMATCH, 1)
        assert checker.validate_all()[:2] == (PageResult.MISMATCH, 1)
    assert checker.check_page(299) == Change(PageResult.OK, 0, 0, 0, 0, 0, 0, ())
    assert checker.check_page(356) == Change(PageResult.NOT_TRACKED, 0, 0, 0, 0, 0, 0, ())
    checker.bitmap.flip("secondary", 10)
    checker.bitmap.flip("secondary", 40)
    assert checker.validate_all().violations == (2 if abi.bits_per_long == 32 else 1)
    assert not checker.dead


def test_5_the_boot_frees_what_was_never_allocated(abi: Abi) -> None:
    checker = machine(abi, running=False)
    assert checker.free(256, 6)[1:5] == (0, 0, 0, 1)
    assert checker.stats().text.splitlines()[:4] == [
        "pages_tracked: 0",
        "alloc_count: 0",
        "free_count: 1",
        "violations_detected: 0",
    ]


class TestInit:
    @pytest.mark.parametrize("span", [0, UINT_MAX + 1, 1 << 40])
    def test_spans_that_cannot_be(self, abi: Abi, span: int) -> None:
        checker = PageConsistency(abi)
        assert checker.init(5, 5 + span) == Start(0, 0, 0, 0, 0, 0, 0, 1, ())
        assert not checker.enabled
        assert checker.stats().text == ""
        assert checker.alloc(5, 0) == Change(0, 0, 0, 0, 0, 0, 0, ())

    def test_sizes(self, abi: Abi) -> None:
        size = 16
        initialised = (Event(EventKind.INITIALISED),)
        start = PageConsistency(abi).init(256, 356)
        assert start == Start(1, 2, size, size, 0, 0o444, 0o200, 1, initialised)
        assert PageConsistency(abi).init(256, 356, 1) == Start(0, 1, size, 0, 0, 0, 0, 1, ())
        assert PageConsistency(abi).init(256, 356, 2) == Start(0, 2, size, size, 1, 0, 0, 1, ())

    def test_the_largest_span(self) -> None:
        checker = PageConsistency(Abi(64, "little"))
        start = checker.init(0, UINT_MAX - 100)
        assert start.enabled
        assert start.first_bytes == 536870912 - 8


@dataclass
class Naive:
    """The checker's rules, said once more with sets of pages."""

    first: int
    end: int
    primary: set[int] = field(default_factory=set)
    cleared: set[int] = field(default_factory=set)  # in the secondary
    violations: int = 0
    tracked: int = 0

    def alloc(self, pfn: int, order: int) -> None:
        for page in self._pages(pfn, order):
            self.violations += (page in self.primary) != (page in self.cleared)
            self.violations += page in self.primary
            self.tracked += page not in self.primary
            self.primary.add(page)
            self.cleared.add(page)

    def free(self, pfn: int, order: int) -> None:
        for page in self._pages(pfn, order):
            self.violations += (page in self.primary) != (page in self.cleared)
            self.violations += page not in self.primary
            self.tracked -= page in self.primary
            self.primary.discard(page)
            self.cleared.discard(page)

    def flip(self, copy: str, pfn: int) -> None:
        changed = self.primary if copy == "primary" else self.cleared
        changed ^= {pfn}

    def _pages(self, pfn: int, order: int) -> range:
        pages = range(pfn, pfn + 2**order)
        return pages if pages[0] >= self.first and pages[-1] < self.end else range(0)


CALLS = st.lists(
    st.one_of(
        st.tuples(st.just("alloc"), st.integers(0, 80), st.integers(0, 4)),
        st.tuples(st.just("free"), st.integers(0, 80), st.integers(0, 4)),
        st.tuples(st.just("flip"), st.sampled_from(["primary", "secondary"]), st.integers(10, 69)),
    ),
    max_size=60,
)


@settings(deadline=None)
@given(st.sampled_from(ABIS), CALLS)
def test_it_agrees_with_a_naive_model(abi: Abi, calls: list[tuple]) -> None:
    checker, naive = PageConsistency(abi), Naive(10, 70)
    checker.init(10, 70)
    checker.running()
    for name, *arguments in calls:
        getattr(naive, name)(*arguments)
        if name == "flip":
            checker.bitmap.flip(arguments[0], arguments[1] - 10)
        else:
            getattr(checker, name)(*arguments)
        assert (checker.violations, checker.tracked) == (naive.violations, naive.tracked)
    assert {bit + 10 for bit in range(60) if checker.bitmap.test(bit)} == naive.primary
