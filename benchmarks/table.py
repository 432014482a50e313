# SPDX-License-Identifier: GPL-2.0-only
"""The table that `make bench` prints."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence

from benchmarks.samples import Failure, Row, Samples

HEAD = ("what", "ours", "peer", "ratio", "goal", "met")


def table(results: Iterable[Row | Failure]) -> str:
    """The results as a table in Markdown, columns aligned; what failed says why."""
    lines = [HEAD, *(_cells(result) for result in results)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEAD))]
    rule = tuple("-" * width for width in widths)
    return "".join(_line(line, widths) for line in (lines[0], rule, *lines[1:]))


def quantity(value: float, unit: str) -> str:
    """A number with three digits that count, and its unit."""
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:,.{digits}f} {unit}".rstrip()


def _cells(result: Row | Failure) -> tuple[str, ...]:
    if isinstance(result, Failure):
        return (result.what, f"not measured: {result.reason}", "", "", "", "")
    count = len(result.ours)
    return (
        f"{result.what} (n={count})",
        _median(result.ours, result.unit),
        _median(result.peer, result.unit),
        _compared(result),
        result.goal.text,
        "yes" if result.met else "NO",
    )


def _median(samples: Samples, unit: str) -> str:
    return quantity(statistics.median(samples), unit) if samples else ""


def _compared(row: Row) -> str:
    if not row.compared:
        return ""
    if row.signed:
        return (
            quantity(row.judged, row.unit)
            if row.judged < 0
            else f"+{quantity(row.judged, row.unit)}"
        )
    return quantity(row.judged, "")


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
    return f"| {' | '.join(padded)} |\n"
