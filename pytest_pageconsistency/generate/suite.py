# SPDX-License-Identifier: GPL-2.0-only
"""One KUnit suite out of all programs of a target, with the runtime that it reports through."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from pytest_pageconsistency.cases import Op, Program
from pytest_pageconsistency.generate import literals, statements
from pytest_pageconsistency.generate.names import CaseName, case_names, comment
from pytest_pageconsistency.generate.rendering import render
from pytest_pageconsistency.generate.tables import Table, make_table
from pytest_pageconsistency.resources import kunit_directory
from pytest_pageconsistency.target import Target

SUITE_NAME = "pageconsistency"
"""Of the KUnit suite; the series under test brings one that is called dual_bitmap."""

SHORT_CASE_STEPS = 40
"""Cases of at most this many steps are written out as statements; longer ones become tables."""

UNROLLED_STEPS = 4000
"""Steps that are written out in one suite: each inlines the function under test once more."""

SHORT_CASE_BITMAPS = 8
"""Cases of at most this many dual bitmaps are written out: they lie on the kernel's stack."""

RETRIES = frozenset({Op.CONSISTENT_RETRY, Op.VALIDATE_RETRY})


@dataclass(frozen=True)
class SuiteCase:
    """A program and the names that it has in the kernel and on its console."""

    program: Program
    name: CaseName


@dataclass(frozen=True, repr=False)
class Suite:
    """A generated suite.

    `files` maps the names of the files in the suite's directory to their contents, suite.c among
    them; `build_id` (16 hexadecimal digits) stands at the end of every case's report and
    identifies these files and the header under test.
    """

    cases: tuple[SuiteCase, ...]
    files: Mapping[str, bytes]
    build_id: str

    @property
    def source(self) -> str:
        """The text of suite.c."""
        return self.files["suite.c"].decode()

    @property
    def functions(self) -> frozenset[str]:
        """The case functions, which the kernel image must contain."""
        return frozenset(case.name.function for case in self.cases)


@dataclass(frozen=True)
class CaseText:
    """What the templates need of a case; either `body` or `table` is used."""

    function: str
    digest: str
    title: str
    bitmaps: int
    final: str
    arrays: str
    body: str
    table: Table | None


def make_suite(programs: Sequence[Program], target: Target, identity: Mapping[str, str]) -> Suite:
    """Generate the suite of `programs`, which are of one target and have different ids.

    `identity` is whatever else the kernel is built from (the header's hash, the configuration):
    it becomes part of the build id.
    """
    names = case_names(program.case_id for program in programs)
    cases = tuple(SuiteCase(program, names[program.case_id]) for program in programs)
    runtime = runtime_files()
    texts = list(case_texts(cases, statements.observed))
    context = {
        "target": target,
        "cases": texts,
        "suite_name": SUITE_NAME,
        "watch": any(step.op in RETRIES for program in programs for step in program.steps),
        "tables": any(text.table for text in texts),
    }
    draft = render("suite.c.j2", build_id="", **context)
    build_id = _digest([draft, *identity.values()], runtime)
    source = draft.replace('pc_build_id = ""', f'pc_build_id = "{build_id}"', 1)
    return Suite(cases, {**runtime, "suite.c": source.encode()}, build_id)


def case_texts(cases: Iterable[SuiteCase], statement: statements.Statement) -> Iterator[CaseText]:
    """The C of each case: statements while they are short and few, tables beyond."""
    room = UNROLLED_STEPS
    for case in cases:
        program = case.program
        short = (
            len(program.steps) <= min(SHORT_CASE_STEPS, room)
            and len(program.bitmaps) <= SHORT_CASE_BITMAPS
        )
        room -= len(program.steps) if short else 0
        yield CaseText(
            function=case.name.function,
            digest=case.name.digest,
            title=comment(program.case_id),
            bitmaps=len(program.bitmaps),
            final=literals.initialiser(literals.spans(program.final_runs())),
            arrays="".join(statements.arrays(program)) if short else "",
            body=statements.body(program, statement) if short else "",
            table=None if short else make_table(program),
        )


def runtime_files() -> dict[str, bytes]:
    """The kernel side of every suite: Kconfig, Makefile and the C runtime."""
    directory = kunit_directory() / "runtime"
    return {path.name: path.read_bytes() for path in sorted(directory.iterdir()) if path.is_file()}


def _digest(texts: Iterable[str], files: Mapping[str, bytes]) -> str:
    digest = hashlib.sha256()
    for part in (*(text.encode() for text in texts), *files.values()):
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return digest.hexdigest()[:16]
