# SPDX-License-Identifier: GPL-2.0-only
"""Programs become C."""

from __future__ import annotations

import re

import pytest
from golden import check_golden
from hypothesis import given
from hypothesis import strategies as st
from programs import UM, programs

from pytest_pageconsistency.cases import Recorder, record
from pytest_pageconsistency.generate import export_suite, literals, make_suite
from pytest_pageconsistency.generate.names import case_names, comment
from pytest_pageconsistency.generate.suite import SHORT_CASE_STEPS, UNROLLED_STEPS
from pytest_pageconsistency.oracle import Abi
from pytest_pageconsistency.target import Target


def test_suite_is_as_it_was(request: pytest.FixtureRequest) -> None:
    suite = make_suite(programs(), UM, {"header": "abc"})
    source = suite.source.replace(suite.build_id, "0123456789abcdef")
    check_golden(request, "suite.c", re.sub(r"programs\.py:\d+", "programs.py:N", source))


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


def test_short_cases_are_written_out_and_long_ones_are_tables() -> None:
    def case(steps: int) -> str:
        def body(dual_bitmap: Recorder) -> None:
            db = dual_bitmap(64)
            for bit in range(steps - 2):
                db.set(bit)

        return make_suite([record(body, UM.abi, "x.py::test_x")], UM, {}).source

    assert "pc_steps.h" not in case(SHORT_CASE_STEPS)
    assert "pc_steps.h" in case(SHORT_CASE_STEPS + 1)


def test_many_short_cases_do_not_make_an_endless_compilation() -> None:
    def body(dual_bitmap: Recorder) -> None:
        db = dual_bitmap(64)
        for bit in range(SHORT_CASE_STEPS - 2):
            db.set(bit)

    count = UNROLLED_STEPS // SHORT_CASE_STEPS
    cases = [record(body, UM.abi, f"x.py::test_x[{n}]") for n in range(count + 3)]
    source = make_suite(cases, UM, {}).source
    assert source.count("pc_begin(") == count
    assert source.count("pc_take_steps(") == 3


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
