# SPDX-License-Identifier: GPL-2.0-only
"""Cases as the kernel reads them: `struct pc_table` of kunit/runtime/pc_table.h, packed."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable
from dataclasses import dataclass

from pytest_pageconsistency.cases import WORD, Program
from pytest_pageconsistency.generate.literals import merged_runs
from pytest_pageconsistency.oracle import ByteOrder


@dataclass(frozen=True)
class TablePlace:
    """Where a table lies in tables.bin, in bytes, and what C calls it."""

    name: str
    start: int
    size: int


def table_name(digest: str) -> str:
    """What C calls the table of the case with this digest."""
    return f"pc_table_{digest}"


def pack_tables(
    programs: Iterable[tuple[str, Program]], byteorder: ByteOrder
) -> tuple[bytes, list[TablePlace]]:
    """The tables of programs that are given with their digests, one after the other."""
    packed: list[bytes] = []
    places: list[TablePlace] = []
    start = 0
    for digest, program in programs:
        table = pack_table(digest, program)
        if byteorder != sys.byteorder:
            table.byteswap()
        data = table.tobytes()
        places.append(TablePlace(table_name(digest), start, len(data)))
        packed.append(data)
        start += len(data)
    return b"".join(packed), places


def pack_table(digest: str, program: Program) -> array[int]:
    """One case: header, steps, their further words, the words of all bitmaps at the end."""
    steps = program.steps
    head = (int(digest, 16), len(steps), len(program.bitmaps), len(steps.more))
    table = array(WORD, head)
    table += steps.rows
    table += steps.more
    for run in merged_runs(program.final_runs()):
        table.extend(run)
    return table
