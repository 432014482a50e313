# SPDX-License-Identifier: GPL-2.0-only
"""The case language: a body calls the recorder, the oracle answers, the steps are kept."""

from __future__ import annotations

import operator
import sys
from collections.abc import Callable, Iterable
from types import CodeType

from pytest_pageconsistency.cases.program import Program
from pytest_pageconsistency.cases.steps import (
    Op,
    PackedSteps,
    head_of,
    packed_bytes,
    packed_spans,
)
from pytest_pageconsistency.oracle import (
    COPIES,
    SECONDARY,
    Abi,
    DualBitmap,
    RetryResult,
    consistent_word,
)

DIRTY = 0xA5
"""What lies in a bitmap's memory before init(), unless the case says otherwise."""

OBSERVABLE_WORDS = 1 << 20
"""As many words are reported in one step at the most."""

MOST_BITMAPS = 0xFFFF
"""Of one case: a row numbers them with 16 bits."""

_FLAG = 8
"""Where the flag of a row's first word begins."""

_frame_at = sys._getframe

_SET, _CLEAR, _TEST, _CONSISTENT = map(head_of, (Op.SET, Op.CLEAR, Op.TEST, Op.CONSISTENT))


class Tape:
    """The steps of a case while they are taken."""

    def __init__(self) -> None:
        # Of each code, by its identity, the places in it: to hash code takes longer than a step.
        self._places: dict[int, dict[int, int]] = {}
        self._codes: list[CodeType] = []
        self._code: CodeType | None = None
        self._in_code: dict[int, int] = {}
        self._lines: list[tuple[str, int]] = []
        self._steps = PackedSteps(places=self._lines)
        self._append = self._steps.rows.append
        self._append_source = self._steps.sources.append
        self.observe = self._steps.observed.append
        self.observe_all = self._steps.observed.extend

    def __len__(self) -> int:
        return len(self._steps)

    def add(self, head: int, value: int, depth: int = 2) -> None:
        """Add a row; the case's own code is `depth` calls above."""
        self._append(head)
        self._append(value)
        frame = _frame_at(depth)
        if frame.f_code is not self._code:
            self._enter(frame.f_code)
        try:
            source = self._in_code[frame.f_lasti]
        except KeyError:
            source = self._in_code[frame.f_lasti] = len(self._lines)
            self._lines.append((frame.f_code.co_filename, frame.f_lineno))
        self._append_source(source)

    def _enter(self, code: CodeType) -> None:
        """Note that the steps are now taken by this code."""
        if id(code) not in self._places:
            self._codes.append(code)  # as long as it lives its identity is its own
            self._places[id(code)] = {}
        self._code, self._in_code = code, self._places[id(code)]

    def more(self, words: Iterable[int]) -> int:
        """Keep words that do not fit a row; where they begin."""
        start = len(self._steps.more)
        self._steps.more.extend(words)
        return start

    def steps(self) -> PackedSteps:
        """What was added so far."""
        return self._steps.copy()


class Recorder:
    """What the `dual_bitmap` fixture hands to a case: call it to make a bitmap.

    Every bitmap lies between two guard words, in memory filled with one byte.
    """

    def __init__(self, abi: Abi) -> None:
        self.abi = abi
        self.tape = Tape()
        self._bitmaps: list[DualBitmap] = []
        self.judged_steps: int | None = None

    @property
    def step_count(self) -> int:
        """Number of steps so far."""
        return len(self.tape)

    def __call__(self, nbits: int, *, dirty: int | None = None) -> BitmapRecorder:
        """Make a dual bitmap of `nbits` bits.

        It is initialised, unless `dirty` names the byte (0 to 255) that fills its memory: then
        nothing is done to it until the case calls init().
        """
        nbits, fill = integer(nbits), integer(DIRTY if dirty is None else dirty)
        bitmap = self.adopt(DualBitmap(self.abi, nbits, fill), Op.NEW, nbits | fill << 32)
        if dirty is None:
            bitmap._model.init()
            self.tape.add(head_of(Op.INIT, 0, bitmap.number), 0)
        return bitmap

    def without_memory(self) -> BitmapRecorder:
        """Make a dual bitmap of no bits whose two pointers are NULL, not initialised."""
        return self.adopt(DualBitmap(self.abi, 0), Op.NEW_NULL, 0)

    def adopt(self, model: DualBitmap, op: Op, value: int, flag: int = 0) -> BitmapRecorder:
        """Let one more bitmap take part, by a step whose caller the case has called."""
        number = len(self._bitmaps)
        if number > MOST_BITMAPS:
            raise ValueError(f"a case has {MOST_BITMAPS} dual bitmaps at the most")
        self._bitmaps.append(model)
        self.tape.add(head_of(op, flag, number), value, depth=3)
        return BitmapRecorder(number, model, self.tape)

    def program(self, case_id: str) -> Program:
        """Everything recorded so far, as a Program; what is recorded later is out of its time."""
        self.judged_steps = self.step_count
        return Program(case_id, self.abi, self.tape.steps(), tuple(self._bitmaps))


