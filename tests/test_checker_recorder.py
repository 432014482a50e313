# SPDX-License-Identifier: GPL-2.0-only
"""The checker's case language: what it records, what it refuses, and how its values read."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pytest_pageconsistency.cases import (
    CHECKER_OPS,
    CheckerRecorder,
    Op,
    Program,
    Recorder,
    named_fields,
    record,
    replay,
)
from pytest_pageconsistency.crosscheck import count_values, expected_values
from pytest_pageconsistency.oracle import UINT_MAX, Abi

ABI = Abi(64, "little")


def recorded(body: Callable[[CheckerRecorder], object], abi: Abi = ABI) -> Program:
    return record(lambda recorder: body(CheckerRecorder(recorder)), abi, "t.py::test_x[um]")


def everything(pc: CheckerRecorder) -> None:
    pc.boot(256, 356)
    pc.alloc(300, 1)
    pc.free(300)
    pc.running()
    pc.flip("primary", 355)
    pc.check(355)
    pc.validate_all()
    pc.write_validate()
    pc.stats()
    pc.violations()
    pc.panics()
    pc.free(300)


def test_every_operation_is_a_step_with_its_arguments_and_source() -> None:
    program = recorded(everything)
    assert {step.op for step in program.steps} == CHECKER_OPS | {Op.FLIP}
    assert all(step.source[0] == __file__ for step in program.steps)
    lines = [step.source[1] for step in program.steps]
    assert lines == list(range(lines[0], lines[0] + len(lines)))
    assert [step.call() for step in program.steps] == [
        "boot(256, 356, 0, False)",
        "alloc(300, 1)",
        "free(300, 0)",
        "running(0)",
        "flip('primary', 99)",
        "check(355)",
        "validate_all()",
        "write_validate()",
        "stats()",
        "violations()",
        "panics()",
        "free(300, 0)",
    ]


def test_expectations_are_what_the_oracle_observed() -> None:
    steps = recorded(everything).steps
    assert steps[1].expected == (0, 0, 2, 1, 0, 0, 0, 0)
    assert steps[2].expected == (0, 0, (1 << 64) - 1, 0, 1, 0, 0, 0)
    assert steps[3].expected == ()
    assert steps[7].expected == ((1 << 64) - 5, 1, 0, 0, 0, 0, 0, 1, 6, 1)
    assert steps[9].expected == (3,)
    assert steps[11].expected == (0, 1, 0, 0, 1, 0, 1, 1, 4, 300)


def test_values_are_counted_and_ordered() -> None:
    program = recorded(everything)
    values = expected_values(program)
    assert len(values) == count_values(program)
    assert tuple(values[:-5]) == tuple(v for step in program.steps for v in step.expected)


def test_values_read_as_names_and_messages() -> None:
    free = recorded(everything).steps[11]
    texts = [f"{field.name}={field.text}" for field in named_fields(free.op, free.expected)]
    assert texts[:3] == ["result=0", "violations=1", "tracked=0"]
    assert texts[-3:] == ["events=1", "event 1=DOUBLE-FREE detected: PFN 300", "its number 1=300"]
    lost = named_fields(Op.FREE, (0, 0, (1 << 64) - 2, 0, 1, 0, 0, 2, 0, 0, 9, 0))
    assert lost[2].text == "-2"
    assert lost[8].text == "nothing"
    assert lost[10].text == "a message that the specification does not have"


def test_a_panic_ends_the_machine() -> None:
    def body(pc: CheckerRecorder) -> None:
        pc.boot(0, 64, panic=True)
        pc.alloc(5)
        assert pc.alloc(5).panics == 1
        for call in (
            lambda: pc.alloc(6),
            lambda: pc.free(5),
            lambda: pc.check(5),
            pc.validate_all,
            pc.write_validate,
            pc.stats,
            pc.violations,
            pc.running,
        ):
            with pytest.raises(ValueError, match="has panicked"):
                call()
        assert pc.panics() == 1
        assert pc.bitmap.test(5)
        pc.boot(0, 64)
        assert pc.panics() == 0

    assert recorded(body).steps[2].expected == (0, 0, 0, 0, 0, 1, 0, 1, 3, 5)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda pc: pc.alloc(1), "call boot.. first"),
        (lambda pc: pc.boot(9, 8), "memory ends at page 8"),
        (lambda pc: pc.boot(0, 8, failing_allocation=3), "failing_allocation is 0, 1 or 2"),
        (lambda pc: pc.boot(0, 1 << 41), "page 2199023255552 is not in 0 to 0xffffffffff"),
        (lambda pc: pc.boot(0, UINT_MAX), "4194304 pages can be tracked"),
        (lambda pc: pc.boot(0, 1 << 16, failing_allocation=2), "32768 pages can be tracked"),
        (lambda pc: (pc.boot(5, 9), pc.running(5)), "4 states come after"),
        (lambda pc: (pc.boot(5, 5), pc.check(5)), "tracking is off"),
        (lambda pc: (pc.boot(5, 5), pc.validate_all()), "tracking is off"),
        (lambda pc: (pc.boot(5, 5), pc.flip("primary", 5)), "tracking is off"),
        (lambda pc: (pc.boot(5, 5), pc.bitmap), "tracking is off"),
        (lambda pc: (pc.boot(5, 9), pc.flip("primary", 9)), "page 9 is not tracked"),
        (lambda pc: (pc.boot(5, 9), pc.alloc(5, 11)), "order is 0 to 10"),
        (lambda pc: (pc.boot(5, 9), pc.alloc(-1)), "page -1 is not in"),
    ],
)
def test_what_makes_no_sense(call: Callable[[CheckerRecorder], object], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        recorded(call)


def test_pages_fit_32_bits() -> None:
    with pytest.raises(ValueError, match="page 262144 is not in 0 to 0x3ffff"):
        recorded(lambda pc: pc.boot(0, 1 << 18), Abi(32, "big"))


def test_bitmaps_and_checkers_share_a_tape() -> None:
    def body(recorder: Recorder) -> None:
        pc = CheckerRecorder(recorder)
        db = recorder(33)
        pc.boot(0, 64)
        db.set(1)
        pc.alloc(2)
        pc.bitmap.set(3)

    program = record(body, ABI, "t.py::test_x[um]")
    assert [bitmap.word("primary", 0) for bitmap in program.bitmaps] == [2, 12]
    assert [step.bitmap for step in program.steps] == [0, 0, 1, 0, 1, 1]


def test_replay_gives_the_machine_before_a_step() -> None:
    program = recorded(everything)
    state = replay(program, 6)
    assert state.checker is not None
    assert (state.checker.tracked, state.checker.violations) == (1, 1)
    assert not state.checker.booting
    assert state.bitmaps[0] is state.checker.bitmap
    assert state.bitmaps[0].test(99)
    end = replay(program, len(program.steps)).checker
    assert end is not None
    assert (end.allocs, end.frees, end.violations) == (1, 2, 4)
