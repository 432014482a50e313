# SPDX-License-Identifier: GPL-2.0-only
"""The report of a case, line by line and token by token."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_pageconsistency.observations import Observations, read_observations

BUILD = "0123456789abcdef"


def read(*texts: str, limit: int = 3) -> Observations:
    lines = [f"    # pc_x: pc 00000000aa {number} {text}" for number, text in enumerate(texts)]
    return read_observations(lines, [("pc_x", "00000000aa", limit)])["pc_x"]


def test_bits_and_words() -> None:
    report = read("begin", "b3.5 ff*2 0", "b1.1 ffffffffffffffff", f"end 8 {BUILD}", limit=8)
    assert list(report.values) == [1, 0, 1, 255, 255, 0, 1, 2**64 - 1]
    assert (report.ended, report.build_id, report.faults) == (True, BUILD, [])


def test_the_end_may_follow_on_the_same_line() -> None:
    report = read("begin", f"1*3 end 3 {BUILD}")
    assert (list(report.values), report.ended, report.faults) == ([1, 1, 1], True, [])


def test_time_prefixes_and_other_cases_do_not_matter() -> None:
    lines = [
        "[    0.1] other text: pc 00000000aa 0 begin",
        "[    0.123456]     # pc_y: pc 00000000bb 0 begin\n",
        "[    0.123456]     # pc_x: pc 00000000aa 0 begin\r\n",
    ]
    assert read_observations(lines, [("pc_x", "00000000aa", 3)])["pc_x"].lines == 1


def test_no_memory() -> None:
    assert read("begin", "nomem 1 4096").no_memory == (1, 4096)


@pytest.mark.parametrize(
    ("texts", "fault"),
    [
        (("begin", "1*3", "1*3"), "more values than the case has"),
        (("begin", "1*99999999"), "more values than the case has"),
        (("begin", "b4.f"), "more values than the case has"),
        (("begin", "b2.7"), "2 bits cannot be 0x7"),
        (("begin", "b0.0"), "0 bits cannot be"),
        (("begin", "1*0"), "stands for no words"),
        (("begin", "1 xyz 1"), "unreadable value 'xyz'"),
        (("begin", f"1*2 end 3 {BUILD}"), "holds 2 values, not 3"),
        (("begin", f"1*3 end 4 {BUILD}"), "counted 4 values, not 3"),
        (("begin", "1*3 end 3 zz"), "unreadable end"),
        (("begin", f"1*3 end 3 {BUILD}", "1"), "goes on after its end"),
        (("1*3", f"end 3 {BUILD}"), "does not begin with its first line"),
    ],
)
def test_what_is_malformed_is_said(texts: tuple[str, ...], fault: str) -> None:
    assert fault in read(*texts).faults[0]


def test_missing_doubled_and_swapped_lines() -> None:
    head = "    # pc_x: pc 00000000aa"
    cases = [("pc_x", "00000000aa", 3)]
    for numbers in ([0, 2], [0, 1, 1], [0, 2, 1], [1]):
        lines = [f"{head} {n} {'begin' if n == 0 else '1'}" for n in numbers]
        faults = read_observations(lines, cases)["pc_x"].faults
        assert "stands where line" in faults[0]


def test_a_line_with_another_cases_id() -> None:
    lines = ["    # pc_x: pc 00000000bb 0 begin"]
    report = read_observations(lines, [("pc_x", "00000000aa", 3)])["pc_x"]
    assert "id of another case" in report.faults[0]
    assert not report.begun


@given(st.lists(st.text(alphabet="0123456789abcdefxyz*. b", max_size=30), max_size=5))
def test_never_raises_and_never_holds_more_than_it_should(texts: list[str]) -> None:
    assert len(read("begin", *texts, limit=4).values) <= 4
