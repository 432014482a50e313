# SPDX-License-Identifier: GPL-2.0-only
"""A verdict as a person reads it: what differs, what lay in memory, how to see it again."""

from __future__ import annotations

import linecache
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath

from pytest_pageconsistency.cases import (
    CHECKER_OPS,
    OPERATIONS,
    Observes,
    Op,
    Program,
    State,
    Step,
    named_fields,
    observes_fields,
    replay,
)
from pytest_pageconsistency.crosscheck import CaseResult, Disagreement
from pytest_pageconsistency.generate import SUITE_NAME
from pytest_pageconsistency.oracle import COPIES, Abi, DualBitmap

_WORDS_SHOWN = 8
"""Words of one copy that a report prints: the ones that differ first."""

_WATCHED = ("value", "reads of the primary", "reads of the secondary", "cpu_relax()", "smp_rmb()")


@dataclass(frozen=True)
class Reproduction:
    """Two commands that show the same again: through pytest, and through kunit.py alone."""

    pytest: Sequence[str]
    kunit: Sequence[str]

    def text(self) -> str:
        """Both, ready to paste."""
        return f"reproduce:\n  {shlex.join(self.pytest)}\n  {shlex.join(self.kunit)}"


def kunit_command(result: CaseResult, exec_command: Sequence[str]) -> list[str]:
    """The command that boots the kernel again for this case alone, and lets kunit.py judge it."""
    ours = ("-u", "--raw_output", "--timeout")
    kept = [argument for argument in exec_command[:-1] if argument.partition("=")[0] not in ours]
    return [*kept, f"{SUITE_NAME}.{result.case.name.function}"]


def describe(result: CaseResult, reproduction: Reproduction) -> str:
    """The report of a case that did not pass, to stand below its verdict's message."""
    parts = [result.verdict.details] if result.verdict.details else []
    if result.disagreement:
        parts.append(describe_disagreement(result.case.program, result.disagreement))
    parts.append(reproduction.text())
    if result.console:
        parts.append("\n".join(("kernel console:", *result.console)))
    return "\n\n".join(parts)


def describe_disagreement(program: Program, disagreement: Disagreement) -> str:
    """Step, source line, both values, and the memory before the step."""
    if disagreement.step is None:
        return _final_words(program, disagreement)
    step = program.steps[disagreement.step - 1]
    state = replay(program, disagreement.step - 1)
    return "\n".join(
        [
            *_source(step),
            "",
            f"step {disagreement.step}: {step.call()} on {_subject(step, state, program.abi)}",
            *_values(step, disagreement, program.abi),
            "",
            "before the step, by the oracle:",
            *_before(step, state, program.abi),
        ]
    )


def _subject(step: Step, state: State, abi: Abi) -> str:
    if step.op is Op.BOOT:
        return f"a new machine ({abi.bits_per_long} bits per long)"
    bitmap = state.bitmaps[step.bitmap]
    size = f"({bitmap.nbits} bits, {abi.bits_per_long} bits per long)"
    if step.op in CHECKER_OPS and state.checker is not None:
        checker = state.checker
        phase = "booting" if checker.booting else "running"
        panic = "y" if checker.panic else "n"
        pages = f"pages {checker.min_pfn} to {checker.max_pfn - 1}" if checker.enabled else "off"
        return f"the checker: {pages}, {phase}, PANIC={panic} {size}"
    return f"bitmap {step.bitmap} {size}"


def _before(step: Step, state: State, abi: Abi) -> list[str]:
    if step.op is Op.BOOT:
        return ["  no memory"]
    lines = _memory(state.bitmaps[step.bitmap], _touched_word(step, state, abi))
    if step.op in CHECKER_OPS and (checker := state.checker):
        lines.append(
            f"  {checker.tracked} pages tracked, {checker.allocs} allocs, {checker.frees} frees, "
            f"{checker.violations} violations"
        )
    return lines


def _source(step: Step) -> list[str]:
    name, line = step.source
    lines = [f"{PurePath(name).name}:{line}"]
    if text := linecache.getline(name, line).strip():
        lines.append(f">   {text}")
    return lines


def _values(step: Step, disagreement: Disagreement, abi: Abi) -> list[str]:
    expected, observed = disagreement.expected, disagreement.observed
    if step.op in (Op.CONSISTENT_RETRY, Op.VALIDATE_RETRY):
        return [
            f"  {name}: oracle {want}, kernel {got}{'' if want == got else '   <--'}"
            for name, want, got in zip(_WATCHED, expected, observed, strict=True)
        ]
    if observes_fields(step.op):
        return _fields(step.op, expected, observed)
    if step.op in (Op.WORD, Op.WORDS):
        return _differing_words(expected, observed, abi)
    if OPERATIONS[step.op].observes is Observes.BIT:
        return [f"  oracle: {bool(expected[0])}", f"  kernel: {bool(observed[0])}"]
    return [f"  oracle: {expected[0]}", f"  kernel: {observed[0]}"]


