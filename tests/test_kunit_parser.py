# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import gc
import io
import sys
from collections.abc import Iterator
from textwrap import dedent
from types import FrameType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_pageconsistency import ktap, kunit_parser
from pytest_pageconsistency.ktap.printer import Printer
from pytest_pageconsistency.kunit_parser import (
    LineStream,
    Test,
    TestCounts,
    TestStatus,
    extract_tap_lines,
    parse_console,
    parse_run_tests,
)

PARSER = ktap.__path__[0]
OK = {TestStatus.SUCCESS, TestStatus.SKIPPED}

PLAIN = """\
Booting.
KTAP version 1
1..1
    KTAP version 1
    # Subtest: suite
    # module: pc
    1..2
    # first: observed 1
    # first: observed 2
    ok 1 first
    # second: observed 3
    ok 2 second
# suite: pass:2 fail:0 skip:0 total:2
ok 1 suite
reboot: System halted
"""

PARAMETERS = """\
KTAP version 1
1..1
    KTAP version 1
    # Subtest: suite
    1..2
        KTAP version 1
        # Subtest: case
    # case: observed 1
        ok 1 one
    # case: observed 2
        ok 2 two
    # case: pass:2 fail:0 skip:0 total:2
    ok 1 case
    ok 2 last
ok 1 suite
"""


def parse(console: str) -> Test:
    return parse_console(console.splitlines(keepends=True))


def names(test: Test) -> list[str]:
    return [subtest.name for subtest in test.subtests]


def errors(test: Test) -> list[str]:
    return list(test.all_errors())


def in_suite(*lines: str, count: int = 1, end: str = "ok 1 suite") -> Test:
    """Parse lines as what one suite with a plan prints."""
    head = [
        "KTAP version 1",
        "1..1",
        "    KTAP version 1",
        "    # Subtest: suite",
        f"    1..{count}",
    ]
    return parse("\n".join([*head, *lines, end]) + "\n")


def one_result(line: str) -> Test:
    (suite,) = in_suite(f"    {line}").subtests
    (case,) = suite.subtests
    return case


# The plain case.


def test_whole_run_succeeds() -> None:
    main = parse(PLAIN)
    assert (main.name, main.status, main.expected_count) == ("main", TestStatus.SUCCESS, 1)
    assert main.counts == TestCounts(passed=2)
    assert errors(main) == []
    (suite,) = main.subtests
    assert (suite.name, suite.status, suite.expected_count) == ("suite", TestStatus.SUCCESS, 2)
    assert names(suite) == ["first", "second"]
    assert [case.expected_count for case in suite.subtests] == [0, 0]
    assert [case.counts for case in suite.subtests] == [TestCounts(passed=1)] * 2


def test_logs_go_to_the_case_they_precede() -> None:
    suite = parse(PLAIN).subtests[0]
    assert suite.subtests[0].log == ["    # first: observed 1", "    # first: observed 2"]
    assert suite.subtests[1].log == ["    # second: observed 3"]
    assert suite.log == ["    # module: pc", "# suite: pass:2 fail:0 skip:0 total:2"]


def test_logs_of_parameters_are_indented_like_their_case() -> None:
    main = parse(PARAMETERS)
    assert main.status is TestStatus.SUCCESS
    case = main.subtests[0].subtests[0]
    assert [one.log for one in case.subtests] == [
        ["    # case: observed 1"],
        ["    # case: observed 2"],
    ]
    assert case.log == ["    # case: pass:2 fail:0 skip:0 total:2"]


@pytest.mark.parametrize(
    "prefix",
    [
        "[    0.123456] ",
        "[  0.1][ T12] ",
        "[    0.123456][    C0] ",
        "<6>[    0.123456] ",
        "console: ",
        "\t\t",
        " ",
        "guest> [    0.123456] ",
        "[    0.123456] kunit: ",
        "[ not a time ",
    ],
)
@pytest.mark.parametrize("console", [PLAIN, PARAMETERS])
def test_prefix_of_the_first_line_is_removed_everywhere(prefix: str, console: str) -> None:
    main = parse("".join(prefix + line for line in console.splitlines(keepends=True)))
    assert main.status is TestStatus.SUCCESS
    assert errors(main) == []
    assert main.subtests[0].subtests[-1].log == parse(console).subtests[0].subtests[-1].log


