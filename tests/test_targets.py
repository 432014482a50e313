# SPDX-License-Identifier: GPL-2.0-only
"""Several architectures in one session: a real pytest on a fake kernel tree."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from fake_kernel import calls, last_session
from targets import ONCE, common_arguments, consoles, document, fake, make_tree, run, steps

from pytest_pageconsistency.kernel.process import session_members


@pytest.fixture
def tree(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tree for two architectures more, which no file of ours knows."""
    return make_tree(pytester, monkeypatch)


def test_an_item_for_each_case_and_target(pytester: pytest.Pytester, tree: Path) -> None:
    result = run(pytester, "--kunit-arch=um,fake1", "--kunit-arch=fake2", "-v")
    result.assert_outcomes(passed=6)
    result.stdout.fnmatch_lines(["*::test_set?um-2? PASSED*", "*::test_set?fake2-2? PASSED*"])
    assert steps(pytester) == {"um": ONCE, "fake1": ONCE, "fake2": ONCE}


@pytest.mark.parametrize("word", ["all", "64bit", "le", "64bit,be"])
def test_words_for_many(pytester: pytest.Pytester, tree: Path, word: str) -> None:
    run(pytester, f"--kunit-arch={word}").assert_outcomes(passed=6)


@pytest.mark.parametrize("dist", ["load", "loadfile", "worksteal", "no"])
def test_workers_build_and_boot_once(pytester: pytest.Pytester, tree: Path, dist: str) -> None:
    result = run(pytester, "--kunit-arch=um,fake1,fake2", "-n2", f"--dist={dist}")
    result.assert_outcomes(passed=6)
    assert steps(pytester) == {"um": ONCE, "fake1": ONCE, "fake2": ONCE}


def test_workers_tell_what_one_process_tells(pytester: pytest.Pytester, tree: Path) -> None:
    wrong = consoles(["fake1"])["fake1"].replace(" 2 ", " 3 ")
    fake(pytester, console=consoles(["um"]) | {"fake1": wrong, "fake2": "Kernel panic\n"})
    arguments = ("--kunit-arch=um,fake1,fake2", "--kunit-artifacts=out")
    alone = run(pytester, *arguments)
    documents = [document(pytester, arch)["cases"] for arch in ("um", "fake1", "fake2")]
    workers = run(pytester, *arguments, "-n2")
    assert workers.parseoutcomes() == alone.parseoutcomes()
    assert [document(pytester, arch)["cases"] for arch in ("um", "fake1", "fake2")] == documents


FAILING = """
    import time
    from pathlib import Path

    def test_fails_while_others_wait_for_a_build():
        logs = Path("cache/kernels")
        while not any('["build"' in log.read_text() for log in logs.glob("*/build/kunit-calls")):
            time.sleep(0.05)
        assert False
"""


@pytest.mark.parametrize("workers", [[], ["-n2"]])
def test_what_nobody_waits_for_is_ended(
    pytester: pytest.Pytester, tree: Path, workers: list[str]
) -> None:
    fake(pytester, hang="build")
    if workers:
        # It comes first, so that one worker has it and the other waits.
        pytester.makepyfile(test_aa=FAILING)
    with started(pytester, "--kunit-arch=um,fake1", "-x", *workers) as process:
        if not workers:
            wait_until(lambda: running(pytester) != [])
            process.send_signal(signal.SIGINT)
        process.wait(SECONDS)
    assert process.returncode != 0
    assert sessions(pytester)
    assert running(pytester) == []


@pytest.mark.parametrize("arch", ["um", "um,fake1"])
def test_a_cancelled_controller_leaves_nothing(
    pytester: pytest.Pytester, tree: Path, arch: str
) -> None:
    fake(pytester, hang="build")
    with started(pytester, f"--kunit-arch={arch}", "--kunit-jobs=2", "-n2") as process:
        wait_until(lambda: len(running(pytester)) == len(arch.split(",")))
        process.terminate()
        process.wait(SECONDS)
    assert process.returncode != 0
    wait_until(lambda: running(pytester) == [])


SECONDS = 60
"""More than anything that is waited for takes on a busy machine."""


