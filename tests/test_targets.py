# SPDX-License-Identifier: GPL-2.0-only
"""Several architectures in one session: a real pytest on a fake kernel tree."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import simulated
from fake_kernel import calls, last_session, make_fake_make, make_fake_tree

from pytest_pageconsistency.cases import Recorder, record
from pytest_pageconsistency.generate import make_suite
from pytest_pageconsistency.kernel.process import session_members
from pytest_pageconsistency.oracle import Abi
from pytest_pageconsistency.target import Target

HOST = Abi(64, "little")
CASES = """
    import pytest

    @pytest.mark.parametrize("bit", [1, 2])
    def test_set(dual_bitmap, bit):
        dual_bitmap(8).set(bit)
"""


@pytest.fixture(autouse=True)
def _tools(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    tools = make_fake_make(pytester.path / "tools")
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")


def consoles(architectures: Sequence[str], bits: Sequence[int] = (1, 2)) -> dict[str, str]:
    """What kernels print that agree with the oracle about CASES."""

    def body(bit: int) -> Any:
        def case(dual_bitmap: Recorder) -> None:
            dual_bitmap(8).set(bit)

        return case

    found = {}
    for arch in architectures:
        programs = [
            record(body(bit), HOST, f"test_targets.py::test_set[{arch}-{bit}]") for bit in bits
        ]
        suite = make_suite(programs, Target(arch, HOST), {})
        found[arch] = simulated.console(suite).replace(suite.build_id, "@BUILD@")
    return found


@pytest.fixture
def tree(pytester: pytest.Pytester) -> Path:
    """A tree for two architectures more, which no file of ours knows."""
    pytester.makepyfile(test_targets=CASES)
    return fake(pytester)


def fake(pytester: pytest.Pytester, **behaviour: Any) -> Path:
    names = ("fake1", "fake2")
    return make_fake_tree(
        pytester.path / "linux",
        **{
            "cases": True,
            "architectures": names,
            "console": consoles(("um", *names)),
            **behaviour,
        },
    )


def run(pytester: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    return pytester.runpytest_subprocess(
        "-p", "no:hypothesispytest",  # it would take longer to start than everything else
        "--kunit-tree=linux", f"--kunit-cache={pytester.path / 'cache'}",
        "--kunit-make-option=CC=gcc", *arguments,
    )  # fmt: skip


def steps(pytester: pytest.Pytester) -> dict[str, list[str]]:
    """The steps of kunit.py that were taken for each architecture."""
    found: dict[str, list[str]] = {}
    for build in (pytester.path / "cache/kernels").glob("*/build"):
        arch = build.parent.name.rpartition("-")[0]
        found[arch] = [call[0] for call in calls(build)]
    return found


def document(pytester: pytest.Pytester, arch: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((pytester.path / f"out/{arch}/result.json").read_text())
    return loaded


ONCE = ["config", "config", "build", "exec"]
"""A kernel's steps: configured for its ABI, and again for the suite."""


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
    with start(pytester, "--kunit-arch=um,fake1", "-x", *workers) as process:
        if not workers:
            running_builds(pytester)
            process.send_signal(signal.SIGINT)
        wait_for_end(process)
    assert process.returncode != 0
    sessions = [last_session(build) for build in builds(pytester)]
    assert sessions
    assert [session_members(session) for session in sessions] == [[]] * len(sessions)


def start(pytester: pytest.Pytester, *arguments: str) -> subprocess.Popen[bytes]:
    """A pytest that goes on while the test does."""
    return pytester.popen(
        [
            *(sys.executable, "-m", "pytest", "-p", "no:hypothesispytest"),
            *("--kunit-tree=linux", f"--kunit-cache={pytester.path / 'cache'}"),
            *("--kunit-make-option=CC=gcc", *arguments),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def wait_for_end(process: subprocess.Popen[bytes]) -> None:
    """Fail rather than wait for ever."""
    try:
        process.wait(60)
    except subprocess.TimeoutExpired:
        process.kill()
        raise


def builds(pytester: pytest.Pytester) -> list[Path]:
    """The build directories whose kunit.py has reached the build."""
    found = (pytester.path / "cache/kernels").glob("*/build")
    return [build for build in found if calls(build) and calls(build)[-1][0] == "build"]


def running_builds(pytester: pytest.Pytester) -> list[int]:
    """Wait for a build, and return the sessions of all that run."""
    wait_until(lambda: bool(builds(pytester)))
    sessions = [last_session(build) for build in builds(pytester)]
    assert any(session_members(session) for session in sessions)
    return sessions


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
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
