# SPDX-License-Identifier: GPL-2.0-only
"""What a person reads of a case that did not pass."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from golden import check_golden
from programs import UM

from pytest_pageconsistency.cases import CheckerRecorder, Recorder, record
from pytest_pageconsistency.crosscheck import CaseResult, expected_values, find_disagreement
from pytest_pageconsistency.generate import make_suite
from pytest_pageconsistency.report import Reproduction, describe, kunit_command
from pytest_pageconsistency.verdict import Kind, Verdict


def report(body: Callable[[Recorder], object], position: int, value: int) -> str:
    """The report when the value at `position` was observed to be `value`."""
    suite = make_suite([record(body, UM.abi, "test_x.py::test_x[um]")], UM, {})
    case = suite.cases[0]
    values = expected_values(case.program)
    values[position] = value
    disagreement = find_disagreement(case.program, values)
    result = CaseResult(case, Verdict(Kind.DISAGREEMENT, "they disagree"), disagreement)
    command = ["python3", "kunit.py", "exec", "--arch=um", "pageconsistency"]
    reproduction = Reproduction(
        ["pytest", "test_x.py::test_x[um]", "--kunit-arch=um"], kunit_command(result, command)
    )
    return re.sub(r"test_report\.py:\d+", "test_report.py:N", describe(result, reproduction))


def flipped(dual_bitmap: Recorder) -> None:
    db = dual_bitmap(nbits=100)
    db.flip("secondary", 70)
    db.flip("primary", 3)
    db.set(64)
    db.consistent(70)


def retried(dual_bitmap: Recorder) -> None:
    dual_bitmap(nbits=100).validate_retry(40, 2)


def observed(dual_bitmap: Recorder) -> None:
    dual_bitmap(nbits=100).words("secondary")


def freed_twice(dual_bitmap: Recorder) -> None:
    pc = CheckerRecorder(dual_bitmap)
    pc.boot(256, 356)
    pc.alloc(300, 2)
    pc.running()
    pc.free(300)
    pc.free(300, 1)


@pytest.mark.parametrize(
    ("name", "body", "position", "value"),
    [
        ("bit", flipped, 1, 1),
        ("retry", retried, 3, 3),
        ("words", observed, 1, 0xFF),
        ("final", flipped, 3, 0),
        ("checker", freed_twice, 25, (1 << 64) - 2),
        ("boot", freed_twice, 1, 1),
    ],
)
def test_report_is_as_it_was(
    request: pytest.FixtureRequest,
    name: str,
    body: Callable[[Recorder], object],
    position: int,
    value: int,
) -> None:
    check_golden(request, f"report.{name}.txt", report(body, position, value) + "\n")


def test_both_commands_can_be_pasted() -> None:
    text = report(flipped, 1, 1)
    assert "\n  pytest 'test_x.py::test_x[um]' --kunit-arch=um\n" in text
    assert re.search(r"\n  python3 kunit\.py exec --arch=um pageconsistency\.pc_x_um_\w+$", text)


def test_an_empty_bitmap_has_no_words() -> None:
    assert "no words" in report(lambda dual_bitmap: dual_bitmap(0).set(0), 0, 1)
