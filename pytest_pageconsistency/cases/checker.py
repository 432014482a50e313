# SPDX-License-Identifier: GPL-2.0-only
"""The case language of the page consistency checker, on the same tape as the dual bitmaps."""

from __future__ import annotations

from pytest_pageconsistency.cases.fields import packed_fields
from pytest_pageconsistency.cases.recorder import BitmapRecorder, Recorder, integer
from pytest_pageconsistency.cases.steps import Op, head_of
from pytest_pageconsistency.oracle import (
    COPIES,
    EIO,
    UINT_MAX,
    Change,
    PageConsistency,
    Start,
    Stats,
)

HIGHEST_ORDER = 10
"""Of a block of pages: what the page allocator's free lists hold with its default settings."""

MOST_PAGES = 1 << 22
"""As many are tracked in a case at the most; each takes two bits of the kernel that is there."""

MOST_UNUSED_PAGES = 1 << 15
"""As many pages has a machine whose second allocation fails (PC_UNUSED_WORDS of the runtime)."""

HIGHEST_PFN = {32: (1 << 18) - 1, 64: (1 << 40) - 1}
"""By bits per long: the address of such a page fits phys_addr_t, if pages have up to 16 KiB."""

WRITTEN_BYTES = 3
"""What a case writes to the debugfs file `validate`."""

LATER_STATES = 4
"""Values of enum system_states after SYSTEM_RUNNING (include/linux/kernel.h)."""