def test_time_prefix_of_some_lines_only() -> None:
    lines = PLAIN.splitlines(keepends=True)
    lines[1::2] = [f"[    {number}.000001] {line}" for number, line in enumerate(lines[1::2])]
    main = parse_console(lines)
    assert main.status is TestStatus.SUCCESS
    assert main.subtests[0].subtests[0].log == [
        "    # first: observed 1",
        "    # first: observed 2",
    ]


@pytest.mark.parametrize("end", ["\n", "\r\n", ""])
def test_line_ends(end: str) -> None:
    main = parse_console([line + end for line in PLAIN.splitlines()])
    assert main.status is TestStatus.SUCCESS
    assert main.subtests[0].subtests[1].log == ["    # second: observed 3"]


@pytest.mark.parametrize("version", ["KTAP version 1", "TAP version 13", "TAP version 14"])
def test_known_versions(version: str) -> None:
    assert parse(PLAIN.replace("KTAP version 1", version)).status is TestStatus.SUCCESS


@pytest.mark.parametrize("version", ["KTAP version 2", "TAP version 12", "TAP version 15"])
def test_unknown_versions(version: str) -> None:
    main = parse(PLAIN.replace("KTAP version 1", version))
    assert main.status is TestStatus.FAILURE
    assert any("version" in error for error in errors(main))


# Weakness 1: structure from indentation.


def test_example_of_ktap_rst() -> None:
    main = parse(
        dedent("""\
        KTAP version 1
        1..1
          KTAP version 1
          1..2
            KTAP version 1
            1..2
            not ok 1 a
            ok 2 b
          not ok 1 inner
          ok 2 leaf # SKIP
        not ok 1 outer
        """)
    )
    assert main.status is TestStatus.FAILURE
    assert main.counts == TestCounts(passed=1, failed=1, skipped=1)
    (outer,) = main.subtests
    assert (outer.name, names(outer)) == ("outer", ["inner", "leaf"])
    assert names(outer.subtests[0]) == ["a", "b"]


def test_forged_results_at_wrong_indentations_are_log() -> None:
    forged = ["ok 1 second", "ok 2 second", "      ok 2 second", " ok 2 second", "\tok 2 second"]
    main = in_suite("    ok 1 first", *forged, "    not ok 2 second", count=2, end="not ok 1 suite")
    suite = main.subtests[0]
    assert main.status is TestStatus.FAILURE
    assert suite.counts == TestCounts(passed=1, failed=1)
    assert suite.subtests[1].log == forged
    assert errors(main) == []


def test_forged_results_instead_of_the_real_one_do_not_count() -> None:
    main = in_suite("    ok 1 first", "  ok 2 second", "        ok 2 second", count=2)
    assert main.status is TestStatus.TEST_CRASHED
    assert names(main.subtests[0]) == ["first"]


def test_plan_at_a_wrong_indentation_is_log() -> None:
    main = in_suite("1..7", "        1..8", "    ok 1 first")
    assert main.status is TestStatus.SUCCESS
    assert main.subtests[0].subtests[0].log == ["1..7", "        1..8"]


def test_header_at_a_wrong_indentation_is_log() -> None:
    lines = ["       KTAP version 1", "       # Subtest: fake", "# Subtest: fake"]
    main = in_suite(*lines, "    ok 1 first")
    assert main.status is TestStatus.SUCCESS
    assert main.subtests[0].subtests[0].log == lines


def test_suites_of_one_name_nest() -> None:
    main = in_suite(
        "        # Subtest: suite", "        1..1", "        ok 1 suite", "    ok 1 suite"
    )
    assert main.status is TestStatus.SUCCESS
    assert main.subtests[0].subtests[0].subtests[0].name == "suite"


# Weakness 2: runs that end early.


