# SPDX-License-Identifier: GPL-2.0-only
"""The sequential model of the page consistency checker (spec: page_consistency.md).

It tracks each page of [min_pfn, max_pfn) with one bit of a dual bitmap. Counters start at zero at
each init(), events are what the checker says on the console.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, IntEnum
from typing import NamedTuple

from pytest_pageconsistency.oracle.abi import Abi
from pytest_pageconsistency.oracle.dual_bitmap import UINT_MAX, DualBitmap


class PageResult(IntEnum):
    """enum page_consistency_result: what check_page() and validate_all() return."""

    OK = 0
    MISMATCH = 1
    NOT_TRACKED = 2


class EventKind(Enum):
    """What the checker says; the value is its text, with a number in it."""

    CORRUPTION_BEFORE_ALLOC = "bitmap corruption at PFN {} before alloc"
    CORRUPTION_BEFORE_FREE = "bitmap corruption at PFN {} before free"
    DOUBLE_ALLOC = "DOUBLE-ALLOC detected: PFN {}"
    DOUBLE_FREE = "DOUBLE-FREE detected: PFN {}"
    VIOLATION = "Consistency violation for PFN {}"
    INVALID = "Validation found {} inconsistent words"
    VALID = "Validation passed: {} bits checked"
    INITIALISED = "Initialized successfully, tracking enabled"


class Event(NamedTuple):
    """One message: of a page by its frame number, of a validation by what it counted."""

    kind: EventKind
    number: int = 0

    @property
    def text(self) -> str:
        """The message, without its prefix."""
        return self.kind.value.format(self.number)


class Change(NamedTuple):
    """What one call did: its result, how far each counter moved, and what was said.

    `result` is 0 for alloc() and free(). `panics` is 1 if the kernel died in the call: then the
    first event was its last word, and nobody reads the counters of a dead kernel: they are 0.
    `warnings` are the messages of alloc() and free() that came from WARN().
    """

    result: int
    violations: int
    tracked: int
    allocs: int
    frees: int
    panics: int
    warnings: int
    events: tuple[Event, ...]


class Start(NamedTuple):
    """What init() did: whether tracking is on, and what it asked of the memory allocator.

    `allocations` are its calls of memblock_alloc(), `first_bytes` and `second_bytes` what they
    asked for, `freed` the calls of memblock_free(). `stats_mode` and `validate_mode` are those of
    the debugfs files, 0 where there are none. `remarks` is 1 if it also said something in words of
    its own: the range, or that it is disabled.
    """

    enabled: int
    allocations: int
    first_bytes: int
    second_bytes: int
    freed: int
    stats_mode: int
    validate_mode: int
    remarks: int
    events: tuple[Event, ...]


class Stats(NamedTuple):
    """The numbers in the debugfs file `stats`; all 0 where it is absent. PFNs are page numbers."""

    present: int
    pages_tracked: int
    alloc_count: int
    free_count: int
    violations_detected: int
    bitmap_size_bits: int
    min_pfn: int
    max_pfn: int

    @property
    def text(self) -> str:
        """The file as a person reads it; "" where it is absent."""
        if not self.present:
            return ""
        lines = [
            f"{name}: {value}" for name, value in zip(self._fields[1:6], self[1:6], strict=True)
        ]
        return "\n".join([*lines, f"pfn_range: [{self.min_pfn}-{self.max_pfn})", ""])


EIO = 5
"""The error number that a write to `validate` ends with, negative."""


class _Panic(Exception):  # noqa: N818  # it is one, and no error of ours
    """The kernel died of an event."""


class PageConsistency:
    """The checker of one kernel, built with PANIC or without; off until init().

    `bitmap` is its dual bitmap, one of no bits while tracking is off. `booting` is whether
    system_state is below SYSTEM_RUNNING.
    """

    def __init__(self, abi: Abi, *, panic: bool = False) -> None:
        self.abi = abi
        self.panic = panic
        self.booting = True
        self.enabled = False
        self.dead = False
        self.min_pfn = 0
        self.max_pfn = 0
        self.bitmap = DualBitmap(abi, 0)
        self.violations = 0
        self.tracked = 0
        self.allocs = 0
        self.frees = 0
        self._events: list[Event] = []
        self._warnings = 0

    def init(self, min_pfn: int, max_pfn: int, failing_allocation: int = 0) -> Start:
        """page_consistency_init() for memory of the pages [min_pfn, max_pfn).

        `failing_allocation` is the call of memblock_alloc() that finds no memory, 1 or 2; 0 for
        none.
        """
        span = max_pfn - min_pfn
        if not 0 < span <= UINT_MAX:
            return _off()
        size = self.abi.bits_to_longs(span) * self.abi.bytes_per_long
        if failing_allocation == 1:
            return _off(allocations=1, first_bytes=size)
        if failing_allocation == 2:
            return _off(allocations=2, first_bytes=size, second_bytes=size, freed=1)
        self.min_pfn, self.max_pfn = min_pfn, max_pfn
        self.bitmap = DualBitmap(self.abi, span)
        self.bitmap.init()
        self.enabled = True
        initialised = (Event(EventKind.INITIALISED),)
        return Start(1, 2, size, size, 0, 0o444, 0o200, 1, initialised)

    def running(self, _later: int = 0) -> None:
        """The boot is over: system_state becomes SYSTEM_RUNNING, or one that comes later."""
        self.booting = False

    def alloc(self, pfn: int, order: int) -> Change:
        """page_consistency_alloc() of 2^order pages from `pfn` on."""
        return self._observed(lambda: self._alloc(pfn, order))

    def free(self, pfn: int, order: int) -> Change:
        """page_consistency_free() of 2^order pages from `pfn` on."""
        return self._observed(lambda: self._free(pfn, order))

    def check_page(self, pfn: int) -> Change:
        """page_consistency_check_page(): corruption counts anew at every call, never panics."""
        return self._observed(lambda: self._check_page(pfn))

    def validate_all(self) -> Change:
        """page_consistency_validate_all(): counts every inconsistent word, and never panics."""
        return self._observed(self._validate_all)

    def stats(self) -> Stats:
        """The numbers in the debugfs file `stats`."""
        if not self.enabled:
            return Stats(*([0] * len(Stats._fields)))
        counters = self.tracked, self.allocs, self.frees, self.violations
        return Stats(1, *counters, self.bitmap.nbits, self.min_pfn, self.max_pfn)

    def holds(self, pfn: int, order: int) -> bool:
        """Whether the whole block of 2^order pages from `pfn` on is tracked."""
        last = pfn + (1 << order) - 1
        return self.enabled and self.min_pfn <= pfn and last < self.max_pfn

    def _observed(self, call: Callable[[], int]) -> Change:
        violations, tracked, allocs, frees = self.violations, self.tracked, self.allocs, self.frees
        self._events, self._warnings = [], 0
        try:
            result = call()
        except _Panic:
            self.dead = True
            return Change(0, 0, 0, 0, 0, 1, 0, tuple(self._events))
        return Change(
            result=int(result),
            violations=self.violations - violations,
            tracked=self.tracked - tracked,
            allocs=self.allocs - allocs,
            frees=self.frees - frees,
            panics=0,
            warnings=self._warnings,
            events=tuple(self._events),
        )

    def _alloc(self, pfn: int, order: int) -> int:
        if self.holds(pfn, order):
            pages = range(pfn, pfn + (1 << order))
            self.tracked += sum(self._alloc_page(page) for page in pages)
            self.allocs += 1
        return 0

    def _alloc_page(self, pfn: int) -> bool:
        bit = pfn - self.min_pfn
        if not self.bitmap.consistent(bit):
            self._violation(EventKind.CORRUPTION_BEFORE_ALLOC, pfn)
        if self.bitmap.set(bit):
            self._violation(EventKind.DOUBLE_ALLOC, pfn)
            return False
        return True

    def _free(self, pfn: int, order: int) -> int:
        if self.holds(pfn, order):
            pages = range(pfn, pfn + (1 << order))
            self.tracked -= sum(self._free_page(page) for page in pages)
            self.frees += 1
        return 0

    def _free_page(self, pfn: int) -> bool:
        bit = pfn - self.min_pfn
        if not self.bitmap.consistent(bit):
            self._violation(EventKind.CORRUPTION_BEFORE_FREE, pfn)
        if self.bitmap.clear(bit):
            return True
        if not self.booting:  # memblock_free_all() frees what was never allocated
            self._violation(EventKind.DOUBLE_FREE, pfn)
        return False

    def _check_page(self, pfn: int) -> int:
        if not self.holds(pfn, 0):
            return PageResult.NOT_TRACKED
        if self.bitmap.consistent(pfn - self.min_pfn):
            return PageResult.OK
        self.violations += 1
        self._events.append(Event(EventKind.VIOLATION, pfn))
        return PageResult.MISMATCH

    def _validate_all(self) -> int:
        words = self.bitmap.validate()
        self.violations += words
        if words:
            self._events.append(Event(EventKind.INVALID, words))
            return PageResult.MISMATCH
        self._events.append(Event(EventKind.VALID, self.bitmap.nbits))
        return PageResult.OK

    def _violation(self, kind: EventKind, pfn: int) -> None:
        self.violations += 1
        self._events.append(Event(kind, pfn))
        if self.panic:
            raise _Panic
        self._warnings += 1


def _off(
    *, allocations: int = 0, first_bytes: int = 0, second_bytes: int = 0, freed: int = 0
) -> Start:
    """The feature stays off."""
    return Start(0, allocations, first_bytes, second_bytes, freed, 0, 0, 1, ())
