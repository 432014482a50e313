# SPDX-License-Identifier: GPL-2.0-only
"""A short case as C statements, one step after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import PurePath

from pytest_pageconsistency.cases import Op, Program, Step
from pytest_pageconsistency.generate import literals
from pytest_pageconsistency.generate.names import comment

Statement = Callable[[int, Step], list[str]]
"""Number of a step (from 1) and the step -> its C lines, not indented."""

BIT_CALLS = {
    Op.SET: "dual_bitmap_set",
    Op.CLEAR: "dual_bitmap_clear",
    Op.TEST: "dual_bitmap_test",
    Op.CONSISTENT: "dual_bitmap_consistent",
}

COPY_ENUMERATORS = {"primary": "PC_PRIMARY", "secondary": "PC_SECONDARY"}


def body(program: Program, statement: Statement, *, sources: bool) -> str:
    """The statements of a case, indented; with `sources` the case's line above each group."""
    lines: list[str] = []
    source = None
    for number, step in enumerate(program.steps, 1):
        if sources and step.source != source:
            source = step.source
            lines += ["", comment(f"{PurePath(source[0]).name}:{source[1]}", "\t")]
        lines += [f"\t{line}" for line in statement(number, step)]
    return "\n".join(lines).lstrip("\n")


def arrays(program: Program) -> Iterator[str]:
    """Constant data that a step's statement refers to as `step_<number>`."""
    for number, step in enumerate(program.steps, 1):
        if step.op is Op.SCRIBBLE:
            yield _array("u8", number, (f"{byte:#04x}" for byte in step.args[-1]))
        elif step.op is Op.WORDS and step.expected:
            yield _array("struct pc_span", number, literals.word_spans(step.expected))


def call(step: Step) -> str:
    """The call of the function under test."""
    if step.op in BIT_CALLS:
        return f"{BIT_CALLS[step.op]}(&db{step.bitmap}, {literals.ulong(step.args[0])})"
    if step.op is Op.CONSISTENT_RETRY:
        return f"dual_bitmap_consistent(&db{step.bitmap}, {literals.ulong(step.args[1])})"
    if step.op is Op.CONSISTENT_WORD:
        primary, secondary = step.args
        return f"dual_bitmap_consistent_word({literals.word(primary)}, {literals.word(secondary)})"
    name = "init" if step.op is Op.INIT else "validate"
    return f"dual_bitmap_{name}(&db{step.bitmap})"


def observed(number: int, step: Step) -> list[str]:
    """A step through the runtime, which reports what it observes."""
    op, bitmap, args = step.op, step.bitmap, step.args
    if op is Op.NEW:
        nbits, fill = args
        new = f"pc_new(c, &db{bitmap}, {bitmap}, {literals.uint(nbits)}, {fill:#04x})"
        return [f"if (!{new})", "\treturn;"]
    if op is Op.NEW_NULL:
        return [f"memset(&db{bitmap}, 0, sizeof(db{bitmap}));"]
    if op is Op.INIT:
        return [f"{call(step)};"]
    if op in BIT_CALLS or op is Op.CONSISTENT_WORD:
        return [f"pc_bit(c, {number}, {call(step)}, {literals.boolean(step.expected[0])});"]
    if op is Op.VALIDATE:
        return [f"pc_word(c, {number}, {call(step)}, {literals.ulong(step.expected[0])});"]
    if op is Op.GUARD:
        return [f"pc_guard(c, {number}, {bitmap});"]
    copy = COPY_ENUMERATORS[args[0]]
    if op in (Op.CONSISTENT_RETRY, Op.VALIDATE_RETRY):
        return _observed_retry(number, step, copy)
    if op is Op.FLIP:
        return [f"pc_flip(c, {bitmap}, {copy}, {literals.ulong(args[1])});"]
    if op is Op.WRITE_WORD:
        place = f"{bitmap}, {copy}, {literals.ulong(args[1])}"
        return [f"pc_write_word(c, {place}, {literals.word(args[2])});"]
    if op is Op.SCRIBBLE:
        target = f"{bitmap}, {copy}, {literals.ulong(args[1])}"
        return [f"pc_scribble(c, {target}, step_{number}, sizeof(step_{number}));"]
    if op is Op.WORD:
        value = f"pc_words_of(c, {bitmap}, {copy})[{literals.ulong(args[1])}]"
        return [f"pc_word(c, {number}, {value}, {literals.word(step.expected[0])});"]
    if not step.expected:
        return []
    return [f"pc_words(c, {number}, {bitmap}, {copy}, step_{number});"]


def _observed_retry(number: int, step: Step, copy: str) -> list[str]:
    _, bit, bad_reads = step.args
    watch = (
        f"pc_watch(c, &db{step.bitmap}, {step.bitmap}, {copy}, {literals.ulong(bit)}, {bad_reads});"
    )
    value, *counts = step.expected
    counted = ", ".join(map(str, counts))
    return [
        watch,
        f"pc_word(c, {number}, {call(step)}, {value});",
        f"pc_watch_counts(c, {number}, {counted});",
    ]


def _array(kind: str, number: int, items: Iterator[str] | list[str]) -> str:
    return (
        f"\tstatic const {kind} step_{number}[] = {{\n"
        f"{literals.initialiser(items, indent=chr(9) * 2)}\n\t}};\n"
    )
