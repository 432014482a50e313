# SPDX-License-Identifier: GPL-2.0-only
"""The kernel's own tests of kunit_parser.py, run against ours in its place."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TARBALLS = Path("/usr/src")

HARNESS = """
import sys
import unittest
from unittest import mock

sys.dont_write_bytecode = True
sys.path[:0] = [sys.argv[1], sys.argv[2]]
import kunit_printer
from pytest_pageconsistency import kunit_parser

kunit_parser.stdout = kunit_printer.stdout  # whose print the kernel's tests mock
sys.modules["kunit_parser"] = kunit_parser
import kunit_tool_test as tests

assert tests.kunit_parser is kunit_parser


def set_up(self):
    self.print_mock = mock.patch("kunit_printer.Printer.print").start()
    self.addCleanup(mock.patch.stopall)


# Linux 6.1.y took over tests that use print_mock without the setUp that makes it, so that two
# of them fail with the kernel's own parser. Give them what later versions have.
if "setUp" not in vars(tests.KUnitParserTest):
    tests.KUnitParserTest.setUp = set_up

loader = unittest.defaultTestLoader
classes = (tests.KUnitParserTest, tests.LineStreamTest, tests.KUnitJsonTest)
suite = unittest.TestSuite(map(loader.loadTestsFromTestCase, classes))
result = unittest.TextTestRunner(stream=sys.stderr).run(suite)
print("ran", result.testsRun)
sys.exit(not result.wasSuccessful())
"""


def newest_tarball() -> Path | None:
    """Return the newest kernel source in /usr/src, by version and not by spelling."""

    def version(path: Path) -> list[int]:
        return [int(number) for number in re.findall(r"[0-9]+", path.name)]

    return max(TARBALLS.glob("linux-source-*.tar.xz"), key=version, default=None)


@pytest.fixture(scope="module")
def kunit_tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return tools/testing/kunit of a kernel tree."""
    tree = os.environ.get("KUNIT_TREE", "")
    if tree and Path(tree).is_dir():
        return Path(tree).resolve() / "tools/testing/kunit"
    tarball = newest_tarball()
    if tarball is None:
        pytest.fail(
            "No kernel source: set KUNIT_TREE to a kernel tree, or run "
            "`apt-get install linux-source-6.12`."
        )
    target = tmp_path_factory.mktemp("linux")
    command = ["tar", "-xf", str(tarball), "--wildcards", "*/tools/testing/kunit"]
    subprocess.run(command, cwd=target, check=True)
    return next(target.glob("*/tools/testing/kunit"))


@pytest.mark.kernel
def test_kernels_own_parser_tests_pass(kunit_tools: Path, tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-c", HARNESS, str(kunit_tools), str(ROOT)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    ran = re.search(r"^ran ([0-9]+)$", run.stdout, re.MULTILINE)
    assert ran is not None, run.stdout
    assert int(ran[1]) > 25
