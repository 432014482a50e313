# SPDX-License-Identifier: GPL-2.0-only
"""A project of test files that are edited as a user would: the shipped suite, and large ones."""

from __future__ import annotations

import itertools
import re
import shutil
import time
from pathlib import Path

from benchmarks.process import BenchError
from pytest_pageconsistency import conformance
from pytest_pageconsistency.resources import kunit_directory

SUITE = "suite"
"""The directory that holds a copy of the shipped suite."""

FAIL = "PAGECONSISTENCY_BENCH_FAIL"
"""The variable of the environment that lets one case of the suite fail."""

_PEAK = "PAGECONSISTENCY_BENCH_PEAK"

_CONFTEST = f'''\
"""Note how much memory this process had at the most."""

import os
import re
from pathlib import Path


def pytest_unconfigure():
    peak = re.search("VmHWM:.*", Path("/proc/self/status").read_text())[0]
    Path(os.environ["{_PEAK}"]).write_text(peak)
'''

_MAY_FAIL = f"""\
import os


def test_may_fail(dual_bitmap):
    dual_bitmap(64).set(5)
    assert "{FAIL}" not in os.environ
"""

_PLAIN = """\
def test_nothing():
    pass
"""

_STEPS = """\
import random

import pytest


@pytest.mark.parametrize("number", range({cases}))
def test_steps(dual_bitmap, number):
    rng = random.Random({seed} + number)
    db = dual_bitmap(256)
    calls = rng.choices([db.set, db.clear, db.test, db.consistent], k={steps})
    for call, bit in zip(calls, rng.choices(range(256), k={steps})):
        call(bit)
"""

_CASES = """\
import pytest


@pytest.mark.parametrize("number", range({cases}))
def test_short(dual_bitmap, number):
    db = dual_bitmap(100)
    assert db.set(number % 100) is False
    db.consistent_word({edit} if number == {cases} // 2 else number, 0)
    assert db.validate() == 0
"""

# A case that makes its bitmap first and has no parameters.
_CASE = re.compile(
    r"(?<=\n\n)def (?P<name>test_\w+)"
    r"\(dual_bitmap: Recorder(?:, kunit_target: Target)?\) -> None:\n"
    r"    db = dual_bitmap\(\d+\)\n"
)
_STEP = "    db.consistent_word({edit}, 0)\n"

# The value is never that of a bitmap; the compiler cannot know.
_TEST = re.compile(r"(dual_bitmap_test\(.*?\n\{\n)", re.DOTALL)
_CODE = "\tif (db->nbits == {edit:#x}U)\n\t\treturn true;\n"


class Project:
    """The directory `root`, which `prepare` makes anew once."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.environment = {_PEAK: str(root / "peak")}
        self._edits = itertools.count(time.time_ns())  # no two alike, nor those of another run
        self._cases: list[tuple[Path, str]] = []

    def prepare(self) -> None:
        """Make the directory, if this was not done yet."""
        if self._cases:
            return
        shutil.rmtree(self.root, ignore_errors=True)
        shutil.copytree(
            conformance.__path__[0],
            self.root / SUITE,
            ignore=shutil.ignore_patterns("__pycache__"),
        )
        (self.root / SUITE / "test_may_fail.py").write_text(_MAY_FAIL)
        (self.root / "pytest.ini").write_text("[pytest]\n")
        (self.root / "conftest.py").write_text(_CONFTEST)
        (self.root / "test_plain.py").write_text(_PLAIN)
        self._cases = [
            (path, name)
            for path in sorted((self.root / SUITE).glob("test_*.py"))
            if (name := self._add_step(path))
        ]
        if not self._cases:
            raise BenchError("the shipped suite has no case that can be edited")

    def edit_case(self) -> str:
        """Change an argument of one step of one case, each time of another file's; which."""
        self.prepare()
        edit = next(self._edits)
        path, name = self._cases[edit % len(self._cases)]
        step = re.compile(rf"(def {name}\(.*\n.*\n    db\.consistent_word\()\d+")
        path.write_text(step.sub(rf"\g<1>{edit}", path.read_text()))
        return f"{path.name}::{name}"

    def edit_header(self) -> Path:
        """Change the code that the header under test compiles to, but not what it does."""
        self.prepare()
        text = (kunit_directory() / "include/linux/dual_bitmap.h").read_text()
        code = _CODE.format(edit=0x80000000 | next(self._edits) & 0x7FFFFFFF)
        edited, count = _TEST.subn(lambda match: match[1] + code, text)
        if count != 1:
            raise BenchError("dual_bitmap_test() of the header is not where it was")
        header = self.root / "dual_bitmap.h"
        header.write_text(edited)
        return header

    def write_steps(self, cases: int, steps: int) -> str:
        """Write that many cases of that many steps, random and never the same; the file's name."""
        seed = next(self._edits)
        return self._write("test_steps.py", _STEPS.format(cases=cases, steps=steps, seed=seed))

    def write_cases(self, cases: int) -> str:
        """Write that many short cases, of which one is edited each time; the file's name."""
        return self._write("test_cases.py", _CASES.format(cases=cases, edit=next(self._edits)))

    def pytest_peak(self) -> float:
        """How much memory the last run's pytest process had at the most, in MB."""
        text = Path(self.environment[_PEAK]).read_text()
        return int(text.split()[1]) * 1024 / 1e6

    def _write(self, name: str, text: str) -> str:
        self.prepare()
        (self.root / name).write_text(text)
        return name

    def _add_step(self, path: Path) -> str | None:
        """Give the first case that can be edited the step that will be; its name."""
        text = path.read_text()
        match = _CASE.search(text)
        if match is None:
            return None
        step = _STEP.format(edit=next(self._edits))
        path.write_text(text[: match.end()] + step + text[match.end() :])
        return match["name"]
