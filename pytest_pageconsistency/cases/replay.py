# SPDX-License-Identifier: GPL-2.0-only
"""What the oracle's memory looked like before a step: for the reader of a disagreement."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pytest_pageconsistency.cases.program import Program
from pytest_pageconsistency.cases.steps import Op
from pytest_pageconsistency.oracle import DualBitmap

_WRITES: dict[Op, Callable[..., Any]] = {
    Op.INIT: DualBitmap.init,
    Op.SET: DualBitmap.set,
    Op.CLEAR: DualBitmap.clear,
    Op.FLIP: DualBitmap.flip,
    Op.WRITE_WORD: DualBitmap.write_word,
    Op.SCRIBBLE: DualBitmap.scribble,
}

State = list[DualBitmap]


def replay(program: Program, steps: int) -> State:
    """The oracle's bitmaps as they are when the first `steps` steps have been taken."""
    state: State = []
    for step in program.steps[:steps]:
        if step.op is Op.NEW:
            state.append(DualBitmap(program.abi, *step.args))
        elif step.op is Op.NEW_NULL:
            state.append(DualBitmap(program.abi, 0))
        elif write := _WRITES.get(step.op):
            write(state[step.bitmap], *step.args)
    return state