def test_death_in_the_last_parametrised_case_is_a_crash() -> None:
    console = PARAMETERS[: PARAMETERS.index("    # case: pass:2")]
    console = console.replace("1..2\n        K", "1..1\n        K")
    main = parse(console + "BUG: kernel NULL pointer dereference\nKernel panic - not syncing: x\n")
    case = main.subtests[0].subtests[0]
    assert main.status is main.subtests[0].status is case.status is TestStatus.TEST_CRASHED
    assert names(case) == ["one", "two"]
    assert case.log[-1] == "Kernel panic - not syncing: x"
    assert main.counts.crashed >= 1
    assert case.errors
    assert "BUG: kernel NULL pointer dereference" in case.errors[0]
    assert case.errors[0].startswith("line 6: ")
    assert errors(main)[0].startswith("line 6: ") or main.subtests[0].errors


def test_header_without_result_before_the_next_suite() -> None:
    main = parse(
        "KTAP version 1\n1..2\n    # Subtest: dead\n    1..1\n    ok 1 a\n"
        "    # Subtest: alive\n    1..1\n    ok 1 b\nok 2 alive\n"
    )
    assert names(main) == ["dead", "alive"]
    assert [suite.status for suite in main.subtests] == [
        TestStatus.TEST_CRASHED,
        TestStatus.SUCCESS,
    ]
    assert main.status is TestStatus.TEST_CRASHED
    assert len(errors(main)) == 1


def test_lost_result_of_a_parametrised_case() -> None:
    main = parse(PARAMETERS.replace("    ok 1 case\n", ""))
    case, last = main.subtests[0].subtests
    assert (case.name, case.status) == ("case", TestStatus.TEST_CRASHED)
    assert (last.name, last.status) == ("last", TestStatus.SUCCESS)
    assert main.status is TestStatus.TEST_CRASHED


def test_fewer_results_than_planned() -> None:
    main = in_suite("    ok 1 first", count=3)
    suite = main.subtests[0]
    assert suite.status is main.status is TestStatus.TEST_CRASHED
    assert suite.counts.crashed == 2
    assert suite.errors == ["line 7: 'suite' has 1 of 3 planned results"]


def test_more_results_than_planned() -> None:
    main = in_suite("    ok 1 first", "    ok 2 second")
    assert main.status is TestStatus.FAILURE
    assert "2 of 1 planned" in errors(main)[0]


def test_enormous_plan_costs_nothing() -> None:
    main = in_suite("    ok 1 first", count=999_999_999)
    assert main.status is TestStatus.TEST_CRASHED
    assert len(main.subtests[0].subtests) == 1


def test_fewer_suites_than_planned() -> None:
    main = parse(PLAIN.replace("1..1\n    K", "1..2\n    K"))
    assert main.status is TestStatus.TEST_CRASHED
    assert "1 of 2 planned" in main.errors[0]


def test_no_top_level_plan_is_no_success() -> None:
    main = parse(PLAIN.replace("1..1\n    K", "    K"))
    assert main.status is TestStatus.FAILURE
    assert "no top-level plan" in main.errors[0]


def test_late_and_second_plans_are_errors() -> None:
    late = parse("KTAP version 1\nok 1 a\n1..1\n")
    assert late.status is TestStatus.FAILURE
    assert "line 3" in late.errors[0]
    assert in_suite("    1..1", "    ok 1 first").status is TestStatus.FAILURE


def test_parametrised_case_without_results_ran_no_tests() -> None:
    main = in_suite("        # Subtest: case", "    ok 1 case", "    ok 2 other", count=2)
    case = main.subtests[0].subtests[0]
    assert case.status is TestStatus.NO_TESTS
    assert main.status is TestStatus.FAILURE
    skipped = in_suite("        # Subtest: case", "    ok 1 case # SKIP", "    ok 2 o", count=2)
    assert skipped.status is TestStatus.SUCCESS
    assert skipped.subtests[0].subtests[0].status is TestStatus.SKIPPED


def test_nothing_planned_nothing_run() -> None:
    assert parse("KTAP version 1\n1..0\n").status is TestStatus.NO_TESTS


@pytest.mark.parametrize("console", ["", "\n", "Booting.\nKernel panic - not syncing: VFS\n"])
def test_no_ktap(console: str) -> None:
    main = parse(console)
    assert main.status is TestStatus.FAILURE_TO_PARSE_TESTS
    assert len(main.errors) == 1


