# SPDX-License-Identifier: GPL-2.0-only
"""Programs as bytes, to be read again by the same machine: nothing in them is ever executed.

One line of JSON tells what there is, then come the words of all arrays.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterable
from typing import Any

from pytest_pageconsistency.cases.program import Program
from pytest_pageconsistency.cases.steps import WORD, PackedSteps
from pytest_pageconsistency.oracle import Abi, DualBitmap

_LINE = "L"
"""The array type code of a step's place, as in PackedSteps.sources."""


def dump_programs(programs: Iterable[Program]) -> bytes:
    """The programs, of whatever ABI."""
    blob = bytearray()

    def put(words: array[int]) -> int:
        blob.extend(words.tobytes())
        return len(words)

    index = []
    for program in programs:
        steps = program.steps
        arrays = (steps.rows, steps.more, steps.observed, steps.sources)
        index.append(
            {
                "id": program.case_id,
                "lengths": [put(words) for words in arrays],
                "places": list(steps.places),
                "bitmaps": [_dump_bitmap(bitmap) for bitmap in program.bitmaps],
            }
        )
    return json.dumps(index, separators=(",", ":")).encode() + b"\n" + blob


def load_programs(data: bytes, abi: Abi) -> dict[str, Program]:
    """What `dump_programs` made of programs of `abi`, by id; ValueError for anything else."""
    head, _, blob = data.partition(b"\n")
    place = 0

    def take(code: str, length: int) -> array[int]:
        nonlocal place
        words = array(code)
        end = place + length * words.itemsize
        words.frombytes(blob[place:end])
        place = end
        return words

    found = {}
    try:
        for entry in json.loads(head):
            rows, more, observed, sources = entry["lengths"]
            steps = PackedSteps(
                rows=take(WORD, rows),
                more=take(WORD, more),
                observed=take(WORD, observed),
                sources=take(_LINE, sources),
                places=tuple((str(file), int(line)) for file, line in entry["places"]),
            )
            bitmaps = tuple(_load_bitmap(abi, bitmap) for bitmap in entry["bitmaps"])
            found[entry["id"]] = Program(entry["id"], abi, steps, bitmaps)
    except (KeyError, TypeError, IndexError) as error:
        raise ValueError(f"no programs: {error}") from error
    if place != len(blob):
        raise ValueError(f"no programs: {len(blob)} bytes are there, and {place} are told of")
    return found


def _dump_bitmap(bitmap: DualBitmap) -> list[Any]:
    copies = (bitmap.primary, bitmap.secondary)
    return [bitmap.nbits, *([words.background, list(words.items())] for words in copies)]


def _load_bitmap(abi: Abi, document: list[Any]) -> DualBitmap:
    nbits, primary, secondary = document
    bitmap = DualBitmap(abi, nbits)
    bitmap.restore(
        (primary[0], dict(map(tuple, primary[1]))), (secondary[0], dict(map(tuple, secondary[1])))
    )
    return bitmap
