# SPDX-License-Identifier: GPL-2.0-only
"""The named values that a step observes: packed for the kernel, and as a person reads them.

An event is two values: its kind, counted from 1 in the order of EventKind (`enum pc_event_kind` of
kunit/runtime/pc_machine.h has the same; 0 where fewer were seen than are expected, the last for
a message that the specification does not have), and its number. A counter's change may be negative:
it is packed as 64 bits, two's complement.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from pytest_pageconsistency.cases.steps import OPERATIONS, Observes, Op
from pytest_pageconsistency.oracle import Change, EventKind, Start, Stats

_KINDS = tuple(EventKind)
_MASK = (1 << 64) - 1


class Field(NamedTuple):
    """One value: its name and how it reads."""

    name: str
    text: str


def packed_fields(observed: Start | Change | Stats) -> list[int]:
    """What the oracle observed, as words."""
    if isinstance(observed, Stats):
        return [value & _MASK for value in observed]
    values = [value & _MASK for value in observed[:-1] if isinstance(value, int)]
    values.append(len(observed.events))
    for event in observed.events:
        values += (_KINDS.index(event.kind) + 1, event.number)
    return values


def named_fields(op: Op, values: Sequence[int]) -> list[Field]:
    """Each value of a step that observes fields; an event's kind reads as the whole message."""
    names = OPERATIONS[op].fields
    shown = [
        Field(name, f"{value:#o}" if name.endswith("_mode") else str(_signed(value)))
        for name, value in zip(names, values, strict=False)
    ]
    events = values[len(names) :]
    for count, kind in enumerate(events[::2], 1):
        number = events[2 * count - 1 : 2 * count]
        shown.append(Field(f"event {count}", _event_text(kind, *number)))
        shown += [Field(f"its number {count}", str(value)) for value in number]
    return shown


def observes_fields(op: Op) -> bool:
    """Whether the values of a step have names."""
    return OPERATIONS[op].observes is Observes.FIELDS


def _event_text(kind: int, number: int | str = "...") -> str:
    if kind == 0:
        return "nothing"
    if kind > len(_KINDS):
        return "a message that the specification does not have"
    return _KINDS[kind - 1].value.format(number)


def _signed(value: int) -> int:
    return value - (value >> 63 << 64)
