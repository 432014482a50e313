# SPDX-License-Identifier: GPL-2.0-only
"""A suite to post to a list: plain KUnit, in one C file, without a runtime of ours."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from pytest_pageconsistency.cases import CHECKER_OPS, Op, Program, Step
from pytest_pageconsistency.generate import literals, statements
from pytest_pageconsistency.generate.export_tables import Table, make_table
from pytest_pageconsistency.generate.names import CaseName, case_names, comment
from pytest_pageconsistency.generate.rendering import render
from pytest_pageconsistency.generate.written import (
    RETRIES,
    WrittenCase,
    is_short,
    written_case,
)
from pytest_pageconsistency.resources import kunit_directory
from pytest_pageconsistency.target import Target

EXPORT_NAME = "dual_bitmap_cases"
"""Of the exported suite, its C file, Kconfig symbol and object."""

UNROLLED_STEPS = 4000
"""Steps that are written out in one suite: each inlines the function under test once more."""

_COPIES = {"primary": "DUAL_BITMAP_PRIMARY", "secondary": "DUAL_BITMAP_SECONDARY"}


@dataclass(frozen=True)
class ExportedCase:
    """What the templates need of a case; either `written` or `table` is used."""

    function: str
    title: str
    bitmaps: int
    final: str
    written: WrittenCase | None
    table: Table | None


def export_suite(programs: Sequence[Program], target: Target) -> dict[str, str]:
    """The files of a self-contained suite by name: the C file, Kconfig and Makefile.

    The expected values are those of the target's word width and byte order, which the Kconfig
    entry and the C file ask for. Cases of the page consistency checker are left out: they need a
    machine around it, which is not plain KUnit.
    """
    programs = [program for program in programs if not program.steps.ops() & CHECKER_OPS]
    names = case_names(program.case_id for program in programs)
    cases = list(_exported_cases(programs, names))
    used = set().union(*(program.steps.ops() for program in programs))
    context = {
        "target": target,
        "name": EXPORT_NAME,
        "cases": cases,
        "watch": _inlined("pc_watch.h") if used & RETRIES else "",
        "table": any(case.table for case in cases),
        "guard": Op.GUARD in used,
        "little": target.byteorder == "little",
    }
    return {
        f"{EXPORT_NAME}_kunit.c": render("export.c.j2", **context),
        "Kconfig": render("export.Kconfig.j2", **context),
        "Makefile": render("export.Makefile.j2", **context),
    }


def _exported_cases(
    programs: Iterable[Program], names: Mapping[str, CaseName]
) -> Iterator[ExportedCase]:
    """Statements while cases are short and few, tables beyond."""
    room = UNROLLED_STEPS
    for program in programs:
        name = names[program.case_id]
        table, written = None, None
        if is_short(program) and len(program.steps) <= room:
            room -= len(program.steps)
            written = written_case(program, name, _plain, sources=True)
        else:
            table = make_table(program)
        yield ExportedCase(
            function=name.function,
            title=comment(program.case_id),
            bitmaps=len(program.bitmaps),
            final=final_spans(program),
            written=written,
            table=table,
        )


def final_spans(program: Program) -> str:
    """The final words of each copy as spans, none of which reaches from one copy into the next."""
    copies = ((bitmap.primary, bitmap.secondary) for bitmap in program.bitmaps)
    spans = (literals.spans(words.runs()) for words in chain.from_iterable(copies))
    return literals.initialiser(chain.from_iterable(spans))


def _plain(number: int, step: Step) -> list[str]:
    """A step with KUnit's own expectations."""
    op, args = step.op, step.args
    db = f"db[{step.bitmap}]"
    if op is Op.NEW:
        return [f"pc_new(test, &{db}, {literals.uint(args[0])}, {args[1]:#04x});"]
    if op is Op.NEW_NULL:
        return [f"memset(&{db}, 0, sizeof({db}));"]
    if op is Op.INIT:
        return [f"{_call(step)};"]
    if op in statements.BIT_CALLS or op is Op.CONSISTENT_WORD:
        return [_truth(_call(step), step.expected[0])]
    if op is Op.VALIDATE:
        return [_equal(_call(step), literals.ulong(step.expected[0]))]
    if op is Op.GUARD:
        return [_truth(f"pc_guards_intact(&{db})", 1)]
    words = f"{db}.bitmap[{_COPIES[args[0]]}]"
    if op in RETRIES:
        return _plain_retry(step, db, words)
    if op is Op.FLIP:
        bit = literals.ulong(args[1])
        return [f"{words}[BIT_WORD({bit})] ^= BIT_MASK({bit});"]
    if op is Op.WRITE_WORD:
        return [f"{words}[{args[1]}] = {literals.word(args[2])};"]
    if op is Op.SCRIBBLE:
        return [f"memcpy((u8 *){words} + {args[1]}, step_{number}, sizeof(step_{number}));"]
    if op is Op.WORD:
        return [_equal(f"{words}[{args[1]}]", literals.word(step.expected[0]))]
    return [f"pc_expect_words(test, {words}, {len(step.expected)}, step_{number});"][
        : len(step.expected)
    ]


def _plain_retry(step: Step, db: str, words: str) -> list[str]:
    _, bit, bad_reads = step.args
    value, primary_reads, secondary_reads, relaxes, barriers = step.expected
    watch = f"pc_watch(&{db}, {words}, {literals.ulong(bit)}, {bad_reads});"
    counts = {
        "reads[0]": primary_reads,
        "reads[1]": secondary_reads,
        "relaxes": relaxes,
        "barriers": barriers,
    }
    return [
        watch,
        _equal(_call(step), str(value)),
        "pc_watch_end();",
        *(_equal(f"pc_watched.{name}", str(count)) for name, count in counts.items()),
    ]


def _call(step: Step) -> str:
    return statements.call(step).replace(f"&db{step.bitmap}", f"&db[{step.bitmap}]")


def _truth(expression: str, expected: int) -> str:
    return f"KUNIT_EXPECT_{'TRUE' if expected else 'FALSE'}(test, {expression});"


def _equal(expression: str, expected: str) -> str:
    suffix = "" if expected.endswith("UL") else "UL"
    return f"KUNIT_EXPECT_EQ(test, {expression}, {expected}{suffix});"


def _inlined(name: str) -> str:
    """The body of one of the runtime's headers, without guard, licence and own includes."""
    text = (kunit_directory() / "runtime" / name).read_text()
    _, _, body = text.partition("_H\n\n")
    body = body.rpartition("\n#endif")[0]
    lines = (line for line in body.splitlines() if not line.startswith("#include"))
    return "\n".join(lines).strip("\n")
