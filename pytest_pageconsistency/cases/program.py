# SPDX-License-Identifier: GPL-2.0-only
"""A case as data: the steps that the kernel shall take and what the oracle says of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from itertools import repeat
from typing import Any, NamedTuple

from pytest_pageconsistency.oracle import Abi, DualBitmap


class Observes(Enum):
    """What a step reports: nothing, one bit, or a number of words known beforehand."""

    NOTHING = "nothing"
    BIT = "bit"
    WORDS = "words"


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

    __hash__ = object.__hash__  # members are singletons; Enum's own hashes the name each time


@dataclass(frozen=True)
class Operation:
    """The arguments of an operation, by name, and what it observes."""

    arguments: tuple[str, ...]
    observes: Observes


OPERATIONS: Mapping[Op, Operation] = {
    Op.NEW: Operation(("nbits", "fill"), Observes.NOTHING),
    Op.NEW_NULL: Operation((), Observes.NOTHING),
    Op.INIT: Operation((), Observes.NOTHING),
    Op.SET: Operation(("bit",), Observes.BIT),
    Op.CLEAR: Operation(("bit",), Observes.BIT),
    Op.TEST: Operation(("bit",), Observes.BIT),
    Op.CONSISTENT: Operation(("bit",), Observes.BIT),
    Op.VALIDATE: Operation((), Observes.WORDS),
    Op.CONSISTENT_WORD: Operation(("primary", "secondary"), Observes.BIT),
    Op.CONSISTENT_RETRY: Operation(("copy", "bit", "bad_reads"), Observes.WORDS),
    Op.VALIDATE_RETRY: Operation(("copy", "bit", "bad_reads"), Observes.WORDS),
    Op.FLIP: Operation(("copy", "bit"), Observes.NOTHING),
    Op.WRITE_WORD: Operation(("copy", "index", "value"), Observes.NOTHING),
    Op.SCRIBBLE: Operation(("copy", "byte_offset", "data"), Observes.NOTHING),
    Op.WORD: Operation(("copy", "index"), Observes.WORDS),
    Op.WORDS: Operation(("copy",), Observes.WORDS),
    Op.GUARD: Operation((), Observes.BIT),
}


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


@dataclass(frozen=True)
class Program:
    """A recorded case for one ABI.

    `case_id` is the pytest id; `bitmaps` are the oracle's models as the last step left them.
    """

    case_id: str
    abi: Abi
    steps: tuple[Step, ...]
    bitmaps: tuple[DualBitmap, ...]

    def __repr__(self) -> str:
        # pytest prints the arguments of every frame of a traceback: not half a million words.
        return f"<Program {self.case_id!r}, {len(self.steps)} steps>"

    def final_runs(self) -> Iterator[tuple[int, int]]:
        """The words of every bitmap at the end as (value, count): its primary, its secondary."""
        for bitmap in self.bitmaps:
            yield from bitmap.primary.runs()
            yield from bitmap.secondary.runs()

    def final_words(self) -> Iterator[int]:
        """The words of every bitmap at the end: each one's primary, then its secondary."""
        for value, count in self.final_runs():
            yield from repeat(value, count)

    def same_steps(self, other: Program) -> bool:
        """Whether another recording took the very same steps."""
        return self.abi == other.abi and self.steps == other.steps


def _argument(name: str, value: int | str | bytes) -> str:
    if isinstance(value, int):
        wide = name in ("value", "primary", "secondary", "fill") or value > 0xFFFFFFFF
        return f"{value:#x}" if wide else str(value)
    return repr(value)
