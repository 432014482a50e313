# SPDX-License-Identifier: GPL-2.0-only
"""The shipped suites against sources with one fault each, on real kernels."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from checker_mutants import CHECKER_MUTANTS
from mutants import MUTANTS, Mutant, apply_mutant

from pytest_pageconsistency.resources import kunit_directory

pytestmark = [pytest.mark.kernel, pytest.mark.mutants]


@dataclass(frozen=True)
class Subject:
    """A source of ours, the option that puts another in its place, and the suite that tests it."""

    path: str
    option: str
    suite: str

    def __str__(self) -> str:
        return Path(self.path).stem

    def text(self) -> str:
        return (kunit_directory() / self.path).read_text("utf-8")


HEADER = Subject(
    "include/linux/dual_bitmap.h", "--kunit-header", "pytest_pageconsistency.conformance"
)
CHECKER = Subject(
    "mm/page_consistency.c", "--kunit-checker", "pytest_pageconsistency.checker_conformance"
)
SEEDED = [(HEADER, m) for m in MUTANTS] + [(CHECKER, m) for m in CHECKER_MUTANTS]
CAUGHT = {"disagreement", "kernel crash", "timeout", "kernel failure"}
BOOT_SECONDS = 20


@pytest.fixture(scope="module")
def table(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[str]]:
    """Lines that are printed when all mutants have run, and left in mutants.txt."""
    lines: list[str] = []
    yield lines
    text = "\n".join(lines)
    (tmp_path_factory.getbasetemp() / "mutants.txt").write_text(f"{text}\n", "utf-8")
    capture = request.config.pluginmanager.get_plugin("capturemanager")
    reporter = request.config.pluginmanager.get_plugin("terminalreporter")
    if capture and reporter:
        with capture.global_and_fixture_disabled():
            reporter.write(f"\n{text}\n")


def run_suite(
    subject: Subject, text: str, directory: Path, cache: Path, *options: str
) -> tuple[int, str, Any]:
    """Exit status and output of a real pytest, and the cases of its result.json."""
    file = directory / Path(subject.path).name
    file.write_text(text, "utf-8")
    command = [
        *(sys.executable, "-m", "pytest", "--pyargs", subject.suite),
        *("--kunit-arch=um", subject.option, str(file), "--kunit-cache", str(cache)),
        *("--kunit-artifacts", str(directory), "--kunit-timeout", str(BOOT_SECONDS)),
        *("-q", "-p", "no:cacheprovider", *options),
    ]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    run = subprocess.run(
        command, cwd=directory, env=environment, capture_output=True, text=True, check=False
    )
    output = run.stdout + run.stderr
    result = directory / "um/result.json"
    assert result.is_file(), output
    return run.returncode, output, json.loads(result.read_text("ascii"))["cases"]


@pytest.mark.parametrize("subject", [HEADER, CHECKER], ids=str)
def test_the_source_without_a_fault_passes(
    subject: Subject, kernel_cache: Path, tmp_path: Path, table: list[str]
) -> None:
    status, output, cases = run_suite(subject, subject.text(), tmp_path, kernel_cache)

    assert Counter(case["verdict"] for case in cases) == {"passed": len(cases)}, output
    assert status == 0, output
    assert f"{len(cases)} passed in" in output
    table.append(f"{subject}: {'no fault':40} {len(cases)} cases passed")


@pytest.mark.parametrize(
    ("subject", "mutant"), SEEDED, ids=lambda part: getattr(part, "name", str(part))
)
def test_the_suite_catches(
    subject: Subject, mutant: Mutant, kernel_cache: Path, tmp_path: Path, table: list[str]
) -> None:
    text = apply_mutant(mutant, subject.text())

    status, output, cases = run_suite(subject, text, tmp_path, kernel_cache, "-x")

    caught = [case for case in cases if case["verdict"] in CAUGHT]
    first = f"{caught[0]['verdict']}, {caught[0]['function']}" if caught else "-"
    table.append(f"{subject}: {mutant.name:40} {len(caught):4} of {len(cases)}, first: {first}")
    assert caught, output
    assert status == 1, output