def test_error_of_the_executor_is_kept() -> None:
    main = parse("Booting.\nkunit executor: filter operation not found: speed>slow\n")
    assert main.status is TestStatus.FAILURE_TO_PARSE_TESTS
    assert main.log == ["kunit executor: filter operation not found: speed>slow"]


# Weakness 3: '#' in descriptions, and the case's own name.


@pytest.mark.parametrize(
    "name", ["a # b", "#", "a #", "#1 of 2", "rc # rcode=0", "a # SKIPPED", "a# SKIP b", "a # skip"]
)
@pytest.mark.parametrize(
    ("word", "status"), [("ok", TestStatus.SUCCESS), ("not ok", TestStatus.FAILURE)]
)
def test_hash_in_a_description(name: str, word: str, status: TestStatus) -> None:
    case = one_result(f"{word} 1 {name}")
    assert (case.name, case.status, case.skip_reason) == (name, status, "")


def test_description_equal_to_the_case() -> None:
    main = parse(PARAMETERS.replace("ok 1 one", "ok 1 case"))
    assert main.status is TestStatus.SUCCESS
    assert names(main.subtests[0].subtests[0]) == ["case", "two"]


def test_dash_and_no_description() -> None:
    assert one_result("ok 1 - first").name == "first"
    assert one_result("ok 1").name == ""
    assert one_result("ok 1 # SKIP why").skip_reason == "why"


# Weakness 4: two messages in one line.


def test_time_prefix_after_a_name() -> None:
    (suite,) = in_suite("    ok 1 first[    0.123456] random: crng init done").subtests
    (case,) = suite.subtests
    assert (case.name, case.status) == ("first", TestStatus.SUCCESS)
    assert suite.log == ["random: crng init done"]


def test_message_before_a_result() -> None:
    for before in (
        "random: crng[    0.123456] ",
        "[    0.123455] random: crng[    0.123456][ T1] ",
    ):
        main = in_suite(before + "    ok 1 first")
        assert main.status is TestStatus.SUCCESS
        assert main.subtests[0].subtests[0].log == ["random: crng"]


@pytest.mark.parametrize(
    "line",
    [
        "    # first:     ok 2 second",  # a comment
        "    #first:    ok 2 second",
        "got    ok 3 third",  # not the next
        "got  ok 2 second",  # another indentation
        "gotok 2 second",
    ],
)
def test_what_only_looks_like_a_result_in_a_message(line: str) -> None:
    main = in_suite("    ok 1 first", line, "    ok 2 second", count=2)
    assert main.status is TestStatus.SUCCESS
    assert main.subtests[0].subtests[1].log == [line]


def test_half_of_a_not_ok_is_no_ok() -> None:
    assert parse("KTAP version 1\n1..1\ngotok 1 plain\n").status is TestStatus.TEST_CRASHED
    for half in (" ok 1 suite", "t ok 1 suite", "x not[    0.1] ok 1 suite"):
        assert in_suite("    ok 1 first", end=half).status is TestStatus.TEST_CRASHED


def test_message_spliced_into_an_observation() -> None:
    case = in_suite("    # first: 1 2[    0.123456] random: crng", "    ok 1 first").subtests[0]
    assert case.subtests[0].log == ["    # first: 1 2", "random: crng"]


# Weakness 5: directives.


@pytest.mark.parametrize("word", ["ok", "not ok"])
@pytest.mark.parametrize(
    ("directive", "status"),
    [
        ("SKIP", TestStatus.SKIPPED),
        ("XFAIL", TestStatus.SKIPPED),
        ("TODO", TestStatus.SKIPPED),
        ("TIMEOUT", TestStatus.TEST_CRASHED),
        ("ERROR", TestStatus.FAILURE),
    ],
)
def test_directives(word: str, directive: str, status: TestStatus) -> None:
    case = one_result(f"{word} 1 first # {directive} 30 seconds")
    assert (case.name, case.status, case.skip_reason) == ("first", status, "30 seconds")
    assert one_result(f"{word} 1 a # b # {directive}").name == "a # b"


