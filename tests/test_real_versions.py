# SPDX-License-Identifier: GPL-2.0-only
"""The shipped suite on an older kernel, and on x86_64 that is built as x86_64."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from recorded import put_cases, save_console

from pytest_pageconsistency.kernel.tree import ARCHIVES

pytestmark = pytest.mark.kernel


@pytest.mark.parametrize(
    ("version", "arch"),
    [
        ("6.1", "um"),
        pytest.param("6.1", "x86_64", marks=pytest.mark.matrix),
        pytest.param("6.12", "um", marks=pytest.mark.matrix),
        pytest.param("6.12", "x86_64", marks=pytest.mark.matrix),
    ],
)
def test_the_shipped_suite(
    request: pytest.FixtureRequest,
    pytester: pytest.Pytester,
    kernel_cache: Path,
    version: str,
    arch: str,
) -> None:
    source = ARCHIVES / f"linux-source-{version}.tar.xz"
    if not source.exists():
        pytest.skip(f"apt-get install linux-source-{version}")
    put_cases(pytester)
    options = (
        *("-p", "no:cacheprovider", f"--kunit-cache={kernel_cache}", f"--kunit-tree={source}"),
        *(f"--kunit-arch={arch}", f"--kunit-artifacts={pytester.path}/artifacts"),
    )
    suites = ("pytest_pageconsistency.conformance", "pytest_pageconsistency.checker_conformance")
    suite = pytester.runpytest_subprocess("--pyargs", *suites, *options)
    suite.assert_outcomes(passed=498 + 264)
    recorded = pytester.runpytest_subprocess(*options)
    recorded.assert_outcomes(passed=4)
    artifacts = pytester.path / "artifacts" / arch
    found = json.loads((artifacts / "result.json").read_text())
    assert found["tree"]["version"].startswith(f"{version}.")
    if request.config.getoption("rewrite_golden"):
        save_console(f"passed.{arch}-{version}", (artifacts / "console.log").read_text())
