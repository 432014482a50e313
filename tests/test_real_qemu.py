# SPDX-License-Identifier: GPL-2.0-only
"""The other three ABI classes on real kernels under QEMU; User Mode Linux is in test_real_um."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from recorded import bad_header, put_cases

from pytest_pageconsistency.resources import kunit_directory

pytestmark = pytest.mark.kernel

ABIS = {"i386": (32, "little"), "s390": (64, "big"), "m68k": (32, "big")}
WIDE = 28
"""Cases of the checker that only a 64-bit target has."""

BYTEWISE = "((const u8 *)db->bitmap[DUAL_BITMAP_PRIMARY])[bit / 8] >> (bit % 8) & 1"
"""What test_bit() is on a little-endian machine, and only there."""


@pytest.fixture
def run_pytest(pytester: pytest.Pytester, kernel_cache: Path) -> Any:
    """Run pytest in a process of its own on the default tree, or on KUNIT_TREE."""

    def run(*arguments: str | Path) -> pytest.RunResult:
        return pytester.runpytest_subprocess(
            "-p", "no:cacheprovider", f"--kunit-cache={kernel_cache}",
            f"--kunit-artifacts={pytester.path}/artifacts", *arguments,
        )  # fmt: skip

    return run


def document(pytester: pytest.Pytester, arch: str) -> dict[str, Any]:
    """An architecture's result.json of the last run."""
    text = (pytester.path / "artifacts" / arch / "result.json").read_text()
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def test_the_shipped_suite_in_one_session(pytester: pytest.Pytester, run_pytest: Any) -> None:
    suites = ("pytest_pageconsistency.conformance", "pytest_pageconsistency.checker_conformance")
    result = run_pytest("--pyargs", *suites, f"--kunit-arch={','.join(ABIS)}")
    result.assert_outcomes(passed=sum(map(cases_of, ABIS)), deselected=2 * WIDE)
    for arch, (bits, order) in ABIS.items():
        found = document(pytester, arch)
        assert (found["target"]["bits_per_long"], found["target"]["byteorder"]) == (bits, order)
        assert {case["verdict"] for case in found["cases"]} == {"passed"}
        assert len(found["cases"]) == cases_of(arch)


def cases_of(arch: str) -> int:
    """In both shipped suites; some are of 64-bit targets alone."""
    return 498 + 264 - (WIDE if ABIS[arch][0] == 32 else 0)


def test_workers_share_one_boot_of_each(pytester: pytest.Pytester, run_pytest: Any) -> None:
    put_cases(pytester)
    for dist in ("load", "each", "worksteal"):
        result = run_pytest("--kunit-arch=m68k,i386", "-n", "2", "--dist", dist)
        result.assert_outcomes(passed=16 if dist == "each" else 8)


def test_a_byte_order_fault_shows_where_it_is_one(
    pytester: pytest.Pytester, run_pytest: Any
) -> None:
    text = (kunit_directory() / "include/linux/dual_bitmap.h").read_text()
    call = "test_bit(bit, db->bitmap[DUAL_BITMAP_PRIMARY])"
    assert call in text
    (pytester.path / "bytewise.h").write_text(text.replace(call, BYTEWISE))
    pytester.makepyfile(
        test_order="""
        import pytest

        def test_set_is_seen(dual_bitmap):
            db = dual_bitmap(nbits=100)
            db.set(3)
            assert db.test(3) is True

        @pytest.mark.kunit_arch("le")
        def test_little(dual_bitmap, kunit_target):
            assert kunit_target.byteorder == "little"
            assert dual_bitmap(8).test(0) is False
        """
    )
    result = run_pytest("--kunit-arch=i386,s390,m68k", "--kunit-header=bytewise.h")
    result.assert_outcomes(passed=2, failed=2, deselected=2)
    result.stdout.fnmatch_lines(
        [
            "disagreement: s390: kernel and oracle disagree at step 4 of 4, test(3)",
            "  oracle: True",
            "  kernel: False",
        ]
    )


@pytest.mark.parametrize("arch", ABIS)
@pytest.mark.parametrize("name", ["panic", "hang"])
def test_a_kernel_that_ends_badly(
    pytester: pytest.Pytester, run_pytest: Any, arch: str, name: str
) -> None:
    put_cases(pytester)
    (pytester.path / "bad.h").write_text(bad_header(name))
    timeout = 10 if name == "hang" else 200
    result = run_pytest(
        f"--kunit-arch={arch}", "--kunit-header=bad.h", f"--kunit-timeout={timeout}"
    )
    result.assert_outcomes(passed=1, failed=1, errors=2)
    found = document(pytester, arch)
    kind = "timeout" if name == "hang" else "kernel crash"
    assert [case["verdict"] for case in found["cases"]] == [*("passed", kind, "not run", "not run")]
    # A panic does not wait for the timeout.
    assert found["seconds"]["boot"] < 30
    if name == "panic":
        console = result.stdout.str()
        assert "Kernel panic - not syncing: validate() was told to panic" in console
        # The trace, in terms of the source.
        assert re.search(r"pc_\w+\+0x[0-9a-f]+.*\(.*(suite\.c|dual_bitmap\.h):\d+\)", console)


def test_no_emulator_is_left(kernel_cache: Path) -> None:
    """Nothing of the tests above still runs."""
    left = []
    for process in Path("/proc").iterdir():
        try:
            arguments = (process / "cmdline").read_text("utf-8", "replace")
        except OSError:
            continue
        if arguments.startswith("qemu-system") and f"{kernel_cache}/kernels/" in arguments:
            left.append(arguments)
    assert not left