def test_only_skipped_tests_are_skipped() -> None:
    main = in_suite("    ok 1 first # SKIP", end="ok 1 suite # SKIP none here")
    assert main.status is TestStatus.SKIPPED
    assert main.counts == TestCounts(skipped=1)
    assert main.subtests[0].skip_reason == "none here"


def test_parent_that_says_ok_over_a_failure() -> None:
    main = in_suite("    not ok 1 first")
    assert main.status is main.subtests[0].status is TestStatus.FAILURE
    assert len(errors(main)) == 1


def test_parent_that_fails_over_passes() -> None:
    main = in_suite("    ok 1 first", end="not ok 1 suite")
    assert main.status is main.subtests[0].status is TestStatus.FAILURE
    assert main.counts.failed == 1


# Weakness 6: the end of a run.

ENDS = [
    "Kernel panic - not syncing: Attempted to kill init! exitcode=0x0000000b",
    "Kernel panic - not syncing: VFS: Unable to mount root fs",
    "---[ end Kernel panic - not syncing: Fatal exception ]---",
    "reboot: System halted",
    "reboot: Restarting system",
    "reboot: Power down",
    "List of all partitions:",
    "random: crng[    0.123456] Kernel panic - not syncing: x",
    "    Kernel panic - not syncing: x",
]


@pytest.mark.parametrize("time", ["", "[    0.123456] "])
@pytest.mark.parametrize("end", ENDS)
def test_nothing_counts_after_the_end(end: str, time: str) -> None:
    main = in_suite("    ok 1 first", time + end, "    ok 2 second", count=2)
    suite = main.subtests[0]
    assert main.status is suite.status is TestStatus.TEST_CRASHED
    assert names(suite) == ["first"]
    assert suite.log[-2:] == ["    ok 2 second", "ok 1 suite"]


@pytest.mark.parametrize("end", ENDS)
def test_the_end_after_a_whole_run_is_no_crash(end: str) -> None:
    assert parse(PLAIN + end + "\nok 1 suite\n").status is TestStatus.SUCCESS


def test_oops_does_not_end_a_run() -> None:
    lines = ["BUG: kernel NULL pointer dereference, address: 0", "Oops: 0002 [#1]"]
    main = in_suite(*lines, "    not ok 1 first", "    ok 2 second", count=2, end="not ok 1 suite")
    assert main.counts == TestCounts(passed=1, failed=1)
    assert main.subtests[0].subtests[0].log == lines


def test_comment_about_the_end_is_not_the_end() -> None:
    for comment in ("    # first: reboot: Power down", "    #reboot: Power down"):
        assert in_suite(comment, "    ok 1 first").status is TestStatus.SUCCESS


# Doubled, out of order.


def test_doubled_result_is_an_error_and_kept() -> None:
    main = in_suite("    ok 1 first", "    not ok 1 first", count=2)
    assert names(main.subtests[0]) == ["first", "first"]
    assert main.status is TestStatus.FAILURE
    assert "line 7: result 1 ('first') is out of order or doubled" in errors(main)[0]


def test_doubled_name_of_failures() -> None:
    main = in_suite("    not ok 1 a", "    not ok 2 a", count=2, end="not ok 1 suite")
    assert "the second of this name" in errors(main)[0]


def test_collector_is_left_as_it_was() -> None:
    assert gc.isenabled()
    parse(PLAIN)
    assert gc.isenabled()
    gc.disable()
    try:
        parse(PLAIN)
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_doubled_name_is_an_error_and_kept() -> None:
    main = in_suite("    ok 1 first", "    ok 2 first", count=2)
    assert names(main.subtests[0]) == ["first", "first"]
    assert main.status is TestStatus.FAILURE
    assert "the second of this name" in errors(main)[0]


def test_results_out_of_order() -> None:
    main = in_suite("    ok 1 a", "    ok 3 c", "    ok 2 b", "    ok 4 d", count=4)
    assert names(main.subtests[0]) == ["a", "c", "b", "d"]
    assert main.status is TestStatus.FAILURE
    assert len(errors(main)) == 2


