# SPDX-License-Identifier: GPL-2.0-only
"""Programs become C."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest
from golden import check_golden
from hypothesis import given
from hypothesis import strategies as st
from programs import UM, checker_program, programs
from programs import long as programs_long

from pytest_pageconsistency.cases import Program, Recorder, record
from pytest_pageconsistency.cases.steps import OPS
from pytest_pageconsistency.generate import export_suite, literals, make_suite
from pytest_pageconsistency.generate.names import case_names, comment
from pytest_pageconsistency.generate.suite import WRITTEN_STEPS
from pytest_pageconsistency.generate.tables import TablePlace, pack_tables
from pytest_pageconsistency.generate.written import SHORT_CASE_STEPS
from pytest_pageconsistency.oracle import Abi, ByteOrder
from pytest_pageconsistency.target import Target


def written(dual_bitmap: Recorder) -> None:
    """A case that is written out: it watches nothing."""
    db = dual_bitmap(100)
    db.set(5)
    db.flip("secondary", 104)
    db.write_word("secondary", 1, 7)
    db.scribble("primary", 3, b"abc")
    db.word("primary", 0)
    db.words("primary")
    db.consistent_word(1, 2)
    db.validate()
    db.guard()


WRITTEN = record(written, UM.abi, "tests/test_a.py::test_written[um]")


@pytest.mark.parametrize(
    "name", ["suite.c", "statements.c", "statements.h", "tables.S", "tables.h", "watched.c"]
)
def test_suite_is_as_it_was(request: pytest.FixtureRequest, name: str) -> None:
    text = make_suite([*programs(), WRITTEN], UM, {"header": "abc"}).files[name].decode()
    check_golden(request, name, re.sub(r"(programs|test_generate)\.py:\d+", r"\1.py:N", text))


@pytest.mark.parametrize(
    "name", ["checker_steps.c", "checker_warn.c", "checker_panic.c", "suite.c"]
)
def test_the_checker_is_built_where_it_is_called(request: pytest.FixtureRequest, name: str) -> None:
    text = make_suite([checker_program()], UM, {}).files[name].decode()
    check_golden(request, f"checked.{name.removeprefix('checker_')}", text)


def test_the_checker_is_not_built_where_nobody_calls_it() -> None:
    files = make_suite(programs(), UM, {}).files
    for name in ("steps", "warn", "panic"):
        assert b"#include" not in files[f"checker_{name}.c"]


def test_the_checkers_cases_are_not_exported() -> None:
    with_them = export_suite([checker_program(), *programs()], UM)
    assert with_them == export_suite(programs(), UM)


@pytest.mark.parametrize("name", ["dual_bitmap_cases_kunit.c", "Kconfig", "Makefile"])
def test_export_is_as_it_was(request: pytest.FixtureRequest, name: str) -> None:
    text = export_suite(programs(), UM)[name]
    check_golden(request, f"export.{name}", re.sub(r"programs\.py:\d+", "programs.py:N", text))


def test_other_word_widths_and_byte_orders(request: pytest.FixtureRequest) -> None:
    target = Target("m68k", Abi(32, "big"))
    cases = [record(lambda d: d(100).scribble("primary", 3, b"ab"), target.abi, "x.py::test_x")]
    assert "static_assert(BITS_PER_LONG == 32);" in make_suite(cases, target, {}).source
    assert "!64BIT && CPU_BIG_ENDIAN" in export_suite(cases, target)["Kconfig"]


def test_the_build_id_names_everything_that_the_kernel_is_built_from() -> None:
    cases = programs()
    ids = {
        make_suite(cases, UM, {"header": "a"}).build_id,
        make_suite(cases, UM, {"header": "b"}).build_id,
        make_suite(cases[:1], UM, {"header": "a"}).build_id,
    }
    assert len(ids) == 3
    assert make_suite(cases, UM, {"header": "a"}).build_id in ids


def changed_files(before: Sequence[Program], after: Sequence[Program]) -> set[str]:
    old, new = (make_suite(cases, UM, {}).files for cases in (before, after))
    assert set(old) == set(new)
    return {name for name in new if new[name] != old[name]}


def test_an_edit_changes_little() -> None:
    def edited(dual_bitmap: Recorder) -> None:
        dual_bitmap(100).set(6)

    table = record(lambda d: d(100).consistent_retry(5, 2), UM.abi, programs()[1].case_id)
    statements = record(edited, UM.abi, WRITTEN.case_id)
    cases = [*programs(), WRITTEN]
    assert changed_files(cases, [cases[0], table, WRITTEN]) == {
        "tables.bin", "tables.S", "build_id.c"
    }  # fmt: skip
    assert changed_files(cases, [*cases[:2], statements]) == {"statements.c", "build_id.c"}


def test_what_stands_above_a_case_does_not_matter() -> None:
    """The lines that took the steps are no part of a table."""
    here = record(lambda d: [d(64).test(bit) for bit in range(99)], UM.abi, "x.py::test_x")
    there = record(lambda d: [d(64).test(bit) for bit in range(99)], UM.abi, "x.py::test_x")
    assert here.steps[3].source != there.steps[3].source
    assert changed_files([here], [there]) == set()


def test_short_cases_are_written_out_and_long_ones_are_tables() -> None:
    def body(steps: int) -> str:
        program = record(
            lambda d: [db.set(1) for db in [d(64)] for _ in range(steps - 2)], UM.abi, "x::y"
        )
        return make_suite([program], UM, {}).source

    assert "pc_take_steps" not in body(SHORT_CASE_STEPS)
    assert "pc_take_steps" in body(SHORT_CASE_STEPS + 1)


def test_many_short_cases_do_not_make_an_endless_compilation() -> None:
    def body(dual_bitmap: Recorder) -> None:
        db = dual_bitmap(64)
        for bit in range(SHORT_CASE_STEPS - 2):
            db.set(bit)

    cases = [record(body, UM.abi, f"x.py::test_x[{n}]") for n in range(100)]
    source = make_suite(cases, UM, {}).source
    assert source.count("pc_begin(") <= WRITTEN_STEPS // SHORT_CASE_STEPS
    assert source.count("pc_begin(") + source.count("pc_take_steps(") == 100


@pytest.mark.parametrize("byteorder", ["little", "big"])
def test_a_table_holds_what_the_kernel_reads(byteorder: ByteOrder) -> None:
    case = record(programs_long, Abi(64, byteorder), "x.py::test_x")
    data, (place,) = pack_tables([("00000000aa", case)], byteorder)
    assert place == TablePlace("pc_table_00000000aa", 0, len(data))
    words = [int.from_bytes(data[n : n + 8], byteorder) for n in range(0, len(data), 8)]
    assert words[:4] == [0xAA, len(case.steps), 3, len(case.steps.more)]
    rows = words[4 : 4 + 2 * len(case.steps)]
    assert [OPS[head & 0xFF] for head in rows[::2]] == [step.op for step in case.steps]
    spans = words[4 + 2 * len(case.steps) + len(case.steps.more) :]
    final = [v for v, n in zip(spans[::2], spans[1::2], strict=True) for _ in range(n)]
    assert final == list(case.final_words())


def test_names_can_be_traced_both_ways() -> None:
    suite = make_suite(programs(), UM, {})
    for case in suite.cases:
        assert f"KUNIT_CASE({case.name.function})" in suite.source
    assert "/* tests/test_a.py::test_long[um] */\nstatic void pc_long_um_" in suite.source
    assert suite.functions == {case.name.function for case in suite.cases}


@given(st.lists(st.text(min_size=1), unique=True, max_size=20))
def test_names_are_legal_unique_and_prefixed(case_ids: list[str]) -> None:
    names = case_names(case_ids)
    functions = {name.function for name in names.values()}
    assert len(functions) == len({name.digest for name in names.values()}) == len(case_ids)
    assert all(re.fullmatch(r"pc_[0-9a-z_]{1,60}", function) for function in functions)


def test_a_name_does_not_depend_on_the_other_cases() -> None:
    assert case_names(["a", "b", "c"])["c"] == case_names(["c"])["c"]


def test_two_cases_of_one_name_in_two_files() -> None:
    names = case_names(["a.py::test_x[um]", "b.py::test_x[um]"])
    assert len({name.function for name in names.values()}) == 2


@given(st.text())
def test_a_comment_holds_any_text(text: str) -> None:
    made = comment(text, "\t")
    assert made.isascii()
    assert made.count("*/") == 1
    assert made.count("/*") == 1
    assert made.endswith("*/")
    assert max(map(len, made.splitlines())) < 80


@given(st.lists(st.sampled_from([0, 1, 2**64 - 1])))
def test_spans_hold_the_words(words: list[int]) -> None:
    spans = [span.strip("{ }").split(", ") for span in literals.word_spans(words)]
    unpacked = [int(v.removesuffix("UL"), 0) for v, count in spans for _ in range(int(count))]
    assert unpacked == words
