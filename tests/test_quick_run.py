# SPDX-License-Identifier: GPL-2.0-only
"""Cases that run by themselves are reported as pytest's own way would have it."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
import recorded
from test_plugin import _tools, run, tree

__all__ = ["_tools", "tree"]

FIRST = "        db = dual_bitmap(nbits=100)\n"


def begin_with(pytester: pytest.Pytester, line: str, mark: str = "") -> None:
    """Let a case with another before and behind it begin with a line, and carry a mark."""
    path = pytester.path / recorded.TEST_FILE
    text = path.read_text(encoding="utf-8")
    assert text.count(FIRST) == 1
    text = text.replace(FIRST, f"        {line}\n{FIRST}").replace("[0, 99]", "[0]")
    text = text.replace("    def test_is_seen", f"    {mark}def test_is_seen")
    path.write_text(f"import logging, pathlib, sys, warnings\n{text}", encoding="utf-8")


@pytest.mark.parametrize(
    ("line", "heading"),
    [
        ("print('hello')", "*Captured stdout call*"),
        ("print('hello', file=sys.stderr)", "*Captured stderr call*"),
        ("logging.error('hello')", "*Captured log call*"),
        ("__import__('os').system('echo hello')", "*Captured stdout call*"),
    ],
)
def test_what_a_case_says_is_heard(
    pytester: pytest.Pytester, tree: Path, line: str, heading: str
) -> None:
    begin_with(pytester, line)
    for _ in range(2):
        result = run(pytester, "-rP")
        result.assert_outcomes(passed=3)
        result.stdout.fnmatch_lines([heading, "*hello*"])


def test_warnings_are_told(pytester: pytest.Pytester, tree: Path) -> None:
    begin_with(pytester, "warnings.warn('look out')")
    result = run(pytester)
    result.assert_outcomes(passed=3)
    result.stdout.fnmatch_lines(["*UserWarning: look out*"])


def test_marks_hold(pytester: pytest.Pytester, tree: Path) -> None:
    begin_with(pytester, "pass", "@pytest.mark.xfail(strict=True)\n    ")
    run(pytester).assert_outcomes(passed=2, failed=1)


def test_a_skip_in_the_body(pytester: pytest.Pytester, tree: Path) -> None:
    begin_with(pytester, "(pathlib.Path('skip').exists() and pytest.skip('not now'))")
    run(pytester).assert_outcomes(passed=3)
    (pytester.path / "skip").touch()
    run(pytester).assert_outcomes(passed=2, skipped=1)


@pytest.mark.parametrize(
    "hook",
    ["pytest_runtest_setup(item)", "pytest_runtest_call(item)", "pytest_runtest_teardown(item)"],
)
def test_whoever_waits_for_a_phase_is_called(
    pytester: pytest.Pytester, tree: Path, hook: str
) -> None:
    pytester.makeconftest(
        f"def {hook}:\n    with open('seen', 'a') as file:\n        file.write(item.name + '\\n')\n"
    )
    for _ in range(2):
        run(pytester).assert_outcomes(passed=4)
    assert len((pytester.path / "seen").read_text().splitlines()) == 8


def test_reports_are_whole(pytester: pytest.Pytester, tree: Path) -> None:
    run(pytester).assert_outcomes(passed=4)
    result = run(pytester, "--junit-xml=junit.xml", "--durations=0", "-vv")
    result.assert_outcomes(passed=4)
    cases = ET.parse(pytester.path / "junit.xml").findall(".//testcase")
    assert len({case.get("name") for case in cases}) == 4
    for case in cases:
        properties = {p.get("name"): p.get("value") for p in case.iter("property")}
        assert "um" in properties.values()
    assert len(re.findall(r"s call +test_recorded.py::", str(result.stdout))) == 4