def test_doubled_top_level_result() -> None:
    main = parse(PLAIN.replace("ok 1 suite\n", "ok 1 suite\nok 1 suite\n"))
    assert names(main) == ["suite", "suite"]
    assert main.status is TestStatus.FAILURE


def test_second_console_in_one() -> None:
    main = parse(PLAIN.replace("reboot: System halted\n", "") * 2)
    assert main.status is TestStatus.FAILURE
    assert any("second time" in error for error in errors(main))


# Odd input.


@pytest.mark.parametrize("junk", ["\0", "\x1b[31m", "\udcff", "\x85\u2028", "\ufeff", "9" * 5000])
def test_junk_is_log(junk: str) -> None:
    lines = [junk, f"    {junk}ok 1 first", f"ok {junk}", f"    1..{junk}", f"[{junk}] x"]
    main = in_suite(*lines, "    ok 1 first")
    assert main.subtests[0].subtests[0].name == "first"


def test_deep_nesting_is_no_exception() -> None:
    lines = ["KTAP version 1", "1..1"]
    lines += ["  " * depth + "KTAP version 1" for depth in range(1, 1000)]
    main = parse_console(lines)
    assert main.status is TestStatus.TEST_CRASHED
    assert repr(main)


# What was seen of the last line.


def test_cut_last_line_of_a_plain_result() -> None:
    whole = "KTAP version 1\n1..1\nok 1 name # TIMEOUT\n"
    for end in range(len(whole)):
        assert parse(whole[:end]).status not in OK, whole[:end]


# The interface of the kernel's module.


def test_line_stream() -> None:
    stream = LineStream(iter([(3, "a"), (5, "b")]))
    assert (bool(stream), stream.line_number(), stream.peek(), stream.pop()) == (True, 3, "a", "a")
    assert (stream.line_number(), stream.pop(), bool(stream)) == (5, "b", False)
    with pytest.raises(ValueError, match="going past EOF"):
        stream.pop()
    assert list(LineStream(iter([(1, "x"), (2, "y")]))) == ["x", "y"]
    assert LineStream(iter([])).peek() == ""


def test_extracted_lines_have_their_numbers_and_no_prefix() -> None:
    lines = [f"[    0.000001] {line}" for line in PLAIN.splitlines()]
    stream = extract_tap_lines(lines)
    assert (stream.line_number(), stream.pop()) == (2, "KTAP version 1")
    assert list(stream) == PLAIN.splitlines()[2:-1]


def test_errors_tell_the_lines_of_the_console_that_was_extracted_from() -> None:
    lines = ["Booting.", "KTAP version 1", "1..1", "not ok 7 x"]
    main = parse_run_tests(extract_tap_lines(lines), Printer(silent=True))
    assert errors(main)[0].startswith("line 4: result 7 ('x') is out of order")


def test_a_stream_that_was_looked_at_is_read_from_its_next_line() -> None:
    stream = extract_tap_lines(PLAIN.splitlines())
    assert (stream.pop(), stream.peek()) == ("KTAP version 1", "1..1")
    assert list(stream.messages())[:2] == [(3, "1..1"), (4, "    KTAP version 1")]
    assert list(stream.messages()) == []
    assert not stream


def test_kernels_call_forms(capsys: pytest.CaptureFixture[str]) -> None:
    lines = PLAIN.replace("    ok 2", "    not ok 2").splitlines()
    main = parse_run_tests(extract_tap_lines(lines))
    assert "[FAILED] second" in capsys.readouterr().out
    assert main.counts == TestCounts(passed=1, failed=1)
    output = io.StringIO()
    main = parse_run_tests(lines, Printer(output))  # as since 7.x
    assert "[PASSED] first" in output.getvalue()
    assert "suite (2 subtests)" in output.getvalue()
    assert "Testing complete. Ran 2 tests: passed: 1, failed: 1" in output.getvalue()
    assert parse_run_tests(lines, Printer()).status is TestStatus.FAILURE
    assert "[FAILED] second" in capsys.readouterr().out
    parse_run_tests(lines, Printer(silent=True))
    assert capsys.readouterr().out == ""


