# SPDX-License-Identifier: GPL-2.0-only
"""The whole way on User Mode Linux: declared cases, a real kernel, real verdicts."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from recorded import BAD_VALIDATE, bad_header, put_cases, save_console

pytestmark = pytest.mark.kernel


@pytest.fixture
def run_pytest(pytester: pytest.Pytester, kernel_cache: Path) -> Any:
    """Run pytest in a process of its own on the default tree, or on KUNIT_TREE."""

    def run(*arguments: str | Path) -> pytest.RunResult:
        artifacts = pytester.path / "artifacts"
        return pytester.runpytest_subprocess(
            "-p", "no:cacheprovider", "--kunit-arch=um", f"--kunit-cache={kernel_cache}",
            f"--kunit-artifacts={artifacts}", *arguments,
        )  # fmt: skip

    return run


def document(pytester: pytest.Pytester) -> dict[str, Any]:
    """The result.json of the last run."""
    text = (pytester.path / "artifacts/um/result.json").read_text()
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def verdicts(pytester: pytest.Pytester) -> list[str]:
    return [case["verdict"] for case in document(pytester)["cases"]]


def recorded(request: pytest.FixtureRequest, pytester: pytest.Pytester, name: str) -> None:
    """With --rewrite-golden, keep the console for the tests that have no kernel."""
    if request.config.getoption("rewrite_golden"):
        save_console(name, (pytester.path / "artifacts/um/console.log").read_text())


def test_declared_cases_pass(
    request: pytest.FixtureRequest, pytester: pytest.Pytester, run_pytest: Any
) -> None:
    put_cases(pytester)
    result = run_pytest()
    result.assert_outcomes(passed=4)
    assert verdicts(pytester) == ["passed"] * 4
    assert document(pytester)["header"]["origin"] == "ours"
    assert document(pytester)["target"]["bits_per_long"] == 64
    recorded(request, pytester, "passed")


def test_the_first_case_of_the_readme(pytester: pytest.Pytester, run_pytest: Any) -> None:
    readme = (Path(__file__).parent.parent / "README.md").read_text()
    (example,) = re.findall(r"^```python\n(# test_first\.py\n.*?)^```", readme, re.M | re.S)
    (pytester.path / "test_first.py").write_text(example)
    run_pytest("test_first.py").assert_outcomes(passed=7)


@pytest.mark.parametrize("name", BAD_VALIDATE)
def test_a_kernel_that_ends_badly(
    request: pytest.FixtureRequest, pytester: pytest.Pytester, run_pytest: Any, name: str
) -> None:
    put_cases(pytester)
    header = pytester.path / "bad.h"
    header.write_text(bad_header(name))
    timeout = 15 if name == "hang" else 120
    result = run_pytest(f"--kunit-header={header}", f"--kunit-timeout={timeout}")
    result.assert_outcomes(passed=1, failed=1, errors=2)
    kind = "timeout" if name == "hang" else "kernel crash"
    assert verdicts(pytester) == ["passed", kind, "not run", "not run"]
    if name == "panic":
        result.stdout.fnmatch_lines(["*Kernel panic - not syncing: validate() was told to panic*"])
    recorded(request, pytester, name)


def test_a_faulty_header_is_reported_with_step_and_commands(
    pytester: pytest.Pytester, run_pytest: Any
) -> None:
    put_cases(pytester)
    text = bad_header("panic").replace(BAD_VALIDATE["panic"], "return 2;")
    (pytester.path / "faulty.h").write_text(text)
    result = run_pytest(f"--kunit-header={pytester.path / 'faulty.h'}")
    result.assert_outcomes(passed=2, failed=2)
    result.stdout.fnmatch_lines(
        [
            "disagreement: um: kernel and oracle disagree at step 5 of 5, validate()",
            "test_recorded.py:*",
            ">   assert db.validate() == 1",
            "  oracle: 1",
            "  kernel: 2",
            "*secondary fffffffffffffffe   <- not the complement: bit 0",
            "  pytest 'test_recorded.py::TestFlips::test_is_seen?um-0?' --kunit-arch=um *",
            "  *kunit.py exec *pageconsistency.pc_is_seen_um_0_*",
        ]
    )
    # The second command shows the same without us.
    command = next(line for line in result.outlines if "kunit.py exec" in line).split()
    shown = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert re.search(r"step 5: observed 0x2, expected 0x1", shown.stdout)
    assert "[FAILED] pc_is_seen_um_0_" in shown.stdout
    assert shown.returncode == 1


def test_odd_cases(pytester: pytest.Pytester, run_pytest: Any) -> None:
    body = """
        def test_same_name(dual_bitmap):
            dual_bitmap(64).set(1)
    """
    pytester.makepyfile(
        test_one=body,
        test_two=body,
        test_three="""
            def test_hundred_thousand_steps(dual_bitmap):
                db = dual_bitmap(64)
                for number in range(100_000):
                    db.set(number % 64)

            def test_no_room(dual_bitmap):
                dual_bitmap(2**32 - 1)

            def test_large(dual_bitmap):
                db = dual_bitmap(2**22)
                db.set(2**22 - 1)
                assert db.guard()
                assert db.validate() == 0

            def test_many_bitmaps(dual_bitmap):
                bitmaps = [dual_bitmap(number) for number in range(100)]
                for number, db in enumerate(bitmaps):
                    assert db.set(number) is False

            def test_wrong_assertion(dual_bitmap):
                assert dual_bitmap(8).set(1) is True
        """,
    )
    result = run_pytest()
    result.assert_outcomes(passed=5, failed=1, errors=1)
    found = {case["id"]: case for case in document(pytester)["cases"]}
    no_room = found["test_three.py::test_no_room[um]"]
    assert no_room["verdict"] == "not run"
    assert "the kernel could not allocate 5368" in no_room["message"]
    result.stdout.fnmatch_lines(["*the kernel agrees with the oracle in all 3 steps*"])


def test_no_line_is_lost_while_the_host_does_not_read(
    pytester: pytest.Pytester, run_pytest: Any
) -> None:
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.parametrize("number", range(600))
        def test_case(dual_bitmap, number):
            dual_bitmap(64).set(number % 64)
        """
    )
    run_pytest("-q").assert_outcomes(passed=600)
    build = next(
        argument.removeprefix("--build_dir=")
        for argument in document(pytester)["command"]
        if argument.startswith("--build_dir=")
    )
    arguments = ["mem=1G", "console=tty", "kunit_shutdown=halt", "kunit.enable=1"]
    with subprocess.Popen(
        [f"{build}/linux", *arguments, f"uml_dir={pytester.path}/uml/"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as kernel:
        assert kernel.stdout is not None
        # A boot takes less: the pipe is full long before anybody reads.
        with pytest.raises(subprocess.TimeoutExpired):
            kernel.wait(timeout=3)
        console = kernel.stdout.read()
    assert len(re.findall(r"pc [0-9a-f]{10} [0-9]+ .*end 4 ", console)) == 600


def test_fixtures_of_the_other_kind(pytester: pytest.Pytester, run_pytest: Any) -> None:
    pytester.makepyfile(
        """
        from pytest_pageconsistency.cases import record

        def test_now(kunit_run, kunit_target, kunit_tree):
            program = record(lambda dual_bitmap: dual_bitmap(8).set(1), kunit_target.abi, "one")
            result = kunit_run([program])
            assert result.results["one"].verdict.passed
            assert kunit_tree.version == result.tree.version

        def test_source(kunit_suite):
            assert "KUNIT_CASE(pc_case_um_" in kunit_suite

        def test_case(dual_bitmap):
            dual_bitmap(8).set(1)
        """
    )
    run_pytest().assert_outcomes(passed=3)


def test_the_environment_is_left_alone(kernel_cache: Path) -> None:
    """No User Mode Linux is left running by the tests above."""
    left = []
    for process in Path("/proc").iterdir():
        try:
            executable = str((process / "exe").readlink())
        except OSError:
            continue
        if executable.startswith(f"{kernel_cache}/kernels/"):
            left.append(executable)
    assert not left
