# SPDX-License-Identifier: GPL-2.0-only
"""Values as C writes them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import itemgetter

_INT_MAX = 0x7FFFFFFF


def ulong(value: int) -> str:
    """An unsigned long constant: small ones in decimal, words in hexadecimal."""
    if value <= 0xFFFF:
        return str(value)
    return f"{value:#x}" if value <= _INT_MAX else f"{value:#x}UL"


def word(value: int) -> str:
    """An unsigned long constant that is a bit pattern: always hexadecimal."""
    return f"{value:#x}" if value <= _INT_MAX else f"{value:#x}UL"


def uint(value: int) -> str:
    """An unsigned int constant."""
    return str(value) if value <= _INT_MAX else f"{value}U"


def boolean(value: int) -> str:
    """A bool constant."""
    return "true" if value else "false"


def merged_runs(runs: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """(value, count) of equal words, neighbours of one value put together."""
    for value, run in groupby(runs, key=itemgetter(0)):
        yield value, sum(count for _, count in run)


def spans(runs: Iterable[tuple[int, int]]) -> list[str]:
    """Initialisers of `struct pc_span`: (value, count) of equal words."""
    return [f"{{ {word(value)}, {count} }}" for value, count in merged_runs(runs)]


def word_spans(words: Iterable[int]) -> list[str]:
    """Initialisers of `struct pc_span` for words one by one."""
    return spans((value, 1) for value in words)


def initialiser(items: Iterable[str], indent: str = "\t", width: int = 72) -> str:
    """Comma-separated items in lines of at most `width` columns (a tab counts as 8)."""
    lines: list[str] = []
    line = ""
    room = width - 8 * len(indent)
    for item in items:
        if line and len(line) + len(item) + 2 > room:
            lines.append(line)
            line = ""
        line = f"{line} {item}," if line else f"{item},"
    lines.append(line)
    return "\n".join(indent + line for line in lines if line)
