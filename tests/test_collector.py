# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import subprocess
import sys

import pytest

CODE = """
import gc
from pytest_pageconsistency.collector import PausedCollector

{before}
paused = PausedCollector()
states = [gc.isenabled()]
paused.resume()
frozen = gc.get_freeze_count()
states.append(gc.isenabled())
gc.disable()
paused.resume()
states.append(gc.isenabled())
print(states, frozen > 0)
"""


@pytest.mark.parametrize(
    ("before", "expected"),
    [("gc.enable()", "[False, True, False] True"), ("gc.disable()", "[False, False, False] False")],
)
def test_it_is_as_it_was_afterwards(before: str, expected: str) -> None:
    """In a process of its own: what is frozen stays so."""
    command = [sys.executable, "-c", CODE.format(before=before)]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    assert done.stdout.strip() == expected
