# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import dataclasses
import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from fake_kernel import calls, last_session, make_fake_tools, make_fake_tree

from pytest_pageconsistency.kernel.kunit import KernelRequest, KernelRun, run_kernel
from pytest_pageconsistency.kernel.process import session_members
from pytest_pageconsistency.kernel.tree import Tree
from pytest_pageconsistency.progress import SilentProgress
from pytest_pageconsistency.verdict import Kind, TargetError, Verdict

CONSOLE = "KTAP version 1\n1..1\nok 1 pageconsistency\n"
SUITE = {"Makefile": b"obj-y += suite.o\n", "Kconfig": b"config X\n", "suite.c": b"int a;\n"}
QUIET = SilentProgress()


@pytest.fixture(autouse=True)
def _tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tools = make_fake_tools(tmp_path / "tools")
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")


def request_for(tmp_path: Path, **behaviour: object) -> KernelRequest:
    """A request for the fake kernel that behaves as the keywords say."""
    tree = make_fake_tree(tmp_path / "linux", **({"console": CONSOLE} | behaviour))  # type: ignore[arg-type]
    return KernelRequest(
        tree=Tree(tree, "6.12.1"),
        arch="um",
        suite=SUITE,
        header=b"/* header */\n",
        kunitconfig="CONFIG_KUNIT=y\n",
        kconfig=("CONFIG_A=y", "CONFIG_B=n"),
        make_options=("CC=gcc",),
        jobs=3,
        timeout=30,
        cache=tmp_path / "cache",
        filter_glob="pageconsistency*",
    )


def refused(request: KernelRequest) -> Verdict:
    with pytest.raises(TargetError) as caught:
        run_kernel(request, QUIET)
    return caught.value.verdict


def place(request: KernelRequest) -> Path:
    (found,) = (request.cache / "kernels").iterdir()
    return found


def assert_nothing_left(run: KernelRun) -> None:
    assert session_members(last_session(run.build_directory)) == []


def test_a_kernel_is_configured_built_and_booted(tmp_path: Path) -> None:
    request = request_for(tmp_path)
    run = run_kernel(request, QUIET)

    assert CONSOLE in run.console
    assert (run.timed_out, run.overflowed) == (False, False)
    assert set(run.seconds) == {"config", "build", "boot"}
    assert run.dot_config == "CONFIG_KUNIT=y\nCONFIG_A=y\nCONFIG_B=n\n"
    assert (run.shadow / "mm/pageconsistency/suite.c").read_bytes() == b"int a;\n"
    assert (run.shadow / "include/linux/dual_bitmap.h").read_bytes() == b"/* header */\n"
    assert run.elf.machine.startswith("EM_")


def test_what_kunit_is_called_with(tmp_path: Path) -> None:
    run = run_kernel(request_for(tmp_path), QUIET)
    common = [
        "--arch=um",
        f"--build_dir={run.build_directory}",
        f"--kunitconfig={run.build_directory.parent}/kunitconfig",
        "--kconfig_add=CONFIG_A=y",
        "--kconfig_add=CONFIG_B=n",
        "--make_options=CC=gcc",
    ]
    limits = ["--timeout=60", "--raw_output=all"]
    uml_dir = f"--kernel_args=uml_dir={run.build_directory.parent}/uml/"
    boot = ["exec", *common, *limits, uml_dir, "pageconsistency*"]
    assert calls(run.build_directory) == [
        ["config", *common],
        ["build", *common, "--jobs=3"],
        boot,
    ]
    assert run.exec_command == (
        sys.executable,
        "-u",
        f"{run.shadow}/tools/testing/kunit/kunit.py",
        *boot,
    )


def test_a_panic_under_qemu_does_not_wait(tmp_path: Path) -> None:
    run = run_kernel(dataclasses.replace(request_for(tmp_path), arch="s390"), QUIET)
    assert "--kernel_args=panic=-1" in calls(run.build_directory)[-1]


def test_the_command_boots_again(tmp_path: Path) -> None:
    run = run_kernel(request_for(tmp_path), QUIET)
    again = subprocess.run(run.exec_command, capture_output=True, text=True, check=True)
    assert again.stdout == run.console


def test_one_directory_for_one_kind_of_kernel(tmp_path: Path) -> None:
    request = request_for(tmp_path)
    (tmp_path / "link").symlink_to(request.tree.path)
    same = [
        request,
        dataclasses.replace(request, suite=SUITE | {"suite.c": b"int b;\n"}),
        dataclasses.replace(request, header=None, timeout=9, jobs=1, filter_glob=""),
        dataclasses.replace(request, tree=Tree(tmp_path / "link", "6.12.1")),
    ]
    other = [
        dataclasses.replace(request, arch="arm"),
        dataclasses.replace(request, kunitconfig="CONFIG_KUNIT=m\n"),
        dataclasses.replace(request, kconfig=()),
        dataclasses.replace(request, make_options=()),
    ]
    assert len({run_kernel(one, QUIET).build_directory for one in same}) == 1
    assert len({run_kernel(one, QUIET).build_directory for one in [request, *other]}) == 5


