# SPDX-License-Identifier: GPL-2.0-only
"""The steps around the place where a case went wrong, each with what kernel and oracle observed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, islice, repeat

from pytest_pageconsistency.cases import Program
from pytest_pageconsistency.oracle import COPIES, DualBitmap

ROWS = 200
"""Of one table at the most; a case may have a million steps."""

ROWS_BEFORE = 150
"""As many of them lead to the place where the case went wrong."""

VALUES_SHOWN = 8
"""Values of one row at the most; a step may observe a million words."""

GUARD = "guard"
"""The part of a bitmap that a row is about, beside the two copies: the words around them."""


@dataclass(frozen=True, slots=True)
class Row:
    """A step, or what is compared after the last one.

    `number` counts steps from 1; after the last it is None, and `part` says what of `bitmap` is
    compared: a copy, or GUARD. `count` is the number of values that the row has, `expected` the
    oracle's from index `first` on. `observed` is the kernel's from there on: shorter where its
    report broke off, None where it never got to this row.
    """

    number: int | None
    bitmap: int
    part: str
    count: int
    first: int
    expected: tuple[int, ...]
    observed: tuple[int, ...] | None
    differs: bool


@dataclass(frozen=True)
class StepTable:
    """At most ROWS rows, and how many of the case come `before` and `after` them."""

    before: int
    rows: tuple[Row, ...]
    after: int


def step_table(program: Program, values: Sequence[int]) -> StepTable:
    """The rows around the first one that differs from `values`, or that they do not reach.

    `values` are those that the kernel observed, from the first one on.
    """
    count = len(program.steps) + 3 * len(program.bitmaps)
    start = max(0, min(_place_at_fault(program, values) - ROWS_BEFORE, count - ROWS))
    stop = min(count, start + ROWS)
    position = sum(_width(program, place) for place in range(start))
    rows: list[Row] = []
    for place in range(start, stop):
        rows.append(_row(program, place, values, position))
        position += rows[-1].count
    return StepTable(start, tuple(rows), count - stop)


def _place_at_fault(program: Program, values: Sequence[int]) -> int:
    """Number the steps from 0, then come the bitmaps' copies, then their guards."""
    position = 0
    for place, step in enumerate(program.steps):
        end = position + len(step.expected)
        if tuple(values[position:end]) != step.expected:
            return place
        position = end
    first, last = len(program.steps), len(program.steps) + 3 * len(program.bitmaps)
    for place in range(first, last):
        row = _row(program, place, values, position)
        if row.differs or position + row.count > len(values):
            return place
        position += row.count
    return last


def _width(program: Program, place: int) -> int:
    """The number of values that a place observes."""
    after = place - len(program.steps)
    if after < 0:
        return len(program.steps[place].expected)
    bitmaps = program.bitmaps
    return bitmaps[after // 2].word_count if after < 2 * len(bitmaps) else 1


def _row(program: Program, place: int, values: Sequence[int], position: int) -> Row:
    number, bitmap, part = _subject(program, place)
    count = _width(program, place)
    observed = tuple(values[position : position + count])
    if part in COPIES:
        # A bitmap may have more words than anybody has memory for: no more than are compared.
        words = _words(program.bitmaps[bitmap], part)
        expected = tuple(islice(words, max(len(observed), VALUES_SHOWN)))
    else:
        expected = (1,) if number is None else program.steps[place].expected
    differing = next((n for n, value in enumerate(observed) if value != expected[n]), None)
    # What matters is the first difference, or else where the report broke off.
    broken_off = len(observed) if len(observed) < count else 0
    matters = broken_off if differing is None else differing
    first = matters - VALUES_SHOWN // 2 if matters >= VALUES_SHOWN else 0
    # Where a step reports nothing, it was taken for certain if a later one has reported.
    seen = observed or (not count and position < len(values))
    return Row(
        number,
        bitmap,
        part,
        count,
        first,
        expected[first : first + VALUES_SHOWN],
        observed[first : first + VALUES_SHOWN] if seen else None,
        differing is not None,
    )


def _subject(program: Program, place: int) -> tuple[int | None, int, str]:
    after = place - len(program.steps)
    if after < 0:
        return place + 1, program.steps[place].bitmap, ""
    if after < 2 * len(program.bitmaps):
        return None, after // 2, COPIES[after % 2]
    return None, after - 2 * len(program.bitmaps), GUARD


def _words(bitmap: DualBitmap, part: str) -> Iterable[int]:
    runs = (bitmap.primary if part == COPIES[0] else bitmap.secondary).runs()
    return chain.from_iterable(repeat(value, count) for value, count in runs)
