# SPDX-License-Identifier: GPL-2.0-only
"""Cases that are written out as C statements, with their arguments as constants."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_pageconsistency.cases import Op, Program
from pytest_pageconsistency.generate import literals, statements
from pytest_pageconsistency.generate.names import CaseName, comment

SHORT_CASE_STEPS = 40
"""Cases of at most this many steps are written out as statements; longer ones become tables."""

SHORT_CASE_BITMAPS = 8
"""Cases of at most this many dual bitmaps are written out: they lie on the kernel's stack."""

RETRIES = frozenset({Op.CONSISTENT_RETRY, Op.VALIDATE_RETRY})


@dataclass(frozen=True)
class WrittenCase:
    """What the templates need of a case that is written out."""

    function: str
    digest: str
    title: str
    bitmaps: int
    final: str
    arrays: str
    body: str


def is_short(program: Program) -> bool:
    """Whether a program may be written out."""
    return len(program.steps) <= SHORT_CASE_STEPS and len(program.bitmaps) <= SHORT_CASE_BITMAPS


def written_case(
    program: Program, name: CaseName, statement: statements.Statement, *, sources: bool
) -> WrittenCase:
    """The C of a short case, each step made by `statement`, below its line with `sources`."""
    return WrittenCase(
        function=name.function,
        digest=name.digest,
        title=comment(program.case_id),
        bitmaps=len(program.bitmaps),
        final=literals.initialiser(literals.spans(program.final_runs())),
        arrays="".join(statements.arrays(program)),
        body=statements.body(program, statement, sources=sources),
    )
