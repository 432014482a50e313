# SPDX-License-Identifier: GPL-2.0-only
"""The case language: a body calls the recorder, the oracle answers, the steps are kept."""

from __future__ import annotations

import operator
import sys
from collections.abc import Callable
from typing import Any

from pytest_pageconsistency.cases.program import Op, Program, Step
from pytest_pageconsistency.oracle import SECONDARY, Abi, DualBitmap, RetryResult, consistent_word

DIRTY = 0xA5
"""What lies in a bitmap's memory before init(), unless the case says otherwise."""

OBSERVABLE_WORDS = 1 << 20
"""As many words are reported in one step at the most."""

MOST_BITMAPS = 0xFFFF
"""Of one case: struct pc_step numbers them with 16 bits."""

_BIT = ((0,), (1,))


class Recorder:
    """What the `dual_bitmap` fixture hands to a case: call it to make a bitmap.

    Every bitmap lies between two guard words, in memory filled with one byte.
    """

    def __init__(self, abi: Abi) -> None:
        self._abi = abi
        self._steps: list[Step] = []
        self._bitmaps: list[DualBitmap] = []
        self.judged_steps: int | None = None

    @property
    def step_count(self) -> int:
        """Number of steps so far."""
        return len(self._steps)

    def __call__(self, nbits: int, *, dirty: int | None = None) -> BitmapRecorder:
        """Make a dual bitmap of `nbits` bits.

        It is initialised, unless `dirty` names the byte (0 to 255) that fills its memory: then
        nothing is done to it until the case calls init().
        """
        nbits, fill = _integer(nbits), _integer(DIRTY if dirty is None else dirty)
        bitmap = self._add(DualBitmap(self._abi, nbits, fill), Op.NEW, (nbits, fill))
        if dirty is None:
            bitmap._model.init()
            self._steps.append(Step(Op.INIT, bitmap._number, (), (), _caller()))
        return bitmap

    def without_memory(self) -> BitmapRecorder:
        """Make a dual bitmap of no bits whose two pointers are NULL, not initialised."""
        return self._add(DualBitmap(self._abi, 0), Op.NEW_NULL, ())

    def _add(self, model: DualBitmap, op: Op, args: tuple[int, ...]) -> BitmapRecorder:
        number = len(self._bitmaps)
        if number > MOST_BITMAPS:
            raise ValueError(f"a case has {MOST_BITMAPS} dual bitmaps at the most")
        self._bitmaps.append(model)
        self._steps.append(Step(op, number, args, (), _caller(3)))
        return BitmapRecorder(number, model, self._steps)

    def program(self, case_id: str) -> Program:
        """Everything recorded so far, as a Program; what is recorded later is out of its time."""
        self.judged_steps = self.step_count
        return Program(case_id, self._abi, tuple(self._steps), tuple(self._bitmaps))