def _fields(op: Op, expected: Sequence[int], observed: Sequence[int]) -> list[str]:
    lines = []
    for want, got in zip(named_fields(op, expected), named_fields(op, observed), strict=True):
        if want.name.startswith("its "):
            continue  # an event's text has its number
        if want.text == got.text:
            lines.append(f"  {want.name}: {want.text}")
        else:
            lines.append(f"  {want.name}: oracle {want.text}, kernel {got.text}   <--")
    return lines


def _differing_words(expected: Sequence[int], observed: Sequence[int], abi: Abi) -> list[str]:
    lines: list[str] = []
    for index, (want, got) in enumerate(zip(expected, observed, strict=True)):
        if want != got and len(lines) < 4 * _WORDS_SHOWN:
            lines += [
                f"  [{index}] oracle {_hex(want, abi)}",
                f"  [{index}] kernel {_hex(got, abi)}   <- {_bits(want ^ got, index, abi)}",
            ]
    return lines


def _final_words(program: Program, disagreement: Disagreement) -> str:
    lines = ["after the last step:"]
    position = 0
    for number, bitmap in enumerate(program.bitmaps):
        for copy in COPIES:
            end = position + bitmap.word_count
            differing = _differing_words(
                disagreement.expected[position:end],
                disagreement.observed[position:end],
                program.abi,
            )
            if differing:
                lines += [f"  bitmap {number} ({bitmap.nbits} bits), {copy}:", *differing]
            position = end
    for number, intact in enumerate(disagreement.observed[position:]):
        if not intact:
            lines.append(f"  bitmap {number}: the words around it were overwritten")
    return "\n".join(lines)


def _touched_word(step: Step, state: State, abi: Abi) -> int | None:
    """The word that a step names by its bit, its page or index."""
    named = dict(zip(OPERATIONS[step.op].arguments, step.args, strict=True))
    if "pfn" in named and state.checker is not None:
        bit = int(named["pfn"]) - state.checker.min_pfn
        return bit // abi.bits_per_long if bit >= 0 else None
    if "bit" in named:
        return int(named["bit"]) // abi.bits_per_long
    return named.get("index")


def _memory(bitmap: DualBitmap, touched: int | None) -> list[str]:
    """The words that matter: the touched one and those where the copies are no complements."""
    mask = bitmap.abi.ulong_max
    shown: list[int] = []
    if touched is not None and touched < bitmap.word_count:
        shown.append(touched)
    written = sorted(bitmap.primary.keys() | bitmap.secondary.keys())
    damaged = [i for i in written if bitmap.primary[i] ^ bitmap.secondary[i] != mask]
    shown += [index for index in (*damaged, *range(bitmap.word_count)[:2]) if index not in shown]
    lines: list[str] = []
    for index in sorted(set(shown[:_WORDS_SHOWN])):
        primary, secondary = bitmap.primary[index], bitmap.secondary[index]
        wrong = primary ^ secondary ^ mask
        lines += [
            f"  [{index}] primary   {_hex(primary, bitmap.abi)}",
            f"  [{index}] secondary {_hex(secondary, bitmap.abi)}"
            + (f"   <- not the complement: {_bits(wrong, index, bitmap.abi)}" if wrong else ""),
        ]
    if bitmap.word_count > len(lines) // 2:
        lines.append(f"  ... {bitmap.word_count} words in each copy, {len(damaged)} inconsistent")
    return lines or ["  no words"]


def _hex(word: int, abi: Abi) -> str:
    return f"{word:0{abi.bits_per_long // 4}x}"


def _bits(difference: int, index: int, abi: Abi) -> str:
    """The bits that differ in word `index`, numbered within the bitmap, as a person lists them."""
    first = index * abi.bits_per_long
    bits = [first + bit for bit in range(abi.bits_per_long) if difference >> bit & 1]
    if len(bits) == 1:
        return f"bit {bits[0]}"
    if bits[-1] - bits[0] == len(bits) - 1:
        return f"bits {bits[0]} to {bits[-1]}"
    shown = ", ".join(map(str, bits[:8]))
    return f"bits {shown}" if len(bits) <= 8 else f"bits {shown}, ... ({len(bits)} in all)"