class BitmapRecorder:
    """One dual bitmap of a case; every call is a step that the kernel will take too.

    Bits are unsigned longs: ValueError for one that does not fit the target's. Copies are called
    "primary" and "secondary".
    """

    def __init__(self, number: int, model: DualBitmap, tape: Tape) -> None:
        self.number = number
        self._base = number << 16
        self._model = model
        self._tape = tape
        self._add = tape.add
        self._observe = tape.observe
        self._ulong_max = model.abi.ulong_max

    @property
    def nbits(self) -> int:
        """Number of bits, as given."""
        return self._model.nbits

    @property
    def word_count(self) -> int:
        """Number of words in each copy."""
        return self._model.word_count

    @property
    def bits_per_long(self) -> int:
        """Number of bits in a word."""
        return self._model.abi.bits_per_long

    def init(self) -> None:
        """dual_bitmap_init(): all free."""
        self._model.init()
        self._tape.add(self._head(Op.INIT), 0)

    def set(self, bit: int) -> bool:
        """dual_bitmap_set(): mark allocated; the old bit."""
        return self._bit(_SET, self._model.set, bit)

    def clear(self, bit: int) -> bool:
        """dual_bitmap_clear(): mark free; the old bit."""
        return self._bit(_CLEAR, self._model.clear, bit)

    def test(self, bit: int) -> bool:
        """dual_bitmap_test(): the primary bit."""
        return self._bit(_TEST, self._model.test, bit)

    def consistent(self, bit: int) -> bool:
        """dual_bitmap_consistent(): whether the two bits differ."""
        return self._bit(_CONSISTENT, self._model.consistent, bit)

    def validate(self) -> int:
        """dual_bitmap_validate(): the number of inconsistent words."""
        violations = self._model.validate()
        self._tape.add(self._head(Op.VALIDATE), violations)
        self._tape.observe(violations)
        return violations

    def consistent_word(self, primary: int, secondary: int) -> bool:
        """dual_bitmap_consistent_word() of two word values; no bitmap is touched."""
        primary, secondary = self._ulong(primary), self._ulong(secondary)
        value = consistent_word(self._model.abi, primary, secondary)
        more = self._tape.more((primary, secondary))
        self._tape.add(self._head(Op.CONSISTENT_WORD, value), more)
        self._tape.observe(value)
        return value

    def consistent_retry(self, bit: int, bad_reads: int, copy: str = SECONDARY) -> RetryResult:
        """consistent(bit) while that bit of `copy` is flipped for its first `bad_reads` reads.

        The pair must be healthy before, and is again afterwards.
        """
        bit, bad_reads = self._ulong(bit), self._ulong(bad_reads)
        result = self._model.consistent_retry(copy, bit, bad_reads)
        self._add_retry(Op.CONSISTENT_RETRY, copy, bit, bad_reads, result)
        return result

    def validate_retry(self, bit: int, bad_reads: int, copy: str = SECONDARY) -> RetryResult:
        """validate() while `bit` of `copy` is flipped for the first `bad_reads` reads of its word.

        The pair must be healthy before, and is again afterwards.
        """
        bit, bad_reads = self._ulong(bit), self._ulong(bad_reads)
        result = self._model.validate_retry(copy, bit, bad_reads)
        self._add_retry(Op.VALIDATE_RETRY, copy, bit, bad_reads, result)
        return result

    def flip(self, copy: str, bit: int) -> None:
        """Damage: invert one bit of one copy, tail bits included."""
        bit = self._ulong(bit)
        self._model.flip(copy, bit)
        self._tape.add(self._head(Op.FLIP, COPIES.index(copy)), bit)

    def write_word(self, copy: str, index: int, value: int) -> None:
        """Damage: overwrite one word of one copy."""
        index, value = integer(index), self._ulong(value)
        self._model.write_word(copy, index, value)
        more = self._tape.more((index, value))
        self._tape.add(self._head(Op.WRITE_WORD, COPIES.index(copy)), more)

    def scribble(self, copy: str, byte_offset: int, data: bytes) -> None:
        """Damage: overwrite bytes of one copy in memory order; byte order shows here."""
        byte_offset, data = integer(byte_offset), bytes(memoryview(data))
        self._model.scribble(copy, byte_offset, data)
        more = self._tape.more((byte_offset, *packed_bytes(data)))
        self._tape.add(self._head(Op.SCRIBBLE, COPIES.index(copy)), more)

    def word(self, copy: str, index: int) -> int:
        """Observe one word."""
        index = integer(index)
        value = self._model.word(copy, index)
        more = self._tape.more((index, value))
        self._tape.add(self._head(Op.WORD, COPIES.index(copy)), more)
        self._tape.observe(value)
        return value

    def words(self, copy: str) -> list[int]:
        """Observe all words of one copy, lowest index first."""
        if self._model.word_count > OBSERVABLE_WORDS:
            raise ValueError(
                f"words() reports {OBSERVABLE_WORDS} words at the most, "
                f"not {self._model.word_count}: observe single ones with word()"
            )
        values = self._model.words(copy)
        more = self._tape.more(packed_spans(values))
        self._tape.add(self._head(Op.WORDS, COPIES.index(copy)), more)
        self._tape.observe_all(values)
        return values

    def guard(self) -> bool:
        """Observe whether the words before and after each copy are untouched."""
        self._tape.add(self._head(Op.GUARD, 1), 0)
        self._tape.observe(1)
        return True

    def _head(self, op: Op, flag: int = 0) -> int:
        return head_of(op, flag, self.number)

    def _bit(self, head: int, function: Callable[[int], bool], bit: int) -> bool:
        if type(bit) is not int or not 0 <= bit <= self._ulong_max:
            bit = self._ulong(bit)
        value = function(bit)
        self._add(head | value << _FLAG | self._base, bit, 3)
        self._observe(value)
        return value

    def _add_retry(self, op: Op, copy: str, bit: int, bad_reads: int, result: RetryResult) -> None:
        more = self._tape.more((bit, bad_reads, *result))
        self._tape.add(self._head(op, COPIES.index(copy)), more, depth=3)
        self._tape.observe_all(result)

    def _ulong(self, value: int) -> int:
        value = integer(value)
        if value < 0:
            raise ValueError(f"{value} is negative: the kernel takes unsigned longs")
        if value > self._ulong_max:
            raise ValueError(
                f"{value} does not fit this target's unsigned long (0 to {self._ulong_max:#x}); "
                "let the case branch on kunit_target"
            )
        return value


def integer(value: int) -> int:
    """A plain int: C would spell a bool or an enumerator differently; TypeError for no integer."""
    return int(operator.index(value))


def record(body: Callable[[Recorder], object], abi: Abi, case_id: str) -> Program:
    """Run `body(dual_bitmap)` against the oracle and return what it recorded.

    For programs made outside of a pytest case, such as those given to `kunit_run`.
    """
    recorder = Recorder(abi)
    body(recorder)
    return recorder.program(case_id)