def test_an_unchanged_suite_keeps_its_time(tmp_path: Path) -> None:
    request = request_for(tmp_path)
    suite = run_kernel(request, QUIET).shadow / "mm/pageconsistency/suite.c"
    before = suite.stat().st_mtime_ns
    run_kernel(request, QUIET)
    assert suite.stat().st_mtime_ns == before


def test_progress_is_told(tmp_path: Path) -> None:
    heard: list[str] = []

    class Heard(SilentProgress):
        def phase(self, name: str) -> None:
            heard.append(name)

        def tick(self, text: str) -> None:
            heard.append(text)

    request = dataclasses.replace(request_for(tmp_path, hang="exec"), timeout=1)
    run_kernel(request, Heard())
    phases = [name for name in heard if name.endswith(("kernel", "tree"))]
    assert phases == [
        "preparing the tree",
        "configuring the kernel",
        "building the kernel",
        "booting the kernel",
    ]
    assert "0 KiB of console" in heard


def test_a_config_that_is_refused_goes(tmp_path: Path) -> None:
    stderr = "Not all are there.\nMissing: CONFIG_PCI=y, # CONFIG_A is not set"
    request = request_for(tmp_path, config_stderr=stderr)
    verdict = refused(request)
    assert verdict.kind is Kind.CONFIG_ERROR
    assert "Kconfig dropped # CONFIG_A is not set, CONFIG_PCI=y: " in verdict.message
    assert not (place(request) / "build/.config").exists()


def test_a_header_that_does_not_compile(tmp_path: Path) -> None:
    stderr = "@ROOT@/include/linux/dual_bitmap.h:33:2: error: expected ';'"
    verdict = refused(request_for(tmp_path, build_stderr=stderr))
    assert verdict.kind is Kind.BUILD_ERROR
    assert verdict.message.startswith("the header under test does not compile")
    assert verdict.details == "include/linux/dual_bitmap.h:33:2: error: expected ';'"


def test_a_failed_build_never_boots_the_old_image(tmp_path: Path) -> None:
    build = run_kernel(request_for(tmp_path), QUIET).build_directory
    request = request_for(tmp_path, build_stderr="@ROOT@/mm/slab.c:1:1: error: x")
    assert refused(request).kind is Kind.BUILD_ERROR
    assert not (build / "vmlinux").exists()
    assert not (build / "linux").exists()
    assert [call[0] for call in calls(build)].count("exec") == 1


def test_a_build_without_an_image(tmp_path: Path) -> None:
    verdict = refused(request_for(tmp_path, image=None))
    assert verdict.kind is Kind.BUILD_ERROR
    assert "left no image" in verdict.message


def test_an_image_that_is_no_elf_file(tmp_path: Path) -> None:
    verdict = refused(request_for(tmp_path, image=Path(__file__)))
    assert verdict.kind is Kind.CONFIG_ERROR
    assert "is not a sound ELF file" in verdict.message


def test_an_image_without_the_functions_asked_for(tmp_path: Path) -> None:
    request = dataclasses.replace(
        request_for(tmp_path), image_must_define=frozenset({"pc_two", "pc_one"})
    )
    verdict = refused(request)
    assert verdict.kind is Kind.CONFIG_ERROR
    assert verdict.message.startswith("the built kernel lacks pc_one, pc_two: ")


def test_kunit_that_cannot_start_the_kernel(tmp_path: Path) -> None:
    stderr = "FileNotFoundError: No such file: 'qemu-system-s390x'"
    verdict = refused(request_for(tmp_path, console="", exec_stderr=stderr))
    assert verdict.kind is Kind.CONFIG_ERROR
    assert "qemu-system-s390x" in verdict.message


def test_a_kernel_that_dies_early_is_no_error_here(tmp_path: Path) -> None:
    run = run_kernel(request_for(tmp_path, console="Kernel panic - not syncing: x\n"), QUIET)
    assert "Kernel panic" in run.console


def test_a_boot_that_hangs(tmp_path: Path) -> None:
    request = dataclasses.replace(request_for(tmp_path, hang="exec"), timeout=1)
    run = run_kernel(request, QUIET)
    assert run.timed_out
    assert CONSOLE in run.console
    assert run.seconds["boot"] < 20
    assert_nothing_left(run)


def test_a_boot_that_hangs_and_ignores_signals(tmp_path: Path) -> None:
    behaviour = request_for(tmp_path, hang="exec", ignore_signals=True, leave_child="exec")
    run = run_kernel(dataclasses.replace(behaviour, timeout=1), QUIET)
    assert run.timed_out
    assert CONSOLE in run.console
    assert_nothing_left(run)


def test_a_boot_that_leaves_a_process_behind(tmp_path: Path) -> None:
    run = run_kernel(request_for(tmp_path, leave_child="exec"), QUIET)
    assert not run.timed_out
    assert CONSOLE in run.console
    assert_nothing_left(run)


