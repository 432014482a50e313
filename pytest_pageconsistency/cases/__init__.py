# SPDX-License-Identifier: GPL-2.0-only
"""Declared cases: a body runs against the oracle and leaves a Program behind."""

from pytest_pageconsistency.cases.checker import CheckerRecorder
from pytest_pageconsistency.cases.fields import named_fields, observes_fields
from pytest_pageconsistency.cases.program import Program
from pytest_pageconsistency.cases.recorder import BitmapRecorder, Recorder, record
from pytest_pageconsistency.cases.replay import State, replay
from pytest_pageconsistency.cases.steps import CHECKER_OPS, OPERATIONS, WORD, Observes, Op, Step
from pytest_pageconsistency.cases.storage import dump_programs, load_programs

__all__ = [
    "CHECKER_OPS",
    "OPERATIONS",
    "WORD",
    "BitmapRecorder",
    "CheckerRecorder",
    "Observes",
    "Op",
    "Program",
    "Recorder",
    "State",
    "Step",
    "dump_programs",
    "load_programs",
    "named_fields",
    "observes_fields",
    "record",
    "replay",
]
