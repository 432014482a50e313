# SPDX-License-Identifier: GPL-2.0-only
"""One KUnit suite out of all programs of a target, with the runtime that it reports through.

It is cut so that little is compiled again after an edit: most cases are tables, which are packed
and only linked; a few short ones are written out, in a file of their own; and only one small file
tells what the whole was built from.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pytest_pageconsistency.cases import CHECKER_OPS, Program
from pytest_pageconsistency.generate import statements
from pytest_pageconsistency.generate.names import CaseName, case_names, comment
from pytest_pageconsistency.generate.rendering import render
from pytest_pageconsistency.generate.tables import pack_tables, table_name
from pytest_pageconsistency.generate.written import RETRIES, is_short, written_case
from pytest_pageconsistency.resources import kunit_directory, templates_directory
from pytest_pageconsistency.target import Target

SUITE_NAME = "pageconsistency"
"""Of the KUnit suite; the series under test brings one that is called dual_bitmap."""

BUILD_ID_FILE = "build_id.c"
"""The only file that holds the build id."""

WRITTEN_STEPS = 60
"""Steps that are written out: each inlines the function under test once more."""


@dataclass(frozen=True)
class SuiteCase:
    """A program and the names that it has in the kernel and on its console."""

    program: Program
    name: CaseName

    @property
    def interpreter(self) -> str:
        """Which function takes its steps: pc_take_<this>steps() of kunit/runtime/pc_table.h.

        Not every one: some call the page consistency checker, or heal words under the eyes of the
        function under test.
        """
        ops = self.program.steps.ops()
        if ops & CHECKER_OPS:
            return "checker_"
        return "watched_" if ops & RETRIES else ""


@dataclass(frozen=True, repr=False)
class Suite:
    """A generated suite.

    `cases` are those to be judged. `files` maps the names of the files in the suite's directory to
    their contents; `build_id` (16 hexadecimal digits) stands at the end of every case's report and
    identifies these files and the header under test. `functions` are those of all cases in the
    files, which the kernel image must contain.
    """

    cases: tuple[SuiteCase, ...]
    files: Mapping[str, bytes]
    build_id: str
    functions: frozenset[str]

    @property
    def source(self) -> str:
        """The generated C."""
        return "\n".join(self.files[name].decode() for name in ("suite.c", "statements.c"))


def make_suite(programs: Sequence[Program], target: Target, identity: Mapping[str, str]) -> Suite:
    """Generate the suite of `programs`, which are of one target and have different ids.

    `identity` is whatever else the kernel is built from (the header's hash, the configuration):
    it becomes part of the build id.
    """
    cases = name_cases(programs)
    chosen = _written_cases(cases)
    written = {case.name.digest for case in chosen}
    tables = [case for case in cases if case.name.digest not in written]
    files = runtime_files()
    files |= _written_files(chosen)
    files |= _table_files(tables, target)
    interpreters = {case.interpreter for case in tables}
    files["watched.c"] = _rendered("watched.c.j2", used="watched_" in interpreters)
    files |= _checker_files("checker_" in interpreters)
    files["suite.c"] = _suite_file(cases, written, target)
    build_id = build_id_of(files, identity)
    files[BUILD_ID_FILE] = _rendered("build_id.c.j2", build_id=build_id)
    return Suite(cases, files, build_id, frozenset(case.name.function for case in cases))


def name_cases(programs: Sequence[Program]) -> tuple[SuiteCase, ...]:
    """Each program with the names that it has in any suite."""
    names = case_names(program.case_id for program in programs)
    return tuple(SuiteCase(program, names[program.case_id]) for program in programs)


def runtime_files() -> dict[str, bytes]:
    """The kernel side of every suite: Kconfig, Makefile and the C runtime."""
    directory = kunit_directory() / "runtime"
    return {path.name: path.read_bytes() for path in sorted(directory.iterdir()) if path.is_file()}


def _written_cases(cases: Iterable[SuiteCase]) -> list[SuiteCase]:
    """The cases that are written out: few, that have each function compiled with constants."""
    # In an order that an added or a removed case does not change.
    ordered = sorted(cases, key=lambda case: case.name.digest)
    short = [case for case in ordered if is_short(case.program) and not case.interpreter]
    chosen: list[SuiteCase] = []
    seen: set[object] = set()
    room = WRITTEN_STEPS
    for limit in (WRITTEN_STEPS // 5, WRITTEN_STEPS):
        for case in short:
            steps = len(case.program.steps)
            # Those that add an operation, or another answer or copy of one; first short ones.
            kinds = {head & 0xFFFF for head in case.program.steps.rows[::2]}
            if steps <= min(room, limit) and not kinds <= seen:
                room -= steps
                seen |= kinds
                chosen.append(case)
    return chosen


def _written_files(cases: Sequence[SuiteCase]) -> dict[str, bytes]:
    # Without the lines that take the steps: an edit above a case would compile it again.
    texts = [
        written_case(case.program, case.name, statements.observed, sources=False) for case in cases
    ]
    declarations = [f"void {case.name.function}(struct kunit *test)" for case in cases]
    return {
        "statements.c": _rendered("statements.c.j2", cases=texts),
        "statements.h": _header("statements", "struct kunit", declarations),
    }


def _table_files(cases: Sequence[SuiteCase], target: Target) -> dict[str, bytes]:
    data, places = pack_tables(
        ((case.name.digest, case.program) for case in cases), target.byteorder
    )
    # The assembler's reader of tables.bin is make's to know: tables.S changes with it.
    digest = hashlib.sha256(data).hexdigest()
    declarations = [f"extern const struct pc_table {place.name}" for place in places]
    return {
        "tables.bin": data,
        "tables.S": _rendered("tables.S.j2", digest=digest, tables=places),
        "tables.h": _header("tables", "struct pc_table", declarations),
    }


def _checker_files(used: bool) -> dict[str, bytes]:
    builds = {"warn": False, "panic": True}
    return {
        "checker_steps.c": _rendered("checker_steps.c.j2", used=used),
        **{
            f"checker_{name}.c": _rendered("checker_build.c.j2", used=used, name=name, panic=panic)
            for name, panic in builds.items()
        },
    }


def _header(name: str, needs: str, declarations: Sequence[str]) -> bytes:
    return _rendered("declarations.h.j2", name=name.upper(), needs=needs, declarations=declarations)


def _suite_file(cases: Iterable[SuiteCase], written: Collection[str], target: Target) -> bytes:
    texts = [
        {
            "function": case.name.function,
            "title": comment(case.program.case_id),
            "table": table_name(case.name.digest),
            "interpreter": case.interpreter,
            "written": case.name.digest in written,
        }
        for case in cases
    ]
    return _rendered("suite.c.j2", target=target, cases=texts, suite_name=SUITE_NAME)


def _rendered(template: str, **context: object) -> bytes:
    return render(template, **context).encode()


def build_id_of(files: Mapping[str, bytes], identity: Mapping[str, str]) -> str:
    """What identifies a suite of these files (all but BUILD_ID_FILE) for this identity."""
    digest = hashlib.sha256()
    texts = (text.encode() for text in (*sorted(files), *identity.values()))
    for part in (*(files[name] for name in sorted(files)), *texts):
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return digest.hexdigest()[:16]


def generator_digest() -> str:
    """Identifies the code that makes a suite of programs: what it makes need not be made again."""
    directories = (Path(__file__).parent, templates_directory(), kunit_directory() / "runtime")
    digest = hashlib.sha256()
    for directory in directories:
        for path in sorted(directory.iterdir()):
            if path.is_file():
                digest.update(path.read_bytes())
    return digest.hexdigest()
