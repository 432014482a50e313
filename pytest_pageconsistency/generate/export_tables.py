# SPDX-License-Identifier: GPL-2.0-only
"""A long case as a table of `struct pc_step` rows with the data they point to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from pytest_pageconsistency.cases import Op, Program, Step
from pytest_pageconsistency.generate import literals
from pytest_pageconsistency.generate.statements import COPY_ENUMERATORS


@dataclass
class Table:
    """The C initialisers of one case."""

    rows: list[str] = field(default_factory=list)
    data: bytearray = field(default_factory=bytearray)
    words: list[int] = field(default_factory=list)
    spans: list[str] = field(default_factory=list)

    def more(self, values: Iterable[int]) -> int:
        """Append words that do not fit a row; where they begin."""
        start = len(self.words)
        self.words += values
        return start

    def bytes_text(self) -> str:
        """Elements of the `u8` array."""
        return literals.initialiser(f"{byte:#04x}" for byte in self.data)

    def words_text(self) -> str:
        """Elements of the `unsigned long` array."""
        return literals.initialiser(map(literals.ulong, self.words))

    def spans_text(self) -> str:
        """Elements of the `struct pc_span` array."""
        return literals.initialiser(self.spans)


def make_table(program: Program) -> Table:
    """One row a step: `{ PC_SET, 1, 0, 5 }` is set(5) on bitmap 0, where 1 is expected."""
    table = Table()
    for step in program.steps:
        flag, value = _flag_and_value(table, step)
        table.rows.append(
            f"\t{{ PC_{step.op.name}, {flag}, {step.bitmap}, {literals.ulong(value)} }},\n"
        )
    return table


def _flag_and_value(table: Table, step: Step) -> tuple[int | str, int]:
    op, args, expected = step.op, step.args, step.expected
    if op in _BIT_OPS:
        return expected[0], args[0]
    if op in (Op.NEW_NULL, Op.INIT, Op.GUARD):
        return (expected or (0,))[0], 0
    if op is Op.VALIDATE:
        return 0, expected[0]
    if op is Op.NEW:
        return 0, table.more(args)
    if op is Op.CONSISTENT_WORD:
        return expected[0], table.more(args)
    copy = COPY_ENUMERATORS[args[0]]
    if op is Op.FLIP:
        return copy, args[1]
    if op is Op.WORDS:
        start = len(table.spans)
        table.spans += literals.word_spans(expected)
        return copy, start
    if op is Op.SCRIBBLE:
        data = args[2]
        start = len(table.data)
        table.data += data
        return copy, table.more((args[1], start, len(data)))
    return copy, table.more((*args[1:], *expected))


_BIT_OPS = frozenset({Op.SET, Op.CLEAR, Op.TEST, Op.CONSISTENT})