def test_a_boot_that_prints_without_end(tmp_path: Path) -> None:
    request = dataclasses.replace(request_for(tmp_path, flood="exec"), output_limit=100_000)
    run = run_kernel(request, QUIET)
    assert run.overflowed
    assert len(run.console) == 100_000
    assert_nothing_left(run)


@pytest.mark.parametrize("step", ["config_stderr", "build_stderr"])
def test_a_disk_that_fills_up_in_a_step(tmp_path: Path, step: str) -> None:
    stderr = "fatal error: error writing to mm/slab.o: No space left on device"
    request = request_for(tmp_path, **{step: stderr})
    verdict = refused(request)
    assert verdict.kind is Kind.CONFIG_ERROR
    assert verdict.message == f"the disk is full: make room in {place(request)}"


def test_a_disk_that_is_full_before_the_build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_arguments: object, **_keywords: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("pytest_pageconsistency.kernel.kunit.update_shadow", full)
    verdict = refused(request_for(tmp_path))
    assert verdict.kind is Kind.CONFIG_ERROR
    assert "the disk is full" in verdict.message


def test_missing_tools_are_told_before_anything_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools = make_fake_tools(tmp_path / "few")
    (tools / "flex").unlink()
    monkeypatch.setenv("PATH", str(tools))
    verdict = refused(request_for(tmp_path))
    assert verdict.kind is Kind.TOOL_MISSING
    assert verdict.message == "flex is missing; install it with: apt-get install flex"
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("name", ["with space", "with:colon", "with#hash"])
def test_a_cache_that_make_cannot_use(tmp_path: Path, name: str) -> None:
    verdict = refused(dataclasses.replace(request_for(tmp_path), cache=tmp_path / name))
    assert verdict.kind is Kind.CONFIG_ERROR
    assert verdict.message.startswith(f"make cannot build in {tmp_path / name}: ")
    assert not (tmp_path / name).exists()


SESSION = """
import sys
sys.path.insert(0, {tests!r})
import dataclasses
from pathlib import Path
from test_kunit_runner import request_for
from pytest_pageconsistency.kernel.kunit import run_kernel
from pytest_pageconsistency.progress import PlainProgress

request = request_for(Path({path!r}), **{behaviour!r})
run_kernel(dataclasses.replace(request, timeout={timeout}), PlainProgress(sys.stdout.write))
"""


def other_session(
    tmp_path: Path, timeout: float = 30, **behaviour: object
) -> subprocess.Popen[str]:
    """A process that runs the fake kernel with this test's tree and cache."""
    code = SESSION.format(
        tests=str(Path(__file__).parent), path=str(tmp_path), behaviour=behaviour, timeout=timeout
    )
    return subprocess.Popen(
        [sys.executable, "-u", "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def wait_for_step(tmp_path: Path, step: str) -> int:
    """Wait until the stub runs `step`; the session that it runs in."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        for log in tmp_path.glob("cache/kernels/*/build/kunit-session"):
            if calls(log.parent)[-1][0] == step and log.read_text():
                return last_session(log.parent)
        time.sleep(0.02)
    raise TimeoutError(step)


def test_ctrl_c_in_a_build_leaves_no_process_and_the_next_run_works(tmp_path: Path) -> None:
    with other_session(tmp_path, hang="build", leave_child="build") as process:
        session = wait_for_step(tmp_path, "build")
        assert session_members(session)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=30)
    assert "KeyboardInterrupt" in output
    assert session_members(session) == []

    assert CONSOLE in run_kernel(request_for(tmp_path), QUIET).console


def test_what_a_killed_session_left_running_is_ended(tmp_path: Path) -> None:
    with other_session(tmp_path, hang="build", leave_child="build") as process:
        session = wait_for_step(tmp_path, "build")
        process.kill()
    assert session_members(session)

    assert CONSOLE in run_kernel(request_for(tmp_path), QUIET).console
    assert session_members(session) == []


def test_two_sessions_wait_for_each_other(tmp_path: Path) -> None:
    with (
        other_session(tmp_path, timeout=2, hang="exec") as first,
        other_session_after(tmp_path, "exec") as second,
    ):
        output, _ = second.communicate(timeout=60)
        first.communicate(timeout=60)
    assert first.returncode == second.returncode == 0
    assert output.startswith("waiting for another session that uses ")
    assert "booting the kernel" in output


def other_session_after(tmp_path: Path, step: str) -> subprocess.Popen[str]:
    wait_for_step(tmp_path, step)
    return other_session(tmp_path)


def test_the_lock_is_released_after_an_error(tmp_path: Path) -> None:
    refused(request_for(tmp_path, build_stderr="x"))
    notes: list[str] = []

    class Heard(SilentProgress):
        def note(self, text: str) -> None:
            notes.append(text)

    run_kernel(request_for(tmp_path), Heard())
    assert notes == []
