# SPDX-License-Identifier: GPL-2.0-only
"""Cells that need not be told one by one: cases that fared alike, failures that say the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from pytest_pageconsistency.matrix.cells import Cell, Label, Matrix, Row, Standing


@dataclass(frozen=True)
class Problem:
    """A cell that is not green, and where it stands: numbers of its row and column, from 0."""

    row: int
    column: int
    name: str
    cell: Cell


@dataclass(frozen=True)
class Problems:
    """Cells of one environment of which there is the same to say."""

    column: int
    label: Label
    sentence: str
    names: tuple[str, ...]


def failed(matrix: Matrix) -> Iterator[Problem]:
    """Every failed cell, in the order of the matrix: each has something of its own to say."""
    for number, row in enumerate(matrix.rows):
        for column, cell in enumerate(row.cells):
            if cell and cell.label.standing is Standing.FAILED:
                yield Problem(number, column, row.name, cell)


def unproven(matrix: Matrix) -> list[Problems]:
    """The cells that are neither green nor failed, by environment and sentence."""
    found: dict[tuple[int, Label, str], list[str]] = {}
    for row in matrix.rows:
        for column, cell in enumerate(row.cells):
            if cell and cell.label.standing in (Standing.NOT_RUN, Standing.NO_OUTCOME):
                found.setdefault((column, cell.label, cell.sentence), []).append(row.name)
    return [Problems(*key, tuple(names)) for key, names in sorted(found.items(), key=_order)]


def _order(item: tuple[tuple[int, Label, str], list[str]]) -> tuple[int, int, str, str]:
    (column, label, sentence), _ = item
    return label.standing, column, label.text, sentence


def alike(rows: Iterable[Row], most: int) -> Iterator[tuple[Row, int]]:
    """The rows to show, each with the number of rows that follow it and are left out.

    Of unproven rows whose cells have the same labels, no more than `most` are shown.
    """
    groups: dict[tuple[Label | None, ...], list[Row]] = {}
    for row in rows:
        labels = tuple(cell.label if cell else None for cell in row.cells)
        groups.setdefault(labels, []).append(row)
    for group in groups.values():
        shown = list(islice(group, most))
        for row in shown[:-1]:
            yield row, 0
        yield shown[-1], len(group) - len(shown)
