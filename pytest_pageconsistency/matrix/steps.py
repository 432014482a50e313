# SPDX-License-Identifier: GPL-2.0-only
"""A step table as a person reads it: values in the form in which cases and reports have them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pytest_pageconsistency.matrix.environment import StepRow, Table


@dataclass(frozen=True)
class Value:
    """A value, and whether it is the kernel's and not the oracle's."""

    text: str
    differs: bool = False


@dataclass(frozen=True)
class ShownRow:
    """A row: `range` says which of many values are shown, `remark` what is odd about it."""

    step: str
    bitmap: str
    call: str
    range: str
    expected: tuple[Value, ...]
    observed: tuple[Value, ...]
    remark: str
    differs: bool
    source: str
    text: str


@dataclass(frozen=True)
class Steps:
    """The rows of a table: those `near` the place that matters, and the others around them.

    `before` and `after` count the rows of the case that the table does not have; `broken_off` says
    that the kernel's report does not reach all of them.
    """

    before: int
    earlier: tuple[ShownRow, ...]
    near: tuple[ShownRow, ...]
    later: tuple[ShownRow, ...]
    after: int
    broken_off: bool


_ROWS_BEFORE = 8
_ROWS_AFTER = 4


def make_steps(table: Table, bits_per_long: int | None) -> Steps:
    """Lay `table` out, for words of `bits_per_long` bits."""
    rows = tuple(_shown_rows(table, bits_per_long))
    # Where nothing differs and nothing is missing, it went wrong at the end.
    place = next((n for n, row in enumerate(rows) if row.remark), len(rows) - 1)
    start, stop = max(0, place - _ROWS_BEFORE), place + 1 + _ROWS_AFTER
    return Steps(
        before=table.before,
        earlier=rows[:start],
        near=rows[start:stop],
        later=rows[stop:],
        after=table.after,
        broken_off=any(_is_broken_off(row) for row in table.rows),
    )


def _shown_rows(table: Table, bits_per_long: int | None) -> Iterator[ShownRow]:
    several = any(row.bitmap for row in table.rows)
    ended = False
    for row in table.rows:
        ends = not ended and _is_broken_off(row)
        ended = ended or ends
        yield ShownRow(
            step="end" if row.step is None else str(row.step),
            bitmap=f"bitmap {row.bitmap}" if several or row.step is None else "",
            call=row.call,
            range=_range(row),
            expected=_values(row, row.expected, row.expected_text, (), bits_per_long),
            observed=_values(
                row, row.observed or (), row.observed_text, row.expected, bits_per_long
            ),
            remark=_remark(row, ends),
            differs=row.differs,
            source=row.source,
            text=row.text,
        )


def _is_broken_off(row: StepRow) -> bool:
    return row.observed is None or len(row.observed) < len(row.expected)


def _remark(row: StepRow, ends: bool) -> str:
    if row.differs:
        return "differs"
    if ends:
        return "the kernel's report ends here"
    return "not observed" if row.observed is None and row.count else ""


def _range(row: StepRow) -> str:
    shown = len(row.expected)
    if row.count <= shown:
        return ""
    return f"values {row.first} to {row.first + shown - 1} of {row.count}"


def _values(
    row: StepRow,
    values: Sequence[int],
    texts: Sequence[str],
    oracle: Sequence[int],
    bits_per_long: int | None,
) -> tuple[Value, ...]:
    """One by one where the row differs, else equal neighbours together."""
    shown: list[Value] = []
    start = 0
    for number, value in enumerate(values):
        following = values[number + 1] if number + 1 < len(values) else None
        if value == following and not row.differs and row.observes == "words":
            continue
        text = texts[number] if number < len(texts) else _form(row, value, bits_per_long)
        if row.observes == "words" and row.count > 1:
            text = f"{_indexes(row.first + start, row.first + number)} {text}"
        differs = bool(oracle) and (number >= len(oracle) or value != oracle[number])
        shown.append(Value(text, differs))
        start = number + 1
    return tuple(shown)


def _indexes(first: int, last: int) -> str:
    return f"[{first}]" if first == last else f"[{first} to {last}]"


def _form(row: StepRow, value: int, bits_per_long: int | None) -> str:
    if row.observes == "bit":
        return str(bool(value))
    if row.observes == "words":
        return f"{value:0{(bits_per_long or 0) // 4}x}"
    return str(value)