class CheckerRecorder:
    """What the `page_consistency` fixture hands to a case: the checker of one machine.

    Each call is a step that the kernel's mm/page_consistency.c takes too. Pages are numbered by
    their frame (PFN), up to HIGHEST_PFN. Once the kernel has panicked, only panics() and the memory
    of `bitmap` can be asked for.
    """

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._tape = recorder.tape
        self._model: PageConsistency | None = None
        self._bitmap: BitmapRecorder | None = None

    @property
    def bitmap(self) -> BitmapRecorder:
        """The checker's dual bitmap, to damage and to look at; ValueError while it has none."""
        self._tracking()
        assert self._bitmap is not None
        return self._bitmap

    def boot(
        self,
        min_pfn: int,
        max_pfn: int,
        *,
        panic: bool = False,
        failing_allocation: int = 0,
    ) -> Start:
        """Start a machine with the pages [min_pfn, max_pfn), and the checker on it.

        `panic` is CONFIG_DEBUG_PAGE_CONSISTENCY_PANIC; `failing_allocation` is the call of
        memblock_alloc() that finds no memory, 1 or 2. What was booted before is forgotten.
        """
        min_pfn, max_pfn = self._pfn(min_pfn), self._pfn(max_pfn)
        if min_pfn > max_pfn:
            raise ValueError(f"memory ends at page {max_pfn}, before it starts, at {min_pfn}")
        if failing_allocation not in (0, 1, 2):
            raise ValueError("the checker allocates twice: failing_allocation is 0, 1 or 2")
        # A checker that goes on without a secondary has memory for a primary of that many only.
        most = MOST_PAGES if failing_allocation == 0 else MOST_UNUSED_PAGES
        if failing_allocation != 1 and max_pfn - min_pfn in range(most + 1, UINT_MAX + 1):
            raise ValueError(f"{most} pages can be tracked here at the most, for want of memory")
        model = self._model = PageConsistency(self._recorder.abi, panic=bool(panic))
        start = model.init(min_pfn, max_pfn, failing_allocation)
        values = packed_fields(start)
        more = self._more((min_pfn, max_pfn, failing_allocation), values)
        self._bitmap = self._recorder.adopt(model.bitmap, Op.BOOT, more, flag=model.panic)
        self._tape.observe_all(values)
        return start

    def running(self, later: int = 0) -> None:
        """End the boot: system_state becomes SYSTEM_RUNNING, or the `later`th state after it.

        Those are four: halt, power off, restart, suspend.
        """
        later = integer(later)
        if not 0 <= later <= LATER_STATES:
            raise ValueError(f"{LATER_STATES} states come after SYSTEM_RUNNING, not {later}")
        self._alive().running()
        self._tape.add(self._head(Op.RUNNING), later)

    def alloc(self, pfn: int, order: int = 0) -> Change:
        """page_consistency_alloc(): the allocator hands out 2^order pages from `pfn` on."""
        model, block = self._alive(), self._block(pfn, order)
        return self._change(Op.ALLOC, block, model.alloc(*block))

    def free(self, pfn: int, order: int = 0) -> Change:
        """page_consistency_free(): 2^order pages from `pfn` on come back."""
        model, block = self._alive(), self._block(pfn, order)
        return self._change(Op.FREE, block, model.free(*block))

    def check(self, pfn: int) -> Change:
        """page_consistency_check_page(): its `result` is 0, MISMATCH or NOT_TRACKED."""
        model, pfn = self._checking(), self._pfn(pfn)
        return self._change(Op.CHECK, (pfn,), model.check_page(pfn))

    def validate_all(self) -> Change:
        """page_consistency_validate_all(): its `result` is 0 or MISMATCH."""
        return self._change(Op.VALIDATE_ALL, (), self._checking().validate_all())

    def write_validate(self) -> Change:
        """Write three bytes to the debugfs file `validate`: `result` is 3, or -5 (-EIO)."""
        change = self._checking().validate_all()
        result = -EIO if change.result else WRITTEN_BYTES
        return self._change(Op.WRITE_VALIDATE, (), change._replace(result=result))

    def flip(self, copy: str, pfn: int) -> None:
        """Damage: invert the bit of a tracked page in one copy, "primary" or "secondary"."""
        model, pfn = self._tracking(), self._pfn(pfn)
        if not model.holds(pfn, 0):
            raise ValueError(f"page {pfn} is not tracked: it has no bit")
        model.bitmap.flip(copy, pfn - model.min_pfn)
        self._tape.add(self._head(Op.FLIP, COPIES.index(copy)), pfn - model.min_pfn)

    def stats(self) -> Stats:
        """Observe the debugfs file `stats`; its counters count from boot() on."""
        stats = self._alive().stats()
        values = packed_fields(stats)
        self._tape.add(self._head(Op.STATS), self._more((), values))
        self._tape.observe_all(values)
        return stats

    def violations(self) -> int:
        """Observe violations_detected since boot()."""
        return self._count(Op.VIOLATIONS, self._alive().violations)

    def panics(self) -> int:
        """Observe how often the kernel has died since boot(): 0 or 1."""
        return self._count(Op.PANICS, int(self._booted().dead))

    def _change(self, op: Op, arguments: tuple[int, ...], change: Change) -> Change:
        values = packed_fields(change)
        self._tape.add(self._head(op), self._more(arguments, values), depth=3)
        self._tape.observe_all(values)
        return change

    def _count(self, op: Op, value: int) -> int:
        self._tape.add(self._head(op), value, depth=3)
        self._tape.observe(value)
        return value

    def _head(self, op: Op, flag: int = 0) -> int:
        assert self._bitmap is not None
        return head_of(op, flag, self._bitmap.number)

    def _more(self, arguments: tuple[int, ...], values: list[int]) -> int:
        return self._tape.more((*arguments, len(values), *values))

    def _booted(self) -> PageConsistency:
        if self._model is None:
            raise ValueError("there is no machine yet: call boot() first")
        return self._model

    def _alive(self) -> PageConsistency:
        model = self._booted()
        if model.dead:
            raise ValueError("the kernel has panicked: only panics() and memory can be asked for")
        return model

    def _checking(self) -> PageConsistency:
        self._alive()
        return self._tracking()

    def _tracking(self) -> PageConsistency:
        model = self._booted()
        if not model.enabled:
            raise ValueError("tracking is off: there is no bitmap, and nothing to check")
        return model

    def _block(self, pfn: int, order: int) -> tuple[int, int]:
        pfn, order = self._pfn(pfn), integer(order)
        if not 0 <= order <= HIGHEST_ORDER:
            raise ValueError(f"a block's order is 0 to {HIGHEST_ORDER}, not {order}")
        self._pfn(pfn + (1 << order) - 1)
        return pfn, order

    def _pfn(self, pfn: int) -> int:
        pfn, highest = integer(pfn), HIGHEST_PFN[self._recorder.abi.bits_per_long]
        if not 0 <= pfn <= highest:
            raise ValueError(f"page {pfn} is not in 0 to {highest:#x}, as this target's memory is")
        return pfn