def test_default_printer_can_be_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    output = io.StringIO()
    monkeypatch.setattr(kunit_parser, "stdout", Printer(output))
    parse_run_tests(PLAIN.splitlines())
    assert "[PASSED] second" in output.getvalue()


def test_parse_console_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    parse("KTAP version 1\n1..2\nnot ok 7 x\n")
    assert capsys.readouterr() == ("", "")


def test_lenient_where_the_kernels_tests_ask_for_it() -> None:
    no_plan = PLAIN.replace("1..1\n    K", "    K").splitlines()
    assert parse_run_tests(no_plan, Printer(silent=True)).status is TestStatus.SUCCESS
    early = parse_run_tests(PLAIN.splitlines()[:-4], Printer(silent=True))
    assert early.status is TestStatus.TEST_CRASHED


def test_summary_of_failures() -> None:
    main = Test("main", expected_count=2)
    main.subtests = [Test("dead"), Test("half"), Test("good", TestStatus.SUCCESS)]
    main.subtests[0].subtests = [Test("a"), Test("b")]
    main.subtests[1].subtests = [Test("a", TestStatus.SKIPPED), Test("b")]
    assert kunit_parser._summarize_failed_tests(main) == "Failures: dead, half.b"
    main.subtests += [Test(str(number)) for number in range(9)]
    assert kunit_parser._summarize_failed_tests(main) == ""


# Properties.

LINES = st.one_of(
    st.text(),
    st.builds(
        "{}{}{}{}".format,
        st.sampled_from(["", "[    0.123456] ", "x[    0.123456]", "x"]),
        st.sampled_from(["", " ", "  ", "    ", "        ", "\t"]),
        st.sampled_from(
            [
                "KTAP version 1",
                "TAP version 99",
                "# Subtest: a",
                "# a: text",
                "1..1",
                "1..2",
                "ok 1 a",
                "not ok 1 a",
                "ok 2 a # SKIP",
                "ok 99999999999 a",
                "Kernel panic - not syncing: x",
            ]
        ),
        st.sampled_from(["", "\n", "\r\n", " b\n", "[    0.123456] ok 1 a\n"]),
    ),
)


def walk(test: Test) -> Iterator[Test]:
    yield test
    for subtest in test.subtests:
        yield from walk(subtest)


@given(st.lists(LINES))
@settings(max_examples=300)
def test_never_raises_and_keeps_its_promises(lines: list[str]) -> None:
    main = parse_console(["KTAP version 1\n", *lines] if len(lines) % 2 else lines)
    for test in walk(main):
        assert all(error.strip() for error in test.errors)
        if test.status in OK:
            assert not list(test.all_errors())
            assert all(subtest.status in OK for subtest in test.subtests)
            assert test.counts.failed == test.counts.crashed == test.counts.errors == 0
    parse_run_tests(lines, Printer(silent=True))


Tree = tuple[str, TestStatus, list[str], list["Tree"]]
WORDS = st.text(st.sampled_from("abc #-_.1"), min_size=1, max_size=8).map(lambda x: f"n{x.strip()}")
LOGS = st.lists(st.text(st.sampled_from("abc =1"), max_size=6).map(str.strip), max_size=3)


def leaves(statuses: st.SearchStrategy[TestStatus]) -> st.SearchStrategy[Tree]:
    return st.tuples(WORDS, statuses, LOGS, st.just([]))


def status_of(children: list[Tree]) -> TestStatus:
    """Return what KUnit would print for a parent."""
    statuses = {child[1] for child in children}
    if TestStatus.FAILURE in statuses:
        return TestStatus.FAILURE
    return TestStatus.SUCCESS if TestStatus.SUCCESS in statuses else TestStatus.SKIPPED


