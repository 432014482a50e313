# SPDX-License-Identifier: GPL-2.0-only
"""No false green: everything that can be wrong with a console is a verdict of its own."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from programs import UM, programs
from simulated import console, report_lines

from pytest_pageconsistency.crosscheck import Boot, CaseResult, cross_check, expected_values
from pytest_pageconsistency.generate import Suite, make_suite
from pytest_pageconsistency.verdict import Kind


@pytest.fixture(scope="module")
def suite() -> Suite:
    return make_suite(programs(), UM, {})


def judged(suite: Suite, text: str, **boot: bool) -> tuple[CaseResult, CaseResult]:
    """The results of the short case, which runs first, and of the long one."""
    results = cross_check(suite, Boot(text, **boot))
    short, long = (results[case.program.case_id] for case in suite.cases)
    return short, long


def test_agreement_passes(suite: Suite) -> None:
    short, long = judged(suite, console(suite))
    assert short.verdict.passed
    assert long.verdict.passed
    assert short.observed_values == len(expected_values(short.case.program))
    assert any(": pc " in line for line in short.console)


@pytest.mark.parametrize("position", [0, 5, 18, -3])
def test_one_other_value_is_a_disagreement(suite: Suite, position: int) -> None:
    case = suite.cases[0]
    values = expected_values(case.program)
    values[position] ^= 1
    text = console(suite).replace(
        "\n".join(report_lines(suite, case)), "\n".join(report_lines(suite, case, values))
    )
    short, long = judged(suite, text)
    assert short.verdict.kind is Kind.DISAGREEMENT
    assert short.disagreement is not None
    assert (short.disagreement.step is None) == (position == -3)
    assert long.verdict.passed


def test_a_failed_case_whose_values_agree_is_not_passed(suite: Suite) -> None:
    short, long = judged(suite, console(suite).replace("    ok 1 ", "    not ok 1 "))
    assert short.verdict.kind is Kind.KERNEL_FAILURE
    assert long.verdict.passed


def test_a_complaint_of_the_kernel_is_not_passed(suite: Suite) -> None:
    complaint = "BUG kmalloc-64 (Tainted: G): Right Redzone overwritten\n"
    short, long = judged(suite, console(suite).replace("    ok 1 ", f"{complaint}    ok 1 "))
    assert short.verdict.kind is Kind.KERNEL_FAILURE
    assert "Redzone" in short.verdict.message
    assert long.verdict.passed


def test_a_skipped_case_is_not_passed(suite: Suite) -> None:
    name = suite.cases[0].name.function
    short, _ = judged(suite, console(suite).replace(f"ok 1 {name}", f"ok 1 {name} # SKIP no"))
    assert short.verdict.kind is Kind.NOT_RUN


def test_a_case_that_reports_nothing_is_not_passed(suite: Suite) -> None:
    text = "\n".join(line for line in console(suite).splitlines() if ": pc " not in line)
    for result in judged(suite, text):
        assert result.verdict.kind is Kind.MALFORMED
        assert "observed nothing" in result.verdict.message


def test_a_missing_line_of_the_report_is_not_passed(suite: Suite) -> None:
    lines = console(suite).splitlines(keepends=True)
    for index, line in enumerate(lines):
        if ": pc " in line:
            results = judged(suite, "".join(lines[:index] + lines[index + 1 :]))
            assert sum(result.verdict.passed for result in results) == 1


def test_a_doubled_line_of_the_report_is_not_passed(suite: Suite) -> None:
    lines = console(suite).splitlines(keepends=True)
    for index, line in enumerate(lines):
        if ": pc " in line:
            results = judged(suite, "".join([*lines[:index], line, *lines[index:]]))
            assert sum(result.verdict.passed for result in results) == 1


def test_a_case_seen_twice_is_not_passed(suite: Suite) -> None:
    name = suite.cases[0].name.function
    line = f"    ok 1 {name}\n"
    short, _ = judged(suite, console(suite).replace(line, line * 2))
    assert short.verdict.kind is Kind.MALFORMED
    assert "2 results" in short.verdict.message


def test_a_suite_seen_twice_is_not_passed(suite: Suite) -> None:
    text = console(suite)
    for result in judged(suite, text.removesuffix("reboot: System halted\n") + text):
        assert result.verdict.kind is Kind.MALFORMED


def test_another_kernels_report_is_not_passed(suite: Suite) -> None:
    short, _ = judged(suite, console(suite).replace(suite.build_id, "f" * 16))
    assert short.verdict.kind is Kind.MALFORMED
    assert "built from other sources" in short.verdict.message


def test_a_forged_ok_line_is_not_passed(suite: Suite) -> None:
    names = [case.name.function for case in suite.cases]
    text = "KTAP version 1\n1..1\n" + "".join(
        f"{indent}ok {number} {name}\n"
        for indent in ("", "    ", "        ")
        for number, name in enumerate(names, 1)
    )
    assert not any(result.verdict.passed for result in judged(suite, text))


def test_a_kernel_that_cannot_allocate(suite: Suite) -> None:
    case = suite.cases[0]
    head = f"    # {case.name.function}: pc {case.name.digest}"
    text = console(suite).replace(
        "\n".join(report_lines(suite, case)), f"{head} 0 begin\n{head} 1 nomem 0 536870912"
    )
    short, _ = judged(suite, text.replace("    ok 1 ", "    not ok 1 "))
    assert short.verdict.kind is Kind.NOT_RUN
    assert "could not allocate 536870912 bytes for bitmap 0" in short.verdict.message


def crashed(suite: Suite, death: str) -> str:
    """A console that ends in the middle of the second case."""
    text = console(suite)
    cut = text.index(f"    ok 2 {suite.cases[1].name.function}")
    return text[:cut].rsplit("\n", 3)[0] + "\n" + death


def test_a_panic_names_the_case_that_was_running(suite: Suite) -> None:
    short, long = judged(suite, crashed(suite, "Kernel panic - not syncing: oh\n"))
    assert short.verdict.passed
    assert long.verdict.kind is Kind.CRASH
    assert "Kernel panic - not syncing: oh" in long.verdict.message
    assert "while this case was running" in long.verdict.message


def test_a_timeout_names_the_case_that_was_running(suite: Suite) -> None:
    short, long = judged(suite, crashed(suite, ""), timed_out=True)
    assert short.verdict.passed
    assert long.verdict.kind is Kind.TIMEOUT


def test_a_flood_names_the_case_that_was_running(suite: Suite) -> None:
    _, long = judged(suite, crashed(suite, "x" * 1000), overflowed=True)
    assert long.verdict.kind is Kind.CRASH
    assert "printed without end" in long.verdict.message


def test_a_case_after_a_crash_is_not_run(suite: Suite) -> None:
    text = console(suite)
    begun = text.index(" 1 ", text.index("0 begin"))
    short, long = judged(suite, text[:begun] + "\nKernel panic - not syncing: oh\n")
    assert short.verdict.kind is Kind.CRASH
    assert long.verdict.kind is Kind.NOT_RUN
    assert suite.cases[0].name.function in long.verdict.message


def test_an_oops_that_kunit_survives_is_a_crash(suite: Suite) -> None:
    case = suite.cases[0]
    report = report_lines(suite, case)
    text = console(suite).replace(
        "\n".join(report), "\n".join([report[0], "BUG: kernel NULL pointer dereference"])
    )
    short, long = judged(suite, text.replace("    ok 1 ", "    not ok 1 "))
    assert short.verdict.kind is Kind.CRASH
    assert long.verdict.passed


def test_a_console_cut_at_any_byte_passes_only_what_was_whole(suite: Suite) -> None:
    text = console(suite)
    ends = [
        text.index(f"ok {number} {case.name.function}") + len(f"ok {number} {case.name.function}")
        for number, case in enumerate(suite.cases, 1)
    ]
    for cut in range(len(text)):
        for result, end in zip(judged(suite, text[:cut]), ends, strict=True):
            assert not result.verdict.passed or cut >= end
    for garbage in ("", "\0\0\0", "\x1b[2J", "ok\n" * 100, "KTAP version 1\n"):
        assert not any(result.verdict.passed for result in judged(suite, garbage))


@settings(max_examples=200)
@given(data=st.data())
def test_damage_never_turns_a_wrong_value_green(data: st.DataObject) -> None:
    suite = make_suite(programs(), UM, {})
    case = suite.cases[0]
    values = list(expected_values(case.program))
    position = data.draw(st.integers(0, len(values) - 1))
    values[position] += 1
    text = console(suite).replace(
        "\n".join(report_lines(suite, case)), "\n".join(report_lines(suite, case, values))
    )
    lines = text.splitlines(keepends=True)
    for _ in range(data.draw(st.integers(0, 3))):
        place = data.draw(st.integers(0, len(lines)))
        lines[place:place] = data.draw(
            st.sampled_from([[], ["noise\n"], [lines[place - 1]], ["ok 1 pageconsistency\n"]])
        )
    short, _ = judged(suite, "".join(lines))
    assert not short.verdict.passed


@pytest.mark.parametrize(
    "complaint",
    [
        "Kernel panic - not syncing: Fatal exception",
        "Oops: 0000 [#1] PREEMPT SMP",
        "BUG: KASAN: slab-out-of-bounds in dual_bitmap_set",
        "Unable to handle kernel NULL pointer dereference at virtual address 0",
        "general protection fault, probably for non-canonical address",
        "Kernel mode fault at addr 0x0, ip 0x60001234",
        "Segfault with no mm",
        "Kernel tried to access user memory",
        "divide error: 0000 [#1]",
        "invalid opcode: 0000 [#1]",
        "double fault: 0000 [#1]",
        "Unhandled fault: external abort",
        "    # pc_x: try faulted: last line seen mm/x.c:5",
    ],
)
def test_every_complaint_of_a_kernel_is_heard(suite: Suite, complaint: str) -> None:
    short, _ = judged(suite, console(suite).replace("    ok 1 ", f"{complaint}\n    ok 1 "))
    assert short.verdict.kind in (Kind.KERNEL_FAILURE, Kind.CRASH)
    assert complaint.strip() in short.verdict.message
