# SPDX-License-Identifier: GPL-2.0-only
"""Sessions without a case: the plugin is in all of them, and must not be felt there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = "pytest_pageconsistency"
LIGHT = {PACKAGE, f"{PACKAGE}.options", f"{PACKAGE}.plugin", f"{PACKAGE}.words"}
"""What may be loaded where there is no case; nothing else than pytest has loaded anyway."""

REPORT = """
import sys

def pytest_unconfigure(config):
    with open("modules.txt", "a") as file:
        file.write("\\n".join(sys.modules) + "\\n")
"""
TESTS = """
import pytest

def test_passes(): pass
def test_fails(): assert False
def test_raises(): 1 / 0
def test_skips(): pytest.skip("no")

@pytest.mark.kunit_arch("um")
@pytest.mark.parametrize("number", [1, 2])
def test_marked(number): pass
"""


def modules(pytester: pytest.Pytester, *arguments: str) -> set[str]:
    """All modules that a session of TESTS has loaded, in any of its processes."""
    pytester.makeconftest(REPORT)
    pytester.makepyfile(TESTS)
    result = pytester.runpytest_subprocess(*arguments)
    result.assert_outcomes(passed=3, failed=2, skipped=1)
    return set((pytester.path / "modules.txt").read_text().splitlines())


def test_the_plugin_imports_nothing_else() -> None:
    code = (
        "import sys, pytest; before = set(sys.modules)\n"
        f"import {PACKAGE}.plugin; print(*(set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert set(done.stdout.split()) == LIGHT


def test_a_session_without_cases_imports_nothing_else(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # With a tree and a cache in the environment, as on a machine that also runs cases.
    monkeypatch.setenv("KUNIT_TREE", str(tmp_path))
    monkeypatch.setenv("PAGECONSISTENCY_CACHE", str(tmp_path))
    loaded = modules(pytester)
    assert {name for name in loaded if name.startswith(PACKAGE)} == LIGHT
    (pytester.path / "modules.txt").unlink()
    without = modules(pytester, f"-pno:{PACKAGE.removeprefix('pytest_')}")
    assert loaded - without == LIGHT


def test_workers_without_cases_import_little(pytester: pytest.Pytester) -> None:
    loaded = modules(pytester, "-n1")
    own = {name for name in loaded if name.startswith(PACKAGE)}
    assert own - LIGHT == {f"{PACKAGE}.{name}" for name in ("background", "ending", "workers")}
    assert not loaded & {"jinja2", "elftools", "filelock"}


def test_options_may_be_checked_without_cases(pytester: pytest.Pytester) -> None:
    own = {name for name in modules(pytester, "--kunit-jobs=2") if name.startswith(PACKAGE)}
    assert own == LIGHT
