# SPDX-License-Identifier: GPL-2.0-only
"""The case language: what a body's calls become."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pytest_pageconsistency.cases import CHECKER_OPS, Op, Program, Recorder, record, replay
from pytest_pageconsistency.oracle import Abi

ABI = Abi(64, "little")


def recorded(body: Callable[[Recorder], object], abi: Abi = ABI) -> Program:
    return record(body, abi, "test_x.py::test_x[um]")


def test_a_new_bitmap_is_initialised_over_dirty_memory() -> None:
    program = recorded(lambda dual_bitmap: dual_bitmap(100))
    assert [(step.op, step.args) for step in program.steps] == [
        (Op.NEW, (100, 0xA5)),
        (Op.INIT, ()),
    ]
    assert list(program.final_words()) == [0, 0, ABI.ulong_max, ABI.ulong_max]


def test_a_dirty_bitmap_is_left_alone() -> None:
    program = recorded(lambda dual_bitmap: dual_bitmap(nbits=64, dirty=0xFF).validate())
    assert [step.op for step in program.steps] == [Op.NEW, Op.VALIDATE]
    assert program.steps[1].expected == (1,)


def test_every_operation_is_a_step_with_its_expectation_and_source() -> None:
    def body(dual_bitmap: Recorder) -> None:
        db = dual_bitmap(100)
        assert db.set(5) is False
        assert db.clear(5) is True
        assert db.test(5) is False
        assert db.consistent(5) is True
        assert db.validate() == 0
        assert db.consistent_word(0, ABI.ulong_max) is True
        assert db.consistent_retry(5, 4).value == 0
        assert db.validate_retry(5, 4) == (1, 5, 5, 3, 1)
        db.flip("primary", 104)
        db.write_word("secondary", 0, 7)
        db.scribble("primary", 3, b"ab")
        assert db.word("secondary", 0) == 7
        assert db.words("primary")[1] == 1 << 40
        assert db.guard() is True
        db.init()
        dual_bitmap.without_memory()

    program = recorded(body)
    assert {step.op for step in program.steps} == set(Op) - CHECKER_OPS
    assert all(step.source[0] == __file__ for step in program.steps)
    lines = [step.source[1] for step in program.steps[2:]]
    assert lines == list(range(lines[0], lines[0] + len(lines)))
    by_op = {step.op: step for step in program.steps}
    assert by_op[Op.VALIDATE_RETRY].expected == (1, 5, 5, 3, 1)
    assert by_op[Op.SCRIBBLE].call() == "scribble('primary', 3, b'ab')"
    assert by_op[Op.WRITE_WORD].call() == "write_word('secondary', 0, 0x7)"


def test_bitmaps_of_one_case_are_numbered() -> None:
    def body(dual_bitmap: Recorder) -> None:
        first, second = dual_bitmap(8), dual_bitmap(8)
        second.set(1)
        first.set(2)

    program = recorded(body)
    assert [(s.op, s.bitmap) for s in program.steps if s.op is Op.SET] == [(Op.SET, 1), (Op.SET, 0)]


@pytest.mark.parametrize("bits", [32, 64])
def test_a_bit_must_fit_the_targets_unsigned_long(bits: int) -> None:
    abi = Abi(bits, "little")
    program = recorded(lambda dual_bitmap: dual_bitmap(8).set(abi.ulong_max), abi)
    assert program.steps[-1].expected == (0,)
    for wrong, advice in ((-1, "negative"), (abi.ulong_max + 1, "branch on kunit_target")):
        with pytest.raises(ValueError, match=advice):
            recorded(lambda dual_bitmap, bit=wrong: dual_bitmap(8).set(bit), abi)


def test_numbers_become_plain_integers() -> None:
    program = recorded(lambda dual_bitmap: dual_bitmap(8).set(True))
    assert program.steps[-1].call() == "set(1)"


@pytest.mark.parametrize(
    "body",
    [
        lambda d: d(8).scribble("primary", 0, 5),
        lambda d: d(8).set(1.0),
        lambda d: d(8).validate_retry(1, 2**70),
        lambda d: [d(0) for _ in range(65537)],
    ],
)
def test_what_c_cannot_hold_is_refused(body: Callable[[Recorder], object]) -> None:
    with pytest.raises((TypeError, ValueError)):
        recorded(body)


def test_words_of_a_huge_bitmap_are_not_reported_at_once() -> None:
    with pytest.raises(ValueError, match=r"observe single ones with word\(\)"):
        recorded(lambda dual_bitmap: dual_bitmap(0xFFFFFFFF).words("primary"))


def test_recording_twice_takes_the_same_steps() -> None:
    def body(dual_bitmap: Recorder) -> None:
        db = dual_bitmap(33)
        for bit in range(33):
            db.set(bit)

    assert recorded(body).same_steps(recorded(body))
    assert not recorded(body).same_steps(recorded(lambda dual_bitmap: dual_bitmap(33)))


def test_replay_gives_the_memory_before_a_step() -> None:
    def body(dual_bitmap: Recorder) -> None:
        db = dual_bitmap(100)
        db.flip("secondary", 3)
        db.set(3)
        db.scribble("primary", 8, b"\xff")

    program = recorded(body)
    assert replay(program, 2).bitmaps[0].words("secondary") == [ABI.ulong_max] * 2
    assert replay(program, 3).bitmaps[0].words("secondary")[0] == ABI.ulong_max - 8
    final = replay(program, len(program.steps)).bitmaps[0]
    assert [*final.words("primary"), *final.words("secondary")] == list(program.final_words())