def trees(*statuses: TestStatus, max_leaves: int = 8) -> st.SearchStrategy[list[Tree]]:
    def grow(children: st.SearchStrategy[Tree]) -> st.SearchStrategy[Tree]:
        below = st.lists(children, min_size=1, max_size=3, unique_by=lambda tree: tree[0])
        return st.builds(lambda n, log, sub: (n, status_of(sub), log, sub), WORDS, LOGS, below)

    some = st.recursive(leaves(st.sampled_from(statuses)), grow, max_leaves=max_leaves)
    return st.lists(some, min_size=1, max_size=max_leaves // 2 + 1, unique_by=lambda tree: tree[0])


def render(children: list[Tree], indent: str, step: str, *, plan: bool) -> Iterator[str]:
    if plan:
        yield f"{indent}1..{len(children)}"
    for number, (name, status, log, below) in enumerate(children, start=1):
        if below:
            yield f"{indent}{step}KTAP version 1"
            yield f"{indent}{step}# Subtest: {name}"
            yield from render(below, indent + step, step, plan=len(name) % 2 == 0)
        yield from (f"{indent}# {name}: {text}" for text in log)
        word = "not ok" if status is TestStatus.FAILURE else "ok"
        yield f"{indent}{word} {number} {name}{' # SKIP' * (status is TestStatus.SKIPPED)}"


def tree_of(test: Test) -> Tree:
    log = [line.split(f"# {test.name}: ", 1)[-1] for line in test.log]
    return (test.name, test.status, log, [tree_of(subtest) for subtest in test.subtests])


ANY = trees(TestStatus.SUCCESS, TestStatus.FAILURE, TestStatus.SKIPPED)
STEPS = st.sampled_from(["  ", "    ", "\t"])
PREFIXES = st.sampled_from(["", "[    0.123456] ", "[    0.123456][    T1] ", "qemu: "])


@given(ANY, STEPS, PREFIXES)
@settings(max_examples=60)
def test_rendered_tree_parses_back(suites: list[Tree], step: str, prefix: str) -> None:
    lines = ["KTAP version 1", *render(suites, "", step, plan=True)]
    main = parse_console([f"{prefix}{line}\n" for line in lines])
    assert [tree_of(test) for test in main.subtests] == suites
    assert list(main.all_errors()) == []
    assert main.status is status_of(suites)


@given(trees(TestStatus.SUCCESS, max_leaves=3), STEPS, st.sampled_from(["", "[    0.123456] "]))
@settings(deadline=None, max_examples=30)
def test_cut_console_is_never_a_success(suites: list[Tree], step: str, prefix: str) -> None:
    lines = ["KTAP version 1", *render(suites, "", step, plan=True)]
    whole = "".join(f"{prefix}{line}\n" for line in lines)
    assert parse(whole).status is TestStatus.SUCCESS
    for end in range(len(whole) - 1):
        assert parse(whole[:end]).status not in OK, whole[:end]


def steps_of(console: list[str]) -> int:
    """Count the lines of Python that parsing a console takes."""
    steps = 0

    def trace(frame: FrameType, event: str, _: object) -> Any:
        nonlocal steps
        if not frame.f_code.co_filename.startswith(PARSER):
            return None
        steps += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        parse_console(console)
    finally:
        sys.settrace(before)
    return steps


def many(kind: str, count: int) -> list[str]:
    head = ["KTAP version 1\n", "1..1\n", "    KTAP version 1\n", "    # Subtest: suite\n"]
    bodies = {
        "passes": ["    # case: x\n", "    ok {0} case_{0}\n"],
        "failures": ["    not ok {0} case_{0}\n"],
        "log": ["WARNING: something\n"],
        "doubled": ["    ok 1 same\n"],
        "headers": ["    # Subtest: s{0}\n"],
        "nested": ["        # Subtest: s{0}\n", "        ok 1 a\n", "    ok {0} s{0}\n"],
        "spliced": ["x[    0.123456]     ok {0} a{0}[    0.123456] y\n"],
        "forged": ["x ok 1 y    ok 1 z ok 3\n"],
    }
    lines = [line.format(number) for number in range(1, count + 1) for line in bodies[kind]]
    return [*head, *lines, "ok 1 suite\n"]


@pytest.mark.parametrize(
    "kind",
    ["passes", "failures", "log", "doubled", "headers", "nested", "spliced", "forged"],
)
def test_work_is_linear_in_lines(kind: str) -> None:
    small, large = (steps_of(many(kind, count)) for count in (200, 2000))
    assert small > 200
    assert large < 11 * small