@contextmanager
def started(pytester: pytest.Pytester, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """A pytest that goes on while the test does; whatever goes wrong, nothing is left of it."""
    process = pytester.popen(
        [sys.executable, "-m", "pytest", *common_arguments(pytester), *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()
            for session in sessions(pytester):
                for member in session_members(session):
                    with suppress(ProcessLookupError):
                        os.kill(member, signal.SIGKILL)


def sessions(pytester: pytest.Pytester) -> list[int]:
    """The sessions in which kunit.py has reached the build, as far as it has said so."""
    found = []
    for build in (pytester.path / "cache/kernels").glob("*/build"):
        # The fake kunit.py may be in the middle of either file.
        with suppress(ValueError, FileNotFoundError):
            if (steps := calls(build)) and steps[-1][0] == "build":
                found.append(last_session(build))
    return found


def running(pytester: pytest.Pytester) -> list[int]:
    """Those of the sessions in which something still runs."""
    return [session for session in sessions(pytester) if session_members(session)]


def wait_until(condition: Callable[[], bool]) -> None:
    """Look again and again; fail rather than wait for ever."""
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_one_target_fails_alone(pytester: pytest.Pytester, tree: Path) -> None:
    (tree / "tools/testing/kunit/qemu_configs/fake2.py").write_text(
        "QEMU_ARCH = QemuArchParams('x86', '', 'absent', 'vmlinux', '', [])\n"
    )
    result = run(pytester, "--kunit-arch=um,fake1,fake2", "-rs", "--kunit-artifacts=out")
    result.assert_outcomes(passed=4, skipped=2)
    result.stdout.fnmatch_lines(["*qemu-system-absent is missing; install it with: *"])
    assert document(pytester, "fake2")["error"]["kind"] == "tool missing"
    assert document(pytester, "fake1")["cases"]


def test_a_case_says_where_it_applies(pytester: pytest.Pytester, tree: Path) -> None:
    pytester.makepyfile(
        test_targets="""
        import pytest

        pytestmark = pytest.mark.kunit_arch("64bit")

        @pytest.mark.parametrize("bit", [1, 2])
        @pytest.mark.kunit_arch("fake1", "um")
        def test_set(dual_bitmap, bit, kunit_target):
            assert kunit_target.byteorder == "little"
            dual_bitmap(8).set(bit)

        @pytest.mark.kunit_arch("be")
        def test_big(dual_bitmap):
            assert dual_bitmap(8).set(1)
        """
    )
    result = run(pytester, "--kunit-arch=um,fake1,fake2")
    result.assert_outcomes(passed=4, deselected=5)


def test_an_order_fixed_by_the_user(pytester: pytest.Pytester, tree: Path) -> None:
    result = run(pytester, "--kunit-arch=um,fake1", "--kunit-qemu-arg=-smp", "--kunit-qemu-arg=2")
    result.assert_outcomes(passed=4)
    (build,) = (pytester.path / "cache/kernels").glob("fake1-*/build")
    assert [word for word in calls(build)[-1] if "qemu" in word] == [
        *("--qemu_args=-smp", "--qemu_args=2")
    ]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--kunit-arch=vax"], "*linux 6.12.1 has no architecture 'vax' for KUnit: choose among *"),
        (["--kunit-arch=be"], "*no architecture of linux 6.12.1 *by be: `pageconsistency doctor`*"),
        (["--kunit-arch=all", "--kunit-tree=none"], "*there is no kernel tree at *none*"),
        (["--kunit-cross-compile=x y"], "*--kunit-cross-compile wants ?ARCH=?PREFIX, not 'x y'*"),
    ],
)
def test_what_cannot_be_meant_is_a_usage_error(
    pytester: pytest.Pytester, tree: Path, arguments: list[str], sentence: str
) -> None:
    for workers in ([], ["-n2"]):
        result = run(pytester, *arguments, *workers)
        assert result.ret == pytest.ExitCode.USAGE_ERROR
        result.stderr.fnmatch_lines([sentence])
        assert "Traceback" not in result.stdout.str() + result.stderr.str()


@pytest.mark.parametrize("workers", [[], ["-n2"]])
def test_a_wrong_word_in_a_mark_fails_its_case_alone(
    pytester: pytest.Pytester, tree: Path, workers: list[str]
) -> None:
    pytester.makepyfile(
        test_mark="""
        import pytest

        @pytest.mark.kunit_arch("bee")
        def test_x(dual_bitmap):
            dual_bitmap(8)
        """
    )
    result = run(pytester, *workers)
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(
        ["config error: @pytest.mark.kunit_arch: linux 6.12.1 has no architecture 'bee' *"]
    )


def test_results_that_cannot_be_removed_are_a_usage_error(
    pytester: pytest.Pytester, tree: Path
) -> None:
    (pytester.path / "out/um/result.json").mkdir(parents=True)
    for workers in ([], ["-n2"]):
        result = run(pytester, "--kunit-artifacts=out", *workers)
        assert result.ret == pytest.ExitCode.USAGE_ERROR
        result.stderr.fnmatch_lines(["ERROR: cannot write artifacts to *result.json: *"])


def test_an_earlier_result_does_not_outlive_a_session_that_fails_early(
    pytester: pytest.Pytester, tree: Path
) -> None:
    run(pytester, "--kunit-artifacts=out").assert_outcomes(passed=2)
    pytester.makepyfile(test_targets="1 / 0")
    run(pytester, "--kunit-artifacts=out").assert_outcomes(errors=1)
    assert not (pytester.path / "out/um/result.json").exists()


def test_all_with_nothing_installed(
    pytester: pytest.Pytester, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(pytester.path / "nothing"))
    result = run(pytester, "--kunit-arch=all")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*has the tools for is meant by all: `pageconsistency doctor`*"])


def test_a_prefix_without_a_compiler(pytester: pytest.Pytester, tree: Path) -> None:
    result = pytester.runpytest_subprocess(
        "--kunit-tree=linux", f"--kunit-cache={pytester.path / 'cache'}",
        "--kunit-arch=um,fake1", "--kunit-cross-compile=wrong-",
    )  # fmt: skip
    result.assert_outcomes(passed=2, errors=2)
    result.stdout.fnmatch_lines(["*there is no wrong-gcc for fake1; *"])
