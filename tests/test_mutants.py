# SPDX-License-Identifier: GPL-2.0-only
"""The shipped suite against headers with one fault each, on real kernels."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mutants import MUTANTS, Mutant, apply_mutant

from pytest_pageconsistency.resources import kunit_directory

pytestmark = [pytest.mark.kernel, pytest.mark.mutants]

HEADER = kunit_directory() / "include/linux/dual_bitmap.h"
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


def run_suite(header: str, directory: Path, cache: Path, *options: str) -> tuple[int, str, Any]:
    """Exit status and output of a real pytest, and the cases of its result.json."""
    file = directory / "dual_bitmap.h"
    file.write_text(header, "utf-8")
    command = [
        *(sys.executable, "-m", "pytest", "--pyargs", "pytest_pageconsistency.conformance"),
        *("--kunit-arch=um", "--kunit-header", str(file), "--kunit-cache", str(cache)),
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


def test_the_header_without_a_fault_passes(
    kernel_cache: Path, tmp_path: Path, table: list[str]
) -> None:
    status, output, cases = run_suite(HEADER.read_text("utf-8"), tmp_path, kernel_cache)

    assert Counter(case["verdict"] for case in cases) == {"passed": len(cases)}, output
    assert status == 0, output
    assert f"{len(cases)} passed in" in output
    table.append(f"{'no fault':40} {len(cases)} cases passed")


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_the_suite_catches(
    mutant: Mutant, kernel_cache: Path, tmp_path: Path, table: list[str]
) -> None:
    header = apply_mutant(mutant, HEADER.read_text("utf-8"))

    status, output, cases = run_suite(header, tmp_path, kernel_cache, "-x")

    caught = [case for case in cases if case["verdict"] in CAUGHT]
    first = f"{caught[0]['verdict']}, {caught[0]['function']}" if caught else "-"
    table.append(f"{mutant.name:40} {len(caught):4} of {len(cases)}, first: {first}")
    assert caught, output
    assert status == 1, output
