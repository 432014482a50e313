# SPDX-License-Identifier: GPL-2.0-only
"""Programs that are kept as bytes are the same programs when they are read."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from programs import UM, checker_program, programs

from pytest_pageconsistency.cases import Program, dump_programs, load_programs
from pytest_pageconsistency.crosscheck import count_values, expected_values
from pytest_pageconsistency.oracle import Abi


@pytest.mark.parametrize("abi", [Abi(64, "little"), Abi(64, "big")])
def test_they_come_back_whole(abi: Abi) -> None:
    before = [*programs(abi), checker_program(abi)]
    found = load_programs(dump_programs(before), abi)
    assert list(found) == [program.case_id for program in before]
    for program in before:
        assert_equal(found[program.case_id], program)


def assert_equal(found: Program, program: Program) -> None:
    assert list(found.steps) == list(program.steps)
    assert found.same_steps(program)
    assert expected_values(found) == expected_values(program)
    assert count_values(found) == count_values(program)
    for ours, theirs in zip(found.bitmaps, program.bitmaps, strict=True):
        assert ours.nbits == theirs.nbits
        assert ours.validate() == theirs.validate()
        for copy in ("primary", "secondary"):
            assert ours.words(copy) == theirs.words(copy)


def test_bytes_that_are_none_are_refused() -> None:
    data = dump_programs(programs())
    for wrong in (b"", data[:-8], data + b"12345678", data.replace(b'"id"', b'"di"'), b"[3]\n"):
        with pytest.raises(ValueError, match=r"programs|Expecting"):
            load_programs(wrong, UM.abi)


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=200))
def test_any_bytes_are_programs_or_refused(data: bytes) -> None:
    with contextlib.suppress(ValueError):
        assert isinstance(load_programs(data, UM.abi), dict)
