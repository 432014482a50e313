# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from test_plugin import _tools, run, tree

__all__ = ["_tools", "tree"]

CODE = """
import gc
from pytest_pageconsistency.garbage import no_garbage_collected, thaw

{before}
with no_garbage_collected():
    states = [gc.isenabled()]
frozen = gc.get_freeze_count() > 0
states.append(gc.isenabled())
thaw()
print(states, frozen, gc.get_freeze_count())
"""


@pytest.mark.parametrize(
    ("before", "expected"),
    [("gc.enable()", "[False, True] True 0"), ("gc.disable()", "[False, False] False 0")],
)
def test_it_is_as_it_was_afterwards(before: str, expected: str) -> None:
    """In a process of its own: the runner of these tests has its own mind."""
    command = [sys.executable, "-c", CODE.format(before=before)]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    assert done.stdout.strip() == expected


def test_other_tests_have_it_at_work(pytester: pytest.Pytester, tree: Path) -> None:
    pytester.makepyfile(
        """
        import gc

        def test_before_any_case():
            assert gc.isenabled()
        """
    )
    run(pytester).assert_outcomes(passed=5)


def test_what_dies_at_the_end_is_heard(pytester: pytest.Pytester, tree: Path) -> None:
    """pytest looks for it when all is over."""
    pytester.makepyfile(
        """
        class Loud:
            def __del__(self):
                raise ValueError("heard")

        loud = Loud()
        loud.itself = loud
        del loud

        def test_nothing():
            pass
        """
    )
    result = run(pytester, "-W", "error")
    assert result.ret != 0
