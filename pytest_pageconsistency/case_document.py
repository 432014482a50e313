# SPDX-License-Identifier: GPL-2.0-only
"""One case as result.json tells it: its verdict, and where it went wrong step by step."""

from __future__ import annotations

import linecache
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from pytest_pageconsistency.cases import (
    OPERATIONS,
    Observes,
    Program,
    named_fields,
    observes_fields,
)
from pytest_pageconsistency.crosscheck import CaseResult
from pytest_pageconsistency.report import describe_disagreement, kunit_command
from pytest_pageconsistency.schema import case_name
from pytest_pageconsistency.step_table import GUARD, Row

ROWS_IN_ALL = 20_000
"""Rows of step tables in one result.json at the most; what fails later in the run has none."""

_TEXT_LENGTH = 160
"""Of a call or a source line: a case may scribble a megabyte in one."""

_LINE_LENGTH = 1000
_REPORT_LENGTH = 20_000


@dataclass
class CaseDocuments:
    """Makes the cases' part of one result.json.

    `exec_command` boots the kernel again that they ran on.
    """

    arch: str
    exec_command: Sequence[str]
    _rows_left: int = ROWS_IN_ALL

    def document(self, result: CaseResult) -> dict[str, Any]:
        """One case; one that passed in few words."""
        program = result.case.program
        document: dict[str, Any] = {
            "id": program.case_id,
            "case": case_name(program.case_id, self.arch),
            "function": result.case.name.function,
            "verdict": result.verdict.kind.value,
            "message": result.verdict.message,
            "steps": len(program.steps),
            "observed_values": result.observed_values,
        }
        if result.disagreement:
            document["disagreement"] = {
                "step": result.disagreement.step,
                "expected": [hex(value) for value in result.disagreement.expected],
                "observed": [hex(value) for value in result.disagreement.observed],
            }
        if not result.verdict.passed:
            document["report"] = _report(result)
            document["console"] = [_shortened(line, _LINE_LENGTH) for line in result.console]
            document["command"] = kunit_command(result, self.exec_command)
        if result.table and len(result.table.rows) <= self._rows_left:
            self._rows_left -= len(result.table.rows)
            document["step_table"] = {
                "before": result.table.before,
                "rows": [_row(program, row) for row in result.table.rows],
                "after": result.table.after,
            }
        return document


def _report(result: CaseResult) -> str:
    parts = [result.verdict.details] if result.verdict.details else []
    if result.disagreement:
        parts.append(describe_disagreement(result.case.program, result.disagreement))
    return _shortened("\n\n".join(parts), _REPORT_LENGTH)


def _row(program: Program, row: Row) -> dict[str, Any]:
    return {
        "step": row.number,
        "bitmap": row.bitmap,
        **(_step(program, row.number) if row.number is not None else _memory(row)),
        "count": row.count,
        "first": row.first,
        "expected": [hex(value) for value in row.expected],
        "observed": None if row.observed is None else [hex(value) for value in row.observed],
        **_field_texts(program, row),
        "differs": row.differs,
    }


def _field_texts(program: Program, row: Row) -> dict[str, Any]:
    """How the values of a step that observes fields read, "name=text"."""
    if row.number is None or not observes_fields(program.steps[row.number - 1].op):
        return {}
    op = program.steps[row.number - 1].op
    named = named_fields(op, program.steps[row.number - 1].expected)
    texts = {"names": [field.name for field in named]}
    for key, values in (("expected_text", row.expected), ("observed_text", row.observed)):
        # Those before the first one that is listed count, but do not show.
        fields = named_fields(op, (*[0] * row.first, *(values or ())))[row.first :]
        texts[key] = [f"{field.name}={field.text}" for field in fields]
    return texts


def _step(program: Program, number: int) -> dict[str, Any]:
    """What a step is; `number` counts from 1."""
    step = program.steps[number - 1]
    name, line = step.source
    return {
        "source": f"{PurePath(name).name}:{line}",
        "text": _shortened(linecache.getline(name, line).strip(), _TEXT_LENGTH),
        "call": _shortened(step.call(), _TEXT_LENGTH),
        "observes": OPERATIONS[step.op].observes.value,
    }


def _memory(row: Row) -> dict[str, Any]:
    """What is compared after the last step."""
    is_guard = row.part == GUARD
    return {
        "source": "",
        "text": "",
        "call": "words around it untouched" if is_guard else f"words of the {row.part}",
        "observes": (Observes.BIT if is_guard else Observes.WORDS).value,
    }


def _shortened(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 3]}..."
