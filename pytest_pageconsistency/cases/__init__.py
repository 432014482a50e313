# SPDX-License-Identifier: GPL-2.0-only
"""Declared cases: a body runs against the oracle and leaves a Program behind."""

from pytest_pageconsistency.cases.program import Program
from pytest_pageconsistency.cases.recorder import BitmapRecorder, Recorder, record
from pytest_pageconsistency.cases.replay import State, replay
from pytest_pageconsistency.cases.steps import OPERATIONS, WORD, Observes, Op, Step

__all__ = [
    "OPERATIONS",
    "WORD",
    "BitmapRecorder",
    "Observes",
    "Op",
    "Program",
    "Recorder",
    "State",
    "Step",
    "record",
    "replay",
]
