# SPDX-License-Identifier: GPL-2.0-only
"""Steps packed into 64-bit words: a million of them take megabytes, and the kernel reads the same.

A step is a row of two words. The first holds the operation (bits 0 to 7, its place in `Op`), a
flag (8 to 15) and the number of the bitmap (16 to 31); the second is its value. What does not fit
lies in `more`, where the value says (kunit/runtime/pc_table.h reads both).
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from itertools import groupby
from typing import Any, NamedTuple, overload

from pytest_pageconsistency.oracle import COPIES, Change, RetryResult, Start, Stats

WORD = "Q"
"""The array type code of what is packed: unsigned, 64 bits."""


class Observes(Enum):
    """What a step reports: nothing, one bit, or a number of values known beforehand.

    That is a count, words of memory, or fields, each of which has a name.
    """

    NOTHING = "nothing"
    BIT = "bit"
    COUNT = "count"
    WORDS = "words"
    FIELDS = "fields"


class Op(Enum):
    """The operations of the case language; the value is the name a case writes."""

    NEW = "new"
    NEW_NULL = "new_null"
    INIT = "init"
    SET = "set"
    CLEAR = "clear"
    TEST = "test"
    CONSISTENT = "consistent"
    VALIDATE = "validate"
    CONSISTENT_WORD = "consistent_word"
    CONSISTENT_RETRY = "consistent_retry"
    VALIDATE_RETRY = "validate_retry"
    FLIP = "flip"
    WRITE_WORD = "write_word"
    SCRIBBLE = "scribble"
    WORD = "word"
    WORDS = "words"
    GUARD = "guard"
    BOOT = "boot"
    RUNNING = "running"
    ALLOC = "alloc"
    FREE = "free"
    CHECK = "check"
    VALIDATE_ALL = "validate_all"
    WRITE_VALIDATE = "write_validate"
    STATS = "stats"
    VIOLATIONS = "violations"
    PANICS = "panics"

    __hash__ = object.__hash__  # members are singletons; Enum's own hashes the name each time


OPS = tuple(Op)
CODES = {op: code for code, op in enumerate(OPS)}
"""What an operation is called in a row; `enum pc_op` has the same order."""


class Operation(NamedTuple):
    """The arguments of an operation, by name, and what it observes: `fields`, or else `observes`.

    Behind fields whose last one is "events" come two values for each event.
    """

    arguments: tuple[str, ...]
    observes: Observes
    fields: tuple[str, ...] = ()


OPERATIONS = {
    Op.NEW: Operation(("nbits", "fill"), Observes.NOTHING),
    Op.NEW_NULL: Operation((), Observes.NOTHING),
    Op.INIT: Operation((), Observes.NOTHING),
    Op.SET: Operation(("bit",), Observes.BIT),
    Op.CLEAR: Operation(("bit",), Observes.BIT),
    Op.TEST: Operation(("bit",), Observes.BIT),
    Op.CONSISTENT: Operation(("bit",), Observes.BIT),
    Op.VALIDATE: Operation((), Observes.COUNT),
    Op.CONSISTENT_WORD: Operation(("primary", "secondary"), Observes.BIT),
    Op.CONSISTENT_RETRY: Operation(
        ("copy", "bit", "bad_reads"), Observes.FIELDS, RetryResult._fields
    ),
    Op.VALIDATE_RETRY: Operation(
        ("copy", "bit", "bad_reads"), Observes.FIELDS, RetryResult._fields
    ),
    Op.FLIP: Operation(("copy", "bit"), Observes.NOTHING),
    Op.WRITE_WORD: Operation(("copy", "index", "value"), Observes.NOTHING),
    Op.SCRIBBLE: Operation(("copy", "byte_offset", "data"), Observes.NOTHING),
    Op.WORD: Operation(("copy", "index"), Observes.WORDS),
    Op.WORDS: Operation(("copy",), Observes.WORDS),
    Op.GUARD: Operation((), Observes.BIT),
    Op.BOOT: Operation(
        ("min_pfn", "max_pfn", "failing_allocation", "panic"), Observes.FIELDS, Start._fields
    ),
    Op.RUNNING: Operation(("later",), Observes.NOTHING),
    Op.ALLOC: Operation(("pfn", "order"), Observes.FIELDS, Change._fields),
    Op.FREE: Operation(("pfn", "order"), Observes.FIELDS, Change._fields),
    Op.CHECK: Operation(("pfn",), Observes.FIELDS, Change._fields),
    Op.VALIDATE_ALL: Operation((), Observes.FIELDS, Change._fields),
    Op.WRITE_VALIDATE: Operation((), Observes.FIELDS, Change._fields),
    Op.STATS: Operation((), Observes.FIELDS, Stats._fields),
    Op.VIOLATIONS: Operation((), Observes.COUNT),
    Op.PANICS: Operation((), Observes.COUNT),
}

CHECKER_OPS = frozenset(OPS[CODES[Op.BOOT] :])
"""The operations of the page consistency checker."""


_BIT_OPS = frozenset({Op.SET, Op.CLEAR, Op.TEST, Op.CONSISTENT})


class Step(NamedTuple):
    """One operation on one bitmap of the case, and what the oracle observed.

    `args` are integers, a copy's name or bytes, as OPERATIONS names them; `expected` are bits (0 or
    1) or words. `source` is the file and line of the case that took the step.
    """

    op: Op
    bitmap: int
    args: tuple[Any, ...]
    expected: tuple[int, ...]
    source: tuple[str, int]

    def call(self) -> str:
        """The step as a case would write it: `set(5)`."""
        names = OPERATIONS[self.op].arguments
        arguments = ", ".join(
            _argument(name, value) for name, value in zip(names, self.args, strict=True)
        )
        return f"{self.op.value}({arguments})"


def _words() -> array[int]:
    return array(WORD)


@dataclass(frozen=True, repr=False)
class PackedSteps(Sequence[Step]):
    """Steps, each made from its row when it is asked for.

    `rows` holds two words a step, `more` what they point to. `observed` are the values that the
    oracle observed, in the order of the steps; `sources` has for each step its place in `places`,
    the lines that took steps.
    """

    rows: array[int] = field(default_factory=_words)
    more: array[int] = field(default_factory=_words)
    observed: array[int] = field(default_factory=_words)
    sources: array[int] = field(default_factory=lambda: array("L"))
    places: Sequence[tuple[str, int]] = ()

    def __len__(self) -> int:
        return len(self.sources)

    @overload
    def __getitem__(self, number: int) -> Step: ...

    @overload
    def __getitem__(self, number: slice) -> Sequence[Step]: ...

    def __getitem__(self, number: int | slice) -> Step | Sequence[Step]:
        if isinstance(number, slice):
            return [self[n] for n in range(*number.indices(len(self)))]
        source = self.places[self.sources[number]]
        number %= len(self)
        head, value = self.rows[2 * number : 2 * number + 2]
        op, flag = OPS[head & 0xFF], head >> 8 & 0xFF
        return Step(op, head >> 16, *_contents(op, flag, value, self.more), source)

    def __iter__(self) -> Iterator[Step]:
        return (self[number] for number in range(len(self)))

    def ops(self) -> set[Op]:
        """The operations that occur."""
        return {OPS[head & 0xFF] for head in self.rows[::2]}

    def content(self) -> bytes:
        """Equal for equal steps, wherever the lines are that took them."""
        return self.rows.tobytes() + self.more.tobytes()

    def copy(self) -> PackedSteps:
        """The steps so far, which later ones do not change."""
        return PackedSteps(
            self.rows[:], self.more[:], self.observed[:], self.sources[:], tuple(self.places)
        )


def head_of(op: Op, flag: int = 0, bitmap: int = 0) -> int:
    """The first word of a row."""
    return CODES[op] | flag << 8 | bitmap << 16


def packed_spans(words: Iterable[int]) -> list[int]:
    """The number of runs of equal words, then each run's value and length."""
    runs = [(value, sum(1 for _ in run)) for value, run in groupby(words)]
    return [len(runs), *(word for run in runs for word in run)]


