# SPDX-License-Identifier: GPL-2.0-only
"""What the oracle's memory looked like before a step: for the reader of a disagreement."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pytest_pageconsistency.cases.program import Program
from pytest_pageconsistency.cases.steps import CHECKER_OPS, Op, Step
from pytest_pageconsistency.oracle import Abi, DualBitmap, PageConsistency

_WRITES: dict[Op, Callable[..., Any]] = {
    Op.INIT: DualBitmap.init,
    Op.SET: DualBitmap.set,
    Op.CLEAR: DualBitmap.clear,
    Op.FLIP: DualBitmap.flip,
    Op.WRITE_WORD: DualBitmap.write_word,
    Op.SCRIBBLE: DualBitmap.scribble,
}

_CHECKER_CALLS: dict[Op, Callable[..., Any]] = {
    Op.RUNNING: PageConsistency.running,
    Op.ALLOC: PageConsistency.alloc,
    Op.FREE: PageConsistency.free,
    Op.CHECK: PageConsistency.check_page,
    Op.VALIDATE_ALL: PageConsistency.validate_all,
    Op.WRITE_VALIDATE: PageConsistency.validate_all,
}


@dataclass
class State:
    """The oracle's bitmaps, and the page consistency checker that was booted last."""

    bitmaps: list[DualBitmap] = field(default_factory=list)
    checker: PageConsistency | None = None


def replay(program: Program, steps: int) -> State:
    """The oracle as it is when the first `steps` steps have been taken."""
    state = State()
    for step in program.steps[:steps]:
        if step.op in CHECKER_OPS:
            _call_checker(state, step, program.abi)
        elif step.op is Op.NEW:
            state.bitmaps.append(DualBitmap(program.abi, *step.args))
        elif step.op is Op.NEW_NULL:
            state.bitmaps.append(DualBitmap(program.abi, 0))
        elif write := _WRITES.get(step.op):
            write(state.bitmaps[step.bitmap], *step.args)
    return state


def _call_checker(state: State, step: Step, abi: Abi) -> None:
    if step.op is Op.BOOT:
        *arguments, panic = step.args
        state.checker = PageConsistency(abi, panic=panic)
        state.checker.init(*arguments)
        state.bitmaps.append(state.checker.bitmap)
    elif call := _CHECKER_CALLS.get(step.op):
        assert state.checker is not None
        call(state.checker, *step.args)
