# SPDX-License-Identifier: GPL-2.0-only
"""The matrix as one self-contained page: failures first, then everything."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import jinja2
from markupsafe import Markup

from pytest_pageconsistency.matrix.cells import (
    ABSENT,
    ABSENT_MEANING,
    Cell,
    Label,
    Matrix,
    Row,
    Standing,
)
from pytest_pageconsistency.matrix.environment import Environment
from pytest_pageconsistency.matrix.groups import Problem, Problems, failed, unproven
from pytest_pageconsistency.matrix.steps import Steps, make_steps
from pytest_pageconsistency.matrix.text import COUNTED, STEPS, headline
from pytest_pageconsistency.resources import templates_directory

MOST_DETAILS = 2000
"""Failed cells that are told one by one; the others stand in the matrix alone."""

MOST_STEP_ROWS = 20_000
"""Rows of step tables on one page; the tables of what comes later stay in result.json."""

MOST_NAMES = 1000
"""Cases that are named where many fared alike."""


@dataclass(frozen=True)
class Detail:
    """A failed cell; `steps` is None where there is no table, or no room for it."""

    anchor: str
    environment: Environment
    label: Label
    cell: Cell
    steps: Steps | None
    without_steps: str
    command: str


@dataclass(frozen=True)
class Case:
    """A case with failed cells."""

    name: str
    details: tuple[Detail, ...]


@dataclass(frozen=True)
class Group:
    """Cells of which there is the same to say."""

    anchor: str
    environment: Environment
    problems: Problems


@dataclass(frozen=True)
class Line:
    """A row of the matrix: `cells` are pairs of a cell, or None, and the place it links to."""

    name: str
    cells: tuple[tuple[Cell | None, str], ...]


@dataclass(frozen=True)
class File:
    """The rows of one file of cases, by what became of them."""

    name: str
    failed: tuple[Line, ...]
    unproven: tuple[Line, ...]
    passed: tuple[Line, ...]


@dataclass(frozen=True)
class Column:
    """An environment and the numbers of its cells, in the order of COUNTED."""

    anchor: str
    environment: Environment
    counts: tuple[int, ...]


def summary_page(matrix: Matrix) -> str:
    """The page as HTML."""
    details = list(_details(matrix))
    groups = list(_groups(matrix))
    links = _links(matrix, details, groups)
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(templates_directory()),
        undefined=jinja2.StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["breakable"] = _breakable
    return environment.get_template("summary.html.j2").render(
        headline=headline(matrix),
        green=matrix.green,
        failures=[_column(matrix, n) for n, each in enumerate(matrix.environments) if each.failure],
        cases=_by_case(details),
        left_out=matrix.counts()[Standing.FAILED] - len(details),
        groups=groups,
        names=MOST_NAMES,
        files=_files(matrix, links),
        columns=[_column(matrix, number) for number in range(len(matrix.environments))],
        step_names=STEPS,
        labels=matrix.labels(),
        absent=ABSENT,
        absent_meaning=ABSENT_MEANING,
    )


def _breakable(name: str) -> Markup:
    """A path or id that may go on in the next line where a person would break it."""
    parts = re.split(r"(?<=/)|(?<=::)|(?=\[)", name)
    return Markup("<wbr>").join(part for part in parts if part)


def _details(matrix: Matrix) -> Iterator[tuple[Problem, Detail]]:
    room = MOST_STEP_ROWS
    for number, problem in enumerate(failed(matrix)):
        if number == MOST_DETAILS:
            return
        environment = matrix.environments[problem.column]
        record = problem.cell.record
        steps, without = None, "the kernel's steps are not in result.json"
        if record and record.table and len(record.table.rows) > room:
            without = "no room for more step tables on this page: see result.json"
        elif record and record.table:
            steps = make_steps(record.table, environment.bits_per_long)
            room -= len(record.table.rows)
        elif record and record.verdict == "passed":
            without = f"the kernel agrees with the oracle in all {record.steps} steps"
        yield (
            problem,
            Detail(
                anchor=f"cell-{problem.row}-{problem.column}",
                environment=environment,
                label=problem.cell.label,
                cell=problem.cell,
                steps=steps,
                without_steps=without,
                command=shlex.join(record.command) if record else "",
            ),
        )


def _by_case(details: Sequence[tuple[Problem, Detail]]) -> list[Case]:
    cases: dict[str, list[Detail]] = {}
    for problem, detail in details:
        cases.setdefault(problem.name, []).append(detail)
    return [Case(name, tuple(of_case)) for name, of_case in cases.items()]


def _groups(matrix: Matrix) -> Iterator[Group]:
    """What is not told where the environment's failure is."""
    for number, problems in enumerate(unproven(matrix)):
        environment = matrix.environments[problems.column]
        if not environment.failure:
            yield Group(f"group-{number}", environment, problems)


def _links(
    matrix: Matrix, details: Sequence[tuple[Problem, Detail]], groups: Sequence[Group]
) -> dict[tuple[str, int], str]:
    """Where a cell is explained, by the name of its row and the number of its column."""
    links = {(problem.name, problem.column): detail.anchor for problem, detail in details}
    for group in groups:
        links |= {(name, group.problems.column): group.anchor for name in group.problems.names}
    for column, environment in enumerate(matrix.environments):
        if environment.failure:
            for row in matrix.rows:
                links.setdefault((row.name, column), f"failure-{column}")
    return links


def _files(matrix: Matrix, links: Mapping[tuple[str, int], str]) -> list[File]:
    """Those with failed rows come first, as the rows do."""
    files: dict[str, dict[Standing, list[Line]]] = {}
    for row in matrix.rows:
        name, _, rest = row.name.partition("::")
        lines = files.setdefault(name, {standing: [] for standing in Standing})
        lines[row.standing].append(_line(row, rest or name, links))
    return [
        File(
            name,
            tuple(lines[Standing.FAILED]),
            (*lines[Standing.NOT_RUN], *lines[Standing.NO_OUTCOME]),
            tuple(lines[Standing.PASSED]),
        )
        for name, lines in files.items()
    ]


def _line(row: Row, name: str, links: Mapping[tuple[str, int], str]) -> Line:
    return Line(
        name,
        tuple(
            (cell, "" if cell is None or cell.green else links.get((row.name, column), ""))
            for column, cell in enumerate(row.cells)
        ),
    )


def _column(matrix: Matrix, number: int) -> Column:
    counts = matrix.counts(number)
    return Column(
        anchor=f"failure-{number}",
        environment=matrix.environments[number],
        counts=tuple(counts[standing] for standing in COUNTED),
    )