def packed_bytes(data: bytes) -> list[int]:
    """The number of bytes, then eight of them in each word, the first one least significant."""
    padded = data + bytes(-len(data) % 8)
    chunks = (padded[start : start + 8] for start in range(0, len(padded), 8))
    return [len(data), *(int.from_bytes(chunk, "little") for chunk in chunks)]


def _contents(
    op: Op, flag: int, value: int, more: array[int]
) -> tuple[tuple[Any, ...], tuple[int, ...]]:
    """The arguments of a row, and what the oracle observed."""
    if op in _BIT_OPS:
        return (value,), (flag,)
    if op in CHECKER_OPS:
        return _checker_contents(op, flag, value, more)
    if op is Op.VALIDATE:
        return (), (value,)
    if op is Op.NEW:
        return (value & 0xFFFFFFFF, value >> 32), ()
    if op in (Op.INIT, Op.NEW_NULL):
        return (), ()
    if op is Op.GUARD:
        return (), (flag,)
    if op is Op.CONSISTENT_WORD:
        return tuple(more[value : value + 2]), (flag,)
    copy = COPIES[flag]
    if op is Op.FLIP:
        return (copy, value), ()
    if op is Op.WRITE_WORD:
        return (copy, *more[value : value + 2]), ()
    if op is Op.WORD:
        return (copy, more[value]), (more[value + 1],)
    if op is Op.WORDS:
        spans = more[value + 1 : value + 1 + 2 * more[value]]
        pairs = zip(spans[::2], spans[1::2], strict=True)
        return (copy,), tuple(word for word, count in pairs for _ in range(count))
    if op is Op.SCRIBBLE:
        offset, size = more[value : value + 2]
        words = more[value + 2 : value + 2 + (size + 7) // 8]
        data = b"".join(word.to_bytes(8, "little") for word in words)
        return (copy, offset, data[:size]), ()
    return (copy, *more[value : value + 2]), tuple(more[value + 2 : value + 7])


def _checker_contents(
    op: Op, flag: int, value: int, more: array[int]
) -> tuple[tuple[Any, ...], tuple[int, ...]]:
    if op is Op.RUNNING:
        return (value,), ()
    if OPERATIONS[op].observes is Observes.COUNT:
        return (), (value,)
    # Of boot() one argument is the flag.
    start = value + len(OPERATIONS[op].arguments) - (op is Op.BOOT)
    arguments: tuple[Any, ...] = tuple(more[value:start])
    if op is Op.BOOT:
        arguments += (bool(flag),)
    return arguments, tuple(more[start + 1 : start + 1 + more[start]])


def _argument(name: str, value: int | str | bytes) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        wide = name in ("value", "primary", "secondary", "fill") or value > 0xFFFFFFFF
        return f"{value:#x}" if wide else str(value)
    return repr(value)