class BitmapRecorder:
    """One dual bitmap of a case; every call is a step that the kernel will take too.

    Bits are unsigned longs: ValueError for one that does not fit the target's. Copies are called
    "primary" and "secondary".
    """

    def __init__(self, number: int, model: DualBitmap, steps: list[Step]) -> None:
        self._number = number
        self._model = model
        self._steps = steps
        self._ulong_max = model.abi.ulong_max

    @property
    def nbits(self) -> int:
        """Number of bits, as given."""
        return self._model.nbits

    @property
    def word_count(self) -> int:
        """Number of words in each copy."""
        return self._model.word_count

    def init(self) -> None:
        """dual_bitmap_init(): all free."""
        self._model.init()
        self._record(Op.INIT, (), ())

    def set(self, bit: int) -> bool:
        """dual_bitmap_set(): mark allocated; the old bit."""
        bit = self._ulong(bit)
        old = self._model.set(bit)
        self._record(Op.SET, (bit,), _BIT[old])
        return old

    def clear(self, bit: int) -> bool:
        """dual_bitmap_clear(): mark free; the old bit."""
        bit = self._ulong(bit)
        old = self._model.clear(bit)
        self._record(Op.CLEAR, (bit,), _BIT[old])
        return old

    def test(self, bit: int) -> bool:
        """dual_bitmap_test(): the primary bit."""
        bit = self._ulong(bit)
        value = self._model.test(bit)
        self._record(Op.TEST, (bit,), _BIT[value])
        return value

    def consistent(self, bit: int) -> bool:
        """dual_bitmap_consistent(): whether the two bits differ."""
        bit = self._ulong(bit)
        value = self._model.consistent(bit)
        self._record(Op.CONSISTENT, (bit,), _BIT[value])
        return value

    def validate(self) -> int:
        """dual_bitmap_validate(): the number of inconsistent words."""
        violations = self._model.validate()
        self._record(Op.VALIDATE, (), (violations,))
        return violations

    def consistent_word(self, primary: int, secondary: int) -> bool:
        """dual_bitmap_consistent_word() of two word values; no bitmap is touched."""
        primary, secondary = self._ulong(primary), self._ulong(secondary)
        value = consistent_word(self._model.abi, primary, secondary)
        self._record(Op.CONSISTENT_WORD, (primary, secondary), _BIT[value])
        return value

    def consistent_retry(self, bit: int, bad_reads: int, copy: str = SECONDARY) -> RetryResult:
        """consistent(bit) while that bit of `copy` is flipped for its first `bad_reads` reads.

        The pair must be healthy before, and is again afterwards.
        """
        bit, bad_reads = self._ulong(bit), self._ulong(bad_reads)
        result = self._model.consistent_retry(copy, bit, bad_reads)
        self._record(Op.CONSISTENT_RETRY, (copy, bit, bad_reads), tuple(result))
        return result

    def validate_retry(self, bit: int, bad_reads: int, copy: str = SECONDARY) -> RetryResult:
        """validate() while `bit` of `copy` is flipped for the first `bad_reads` reads of its word.

        The pair must be healthy before, and is again afterwards.
        """
        bit, bad_reads = self._ulong(bit), self._ulong(bad_reads)
        result = self._model.validate_retry(copy, bit, bad_reads)
        self._record(Op.VALIDATE_RETRY, (copy, bit, bad_reads), tuple(result))
        return result

    def flip(self, copy: str, bit: int) -> None:
        """Damage: invert one bit of one copy, tail bits included."""
        bit = self._ulong(bit)
        self._model.flip(copy, bit)
        self._record(Op.FLIP, (copy, bit), ())

    def write_word(self, copy: str, index: int, value: int) -> None:
        """Damage: overwrite one word of one copy."""
        index, value = _integer(index), self._ulong(value)
        self._model.write_word(copy, index, value)
        self._record(Op.WRITE_WORD, (copy, index, value), ())

    def scribble(self, copy: str, byte_offset: int, data: bytes) -> None:
        """Damage: overwrite bytes of one copy in memory order; byte order shows here."""
        byte_offset, data = _integer(byte_offset), bytes(memoryview(data))
        self._model.scribble(copy, byte_offset, data)
        self._record(Op.SCRIBBLE, (copy, byte_offset, data), ())

    def word(self, copy: str, index: int) -> int:
        """Observe one word."""
        index = _integer(index)
        value = self._model.word(copy, index)
        self._record(Op.WORD, (copy, index), (value,))
        return value

    def words(self, copy: str) -> list[int]:
        """Observe all words of one copy, lowest index first."""
        if self._model.word_count > OBSERVABLE_WORDS:
            raise ValueError(
                f"words() reports {OBSERVABLE_WORDS} words at the most, "
                f"not {self._model.word_count}: observe single ones with word()"
            )
        values = self._model.words(copy)
        self._record(Op.WORDS, (copy,), tuple(values))
        return values

    def guard(self) -> bool:
        """Observe whether the words before and after each copy are untouched."""
        self._record(Op.GUARD, (), _BIT[True])
        return True

    def _record(self, op: Op, args: tuple[Any, ...], expected: tuple[int, ...]) -> None:
        self._steps.append(Step(op, self._number, args, expected, _caller(3)))

    def _ulong(self, value: int) -> int:
        value = _integer(value)
        if value < 0:
            raise ValueError(f"{value} is negative: the kernel takes unsigned longs")
        if value > self._ulong_max:
            raise ValueError(
                f"{value} does not fit this target's unsigned long (0 to {self._ulong_max:#x}); "
                "let the case branch on kunit_target"
            )
        return value


def _integer(value: int) -> int:
    """A plain int: C would spell a bool or an enumerator differently; TypeError for no integer."""
    return int(operator.index(value))


def _caller(depth: int = 2) -> tuple[str, int]:
    frame = sys._getframe(depth)
    return frame.f_code.co_filename, frame.f_lineno


def record(body: Callable[[Recorder], object], abi: Abi, case_id: str) -> Program:
    """Run `body(dual_bitmap)` against the oracle and return what it recorded.

    For programs made outside of a pytest case, such as those given to `kunit_run`.
    """
    recorder = Recorder(abi)
    body(recorder)
    return recorder.program(case_id)
