# SPDX-License-Identifier: GPL-2.0-only
"""The page consistency checker on User Mode Linux: faults in it, and where ours does better."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pytest_pageconsistency.resources import kunit_directory

pytestmark = pytest.mark.kernel

CHECKER = kunit_directory() / "mm/page_consistency.c"


@pytest.fixture
def run_with(pytester: pytest.Pytester, kernel_cache: Path) -> Any:
    """Run pytest on our checker with a text in it replaced by another."""

    def run(old: str, new: str, *arguments: str) -> pytest.RunResult:
        text = CHECKER.read_text("utf-8")
        assert old in text
        (pytester.path / "checker.c").write_text(text.replace(old, new), "utf-8")
        return pytester.runpytest_subprocess(
            "-p", "no:cacheprovider", "--kunit-arch=um", f"--kunit-cache={kernel_cache}",
            f"--kunit-artifacts={pytester.path}/artifacts", "--kunit-checker=checker.c",
            *arguments,
        )  # fmt: skip

    return run


def test_a_fault_reads_as_a_report(pytester: pytest.Pytester, run_with: Any) -> None:
    pytester.makepyfile(
        test_checker="""
        def test_a_double_free(page_consistency):
            page_consistency.boot(256, 356)
            page_consistency.running()
            assert page_consistency.free(300).violations == 1

        def test_an_allocation(page_consistency):
            page_consistency.boot(256, 356)
            assert page_consistency.alloc(300).tracked == 1
        """
    )
    result = run_with("DOUBLE-FREE detected: PFN %lu", "freed twice: PFN %lu")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        [
            "disagreement: um: kernel and oracle disagree at step 3 of 3, free(300, 0)",
            "step 3: free(300, 0) on the checker: pages 256 to 355, running, PANIC=n (100 bits, *",
            "  violations: 1",
            "  event 1: oracle DOUBLE-FREE detected: PFN 300, kernel a message that the "
            "specification does not have   <--",
            "* --kunit-checker=checker.c *",
            'the checker says "page_consistency: freed twice: PFN 300"',
        ]
    )
    found = json.loads((pytester.path / "artifacts/um/result.json").read_text("ascii"))
    assert found["checker"]["origin"] == "given"


def test_a_checker_that_panics_where_it_must_not(pytester: pytest.Pytester, run_with: Any) -> None:
    pytester.makepyfile(
        test_checker="""
        def test_a_double_alloc(page_consistency):
            page_consistency.boot(256, 356)
            page_consistency.alloc(300)
            page_consistency.alloc(300)
        """
    )
    result = run_with("IS_ENABLED(CONFIG_DEBUG_PAGE_CONSISTENCY_PANIC)", "true")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*kernel crash: um: *the checker panics, built without PANIC*"])


def test_ours_refuses_what_the_specification_lets_pass(
    pytester: pytest.Pytester, run_with: Any
) -> None:
    """CONFORMING off: the one difference is a span of which bitmap_size() wraps."""
    off = ("IS_ENABLED(CONFIG_DEBUG_PAGE_CONSISTENCY_CONFORMING)", "false")
    result = run_with(*off, "--pyargs", "pytest_pageconsistency.checker_conformance")
    result.assert_outcomes(passed=263, failed=1)
    result.stdout.fnmatch_lines(
        [
            "disagreement: um: kernel and oracle disagree at step 1 of 1, "
            "boot(0, 4294967295, 1, False)",
            "  allocations: oracle 1, kernel 0   <--",
        ]
    )


def test_a_checker_that_does_not_compile(pytester: pytest.Pytester, run_with: Any) -> None:
    pytester.makepyfile(test_checker="def test_x(page_consistency): page_consistency.boot(1, 2)")
    result = run_with("unsigned long taken = 0;", "unsigned long taken = nothing;")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        [
            "build error: the checker under test does not compile: "
            "correct it (mm/page_consistency.c below)"
        ]
    )
