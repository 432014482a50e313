# SPDX-License-Identifier: GPL-2.0-only
"""The matrix for a terminal or a log: plain ASCII apart from names, one line for each case."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from pytest_pageconsistency.matrix.cells import ABSENT, ABSENT_MEANING, Matrix, Row, Standing
from pytest_pageconsistency.matrix.environment import Environment
from pytest_pageconsistency.matrix.groups import alike, failed, unproven

_ALIKE = 3
"""Unproven cases that fared alike are listed up to here, and counted from here on."""

_FAILURES = 20
"""Sentences of failed cells that are printed without --verbose."""

STEPS = ("config", "build", "boot")
"""kunit.py's, whose seconds are shown."""

COUNTED = (Standing.PASSED, Standing.FAILED, Standing.NOT_RUN, Standing.NO_OUTCOME)
"""The order in which an environment's cells are counted."""


def summary_text(matrix: Matrix, *, verbose: bool) -> str:
    """The whole summary, with a newline at the end; `verbose` leaves nothing out."""
    parts = [
        [headline(matrix)],
        list(_environments(matrix)),
        list(_cases(matrix, verbose)),
        list(_failures(matrix, verbose)),
        list(_legend(matrix)),
    ]
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


def headline(matrix: Matrix) -> str:
    """How many cells are not green, and how many there are."""
    counts = matrix.counts()
    total = counts.total()
    if matrix.green:
        return f"all {total} cells are green"
    faulty = [environment for environment in matrix.environments if environment.failure]
    partial = sum(1 for environment in faulty if environment.cases)
    without = len(faulty) - partial
    named = (
        (counts[Standing.FAILED], "failed"),
        (counts[Standing.NOT_RUN], "not run"),
        (counts[Standing.NO_OUTCOME], "without an outcome"),
        (without, f"{_environments_of(without)} without a result"),
        (partial, f"{_environments_of(partial)} without a whole result"),
    )
    others = ", ".join(f"{count} {name}" for count, name in named if count)
    return f"{others}; {counts[Standing.PASSED]} of {total} cells are green"


def _environments_of(count: int) -> str:
    return "environment" if count == 1 else "environments"


def _environments(matrix: Matrix) -> Iterator[str]:
    """A line for each environment, and its failure below it."""
    head = ["environment", "arch", "tree", "word", "passed", "failed", "not run", "no outcome"]
    rows = [
        [*_identity(environment), *_counts(matrix, column), *_seconds(environment)]
        for column, environment in enumerate(matrix.environments)
    ]
    lines = _aligned([[*head, *STEPS], *rows], left=4)
    yield next(lines)
    for environment, line in zip(matrix.environments, lines, strict=True):
        yield line
        if environment.failure:
            yield f"  {environment.failure.kind}: {environment.failure.message}"


def _identity(environment: Environment) -> list[str]:
    word = f"{environment.bits_per_long}-bit {environment.byteorder}"
    return [
        environment.name,
        environment.arch,
        environment.origin.version or ABSENT,
        word.strip() if environment.bits_per_long else ABSENT,
    ]


def _counts(matrix: Matrix, column: int) -> list[str]:
    counts = matrix.counts(column)
    return [str(counts[standing]) for standing in COUNTED]


def _seconds(environment: Environment) -> list[str]:
    return [
        f"{environment.seconds[step]:.1f} s" if step in environment.seconds else ABSENT
        for step in STEPS
    ]


def _cases(matrix: Matrix, verbose: bool) -> Iterator[str]:
    """The rows that are not green, and the number of the others."""
    groups = {standing: list[Row]() for standing in Standing}
    for row in matrix.rows:
        groups[row.standing].append(row)
    lines = [_line(row) for row in groups[Standing.FAILED]]
    for standing in (Standing.NOT_RUN, Standing.NO_OUTCOME):
        for row, more in alike(groups[standing], len(matrix.rows) if verbose else _ALIKE):
            lines.append(_line(row))
            if more:
                lines.append([f"  and {more} more like this one", *_line(row)[1:]])
    passed = groups[Standing.PASSED]
    if verbose:
        lines += [_line(row) for row in passed]
    if lines:
        head = ["case", *(environment.name for environment in matrix.environments)]
        yield from _aligned([head, *lines], left=len(head))
    if passed and not verbose:
        others = "other " if lines else ""
        cases = "case is" if len(passed) == 1 else "cases are"
        yield f"{len(passed)} {others}{cases} green wherever they ran"


def _line(row: Row) -> list[str]:
    return [row.name, *(cell.label.text if cell else ABSENT for cell in row.cells)]


def _failures(matrix: Matrix, verbose: bool) -> Iterator[str]:
    """What happened in the cells that are not green."""
    names = [environment.name for environment in matrix.environments]
    lines = [f"{names[each.column]}  {each.name}: {each.cell.sentence}" for each in failed(matrix)]
    shown = lines if verbose else lines[:_FAILURES]
    yield from shown
    if len(lines) > len(shown):
        yield f"and {len(lines) - len(shown)} more failed cells (--verbose tells them all)"
    for group in unproven(matrix):
        if group.sentence == group.label.meaning or matrix.environments[group.column].failure:
            continue  # said below, or above
        cases = group.names[0] if len(group.names) == 1 else f"{len(group.names)} cases"
        yield f"{names[group.column]}  {cases}: {group.sentence}"


def _legend(matrix: Matrix) -> Iterator[str]:
    """What the labels mean that are in use."""
    lines = [[label.text, label.meaning] for label in matrix.labels()]
    if any(cell is None for row in matrix.rows for cell in row.cells):
        lines.append([ABSENT, ABSENT_MEANING])
    if lines:
        yield from _aligned(lines, left=2)


def _aligned(rows: Sequence[Sequence[str]], left: int) -> Iterator[str]:
    """The rows as lines; the first `left` columns are texts, the others numbers."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(_padded(row, widths, left)).rstrip()


def _padded(row: Sequence[str], widths: Sequence[int], left: int) -> Iterable[str]:
    for number, (text, width) in enumerate(zip(row, widths, strict=True)):
        yield text.ljust(width) if number < left else text.rjust(width)
