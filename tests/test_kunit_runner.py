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
from typing import Any

import pytest
from fake_kernel import calls, last_session, make_fake_make, make_fake_tree

from pytest_pageconsistency.background import Background
from pytest_pageconsistency.cores import Cores
from pytest_pageconsistency.kernel.boot import BootOptions
from pytest_pageconsistency.kernel.kunit import KernelRequest, KernelRun, run_kernel
from pytest_pageconsistency.kernel.place import Configuration
from pytest_pageconsistency.kernel.process import session_members
from pytest_pageconsistency.kernel.tree import Tree
from pytest_pageconsistency.oracle import Abi
from pytest_pageconsistency.progress import Board, PlainDisplay, Progress, SilentProgress
from pytest_pageconsistency.verdict import Kind, TargetError, Verdict

CONSOLE = "KTAP version 1\n1..1\nok 1 pageconsistency\n"
SUITE = {
    "Makefile": b"obj-y += suite.o\n",
    "Kconfig": b"config X\n",
    "suite.c": b"KUNIT_CASE(pc_one)\n",
}
QUIET = SilentProgress()


@pytest.fixture(autouse=True)
def _tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tools = make_fake_make(tmp_path / "tools")
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")


def request_for(tmp_path: Path, **behaviour: object) -> KernelRequest:
    """A request for the fake kernel that behaves as the keywords say."""
    tree = make_fake_tree(tmp_path / "linux", **({"console": CONSOLE, "cases": True} | behaviour))  # type: ignore[arg-type]
    configuration = Configuration(
        tree=Tree(tree, "6.12.1"),
        arch="um",
        linux_arch="um",
        required="CONFIG_KUNIT=y\n",
        wishes="# a comment\n# CONFIG_PCI is not set\n# CONFIG_A is not set\n",
        kconfig=("CONFIG_A=y", "CONFIG_B=n"),
        make_options=("CC=gcc",),
        cross_compile="",
        cache=tmp_path / "cache",
    )
    options = BootOptions(filter_glob="pageconsistency*", timeout=30)
    abi = Abi(64, "little")
    return KernelRequest(
        configuration, SUITE, b"/* header */\n", options, abi, None, frozenset({"pc_one"})
    )


def changed(request: KernelRequest, **fields: Any) -> KernelRequest:
    """The request with other fields, of its configuration and its options too."""
    for name, part in (("configuration", request.configuration), ("options", request.options)):
        known = {field.name for field in dataclasses.fields(part)}
        own = {key: fields.pop(key) for key in list(fields) if key in known}
        request = dataclasses.replace(request, **{name: dataclasses.replace(part, **own)})
    return dataclasses.replace(request, **fields)


def run_fake(request: KernelRequest, progress: Progress = QUIET) -> KernelRun:
    return run_kernel(request, Cores(3), progress)


def refused(request: KernelRequest) -> Verdict:
    with pytest.raises(TargetError) as caught:
        run_fake(request)
    return caught.value.verdict


def place(request: KernelRequest) -> Path:
    (found,) = (request.configuration.cache / "kernels").iterdir()
    return found


def assert_nothing_left(run: KernelRun) -> None:
    assert session_members(last_session(run.build_directory)) == []


def test_a_kernel_is_configured_built_and_booted(tmp_path: Path) -> None:
    request = request_for(tmp_path)
    run = run_fake(request)

    assert CONSOLE in run.console
    assert (run.timed_out, run.overflowed) == (False, False)
    assert set(run.seconds) == {"config", "build", "boot"}
    assert run.kunitconfig == "CONFIG_KUNIT=y\n# CONFIG_PCI is not set\n"
    assert run.dot_config == f"{run.kunitconfig}CONFIG_A=y\nCONFIG_B=n\n"
    assert (run.shadow / "mm/pageconsistency/suite.c").read_bytes() == SUITE["suite.c"]
    assert (run.shadow / "include/linux/dual_bitmap.h").read_bytes() == b"/* header */\n"
    assert run.elf.machine.startswith("EM_")


def test_what_kunit_is_called_with(tmp_path: Path) -> None:
    run = run_fake(request_for(tmp_path))
    common = [
        "--arch=um",
        f"--build_dir={run.build_directory}",
        f"--kunitconfig={run.build_directory.parent}/kunitconfig",
        "--kconfig_add=CONFIG_A=y",
        "--kconfig_add=CONFIG_B=n",
        "--make_options=CC=gcc",
    ]
    limits = ["--timeout=60", "--raw_output=all"]
    uml = [f"uml_dir={run.build_directory.parent}/uml/", "lpj=33554432"]
    arguments = [f"--kernel_args={argument}" for argument in uml]
    boot = ["exec", *common, *limits, *arguments, "pageconsistency*"]
    assert calls(run.build_directory) == [
        ["config", *common],
        ["build", *common, "--jobs=3"],
        boot,
    ]
    assert run.exec_command == (
        sys.executable,
        *("-E", "-X", "utf8", "-u"),
        f"{run.shadow}/tools/testing/kunit/kunit.py",
        *boot,
    )


def test_a_panic_under_qemu_does_not_wait(tmp_path: Path) -> None:
    run = run_fake(changed(request_for(tmp_path), arch="s390"))
    assert "--kernel_args=panic=-1" in calls(run.build_directory)[-1]


def test_the_command_boots_again(tmp_path: Path) -> None:
    run = run_fake(request_for(tmp_path))
    again = subprocess.run(run.exec_command, capture_output=True, text=True, check=True)
    assert again.stdout == run.console


def test_one_directory_for_one_kind_of_kernel(tmp_path: Path) -> None:
    request = request_for(tmp_path)
    (tmp_path / "link").symlink_to(request.configuration.tree.path)
    same = [
        request,
        changed(request, suite=SUITE | {"suite.c": b"KUNIT_CASE(pc_one)\nint b;\n"}),
        changed(request, header=None, timeout=9, filter_glob=""),
        changed(request, tree=Tree(tmp_path / "link", "6.12.1")),
    ]
    other = [
        changed(request, arch="arm"),
        changed(request, required="CONFIG_KUNIT=m\n"),
        changed(request, wishes=""),
        changed(request, cross_compile="x-"),
        changed(request, kconfig=()),
        changed(request, make_options=()),
    ]
    assert len({run_fake(one).build_directory for one in same}) == 1
    assert len({run_fake(one).build_directory for one in [request, *other]}) == 7


def test_an_unchanged_suite_keeps_its_time(tmp_path: Path) -> None:
    request = request_for(tmp_path)
    suite = run_fake(request).shadow / "mm/pageconsistency/suite.c"
    before = suite.stat().st_mtime_ns
    run_fake(request)
    assert suite.stat().st_mtime_ns == before


def test_progress_is_told(tmp_path: Path) -> None:
    heard: list[str] = []

    class Heard(SilentProgress):
        def phase(self, name: str) -> None:
            heard.append(name)

        def tick(self, text: str) -> None:
            heard.append(text)

    request = changed(request_for(tmp_path, hang="exec"), timeout=1)
    run_fake(request, Heard())
    phases = [name for name in heard if name.endswith(("kernel", "tree"))]
    assert phases == [
        "preparing the tree",
        "configuring the kernel",
        "building the kernel",
        "booting the kernel",
    ]
    assert "(0 KiB of console)" in heard


def test_a_config_that_is_refused_goes(tmp_path: Path) -> None:
    stderr = "Not all are there.\nMissing: CONFIG_PCI=y, # CONFIG_A is not set"
    request = request_for(tmp_path, config_stderr=stderr)
    verdict = refused(request)
    assert verdict.kind is Kind.CONFIG_ERROR
    assert "Kconfig dropped # CONFIG_A is not set, CONFIG_PCI=y: " in verdict.message
    assert not (place(request) / "build/.config").exists()


def test_wishes_that_are_refused_are_left_out(tmp_path: Path) -> None:
    refusing = "Not all are there.\nMissing: # CONFIG_PCI is not set"
    request = changed(request_for(tmp_path, config_refuses=refusing), kconfig=())
    run = run_fake(request)
    assert run.kunitconfig == "CONFIG_KUNIT=y\n# CONFIG_A is not set\n"
    steps = [call[0] for call in calls(run.build_directory)]
    assert steps == ["config", "config", "build", "exec"]
    run_fake(changed(request, header=b"/* other */\n"))
    steps = [call[0] for call in calls(run.build_directory)]
    assert steps[4:] == ["config", "build", "exec"]


def test_a_refused_wish_does_not_hide_what_is_required(tmp_path: Path) -> None:
    stderr = "Not all are there.\nMissing: CONFIG_KUNIT=y, # CONFIG_PCI is not set"
    verdict = refused(request_for(tmp_path, config_stderr=stderr))
    assert "Kconfig dropped CONFIG_KUNIT=y: " in verdict.message


def test_a_qemu_configuration_that_calls_exit(tmp_path: Path) -> None:
    verdict = refused(request_for(tmp_path, exits="\n\nOpenSBI bios was not found in x.\n"))
    assert verdict.kind is Kind.CONFIG_ERROR
    assert verdict.message.endswith(
        " kunit.py ends before it configures um and says: OpenSBI bios was not found in x."
    )


def test_a_tree_that_does_not_build_without_the_suite_either(tmp_path: Path) -> None:
    stderr = "@ROOT@/fs/fcntl.c:7:1: error: too many flags\n@ROOT@/fs/fcntl.c:9:1: error: y"
    request = request_for(tmp_path, build_stderr=stderr)
    verdict = refused(request)
    assert verdict.kind is Kind.TREE_ERROR
    assert verdict.message == (
        "the tree does not build for this target without our suite either: "
        "fs/fcntl.c:7:1: error: too many flags"
    )
    assert not (place(request) / "shadow/mm/pageconsistency/suite.c").exists()


def test_a_tree_that_builds_without_the_suite(tmp_path: Path) -> None:
    stderr = "@ROOT@/mm/slab.c:7:1: error: too many cooks"
    verdict = refused(request_for(tmp_path, build_stderr=stderr, builds_without_suite=True))
    assert verdict.kind is Kind.BUILD_ERROR
    assert "the kernel tree itself does not build, see mm/slab.c" in verdict.message


def test_a_cross_compiler_and_arguments_for_qemu(tmp_path: Path) -> None:
    request = changed(
        request_for(tmp_path), arch="s390", cross_compile="s390x-", qemu_args=("-smp", "cpus=2 x")
    )
    config, build, execute = calls(run_fake(request).build_directory)
    assert all("--cross_compile=s390x-" in call for call in (config, build, execute))
    assert [argument for argument in execute if "qemu" in argument] == [
        "--qemu_args=-smp",
        "--qemu_args='cpus=2 x'",
    ]


def test_a_header_that_does_not_compile(tmp_path: Path) -> None:
    stderr = "@ROOT@/include/linux/dual_bitmap.h:33:2: error: expected ';'"
    verdict = refused(request_for(tmp_path, build_stderr=stderr))
    assert verdict.kind is Kind.BUILD_ERROR
    assert verdict.message.startswith("the header under test does not compile")
    assert verdict.details == "include/linux/dual_bitmap.h:33:2: error: expected ';'"


def test_a_failed_build_never_boots_the_old_image(tmp_path: Path) -> None:
    build = run_fake(request_for(tmp_path)).build_directory
    request = request_for(tmp_path, build_stderr="@ROOT@/mm/slab.c:1:1: error: x")
    assert refused(request).kind is Kind.TREE_ERROR
    assert not (build / "vmlinux").exists()
    assert not (build / "linux").exists()
    assert [call[0] for call in calls(build)].count("exec") == 1


def test_a_build_without_an_image(tmp_path: Path) -> None:
    verdict = refused(request_for(tmp_path, image=None, cases=False))
    assert verdict.kind is Kind.BUILD_ERROR
    assert "left no image" in verdict.message


def test_an_image_that_is_no_elf_file(tmp_path: Path) -> None:
    verdict = refused(request_for(tmp_path, image=Path(__file__), cases=False))
    assert verdict.kind is Kind.CONFIG_ERROR
    assert "is not a sound ELF file" in verdict.message


def test_an_image_without_the_functions_asked_for(tmp_path: Path) -> None:
    functions = frozenset({"pc_one", "pc_two", "pc_three"})
    verdict = refused(changed(request_for(tmp_path), functions=functions))
    assert verdict.kind is Kind.IMAGE_MISMATCH
    assert verdict.message.startswith("the built kernel lacks pc_three, pc_two: ")


def test_a_wrong_image_is_not_waited_for(tmp_path: Path) -> None:
    """User Mode Linux boots while its image is looked at."""
    request = changed(request_for(tmp_path, hang="exec"), abi=Abi(32, "big"), timeout=300)
    began = time.monotonic()
    assert refused(request).kind is Kind.IMAGE_MISMATCH
    assert time.monotonic() - began < 100


def test_an_image_for_another_abi(tmp_path: Path) -> None:
    verdict = refused(changed(request_for(tmp_path), abi=Abi(32, "big")))
    assert verdict.kind is Kind.IMAGE_MISMATCH
    assert "the oracle ran for 32-bit, big-endian" in verdict.message


def test_kunit_that_cannot_start_the_kernel(tmp_path: Path) -> None:
    stderr = "FileNotFoundError: No such file: 'qemu-system-s390x'"
    verdict = refused(request_for(tmp_path, console="", exec_stderr=stderr))
    assert verdict.kind is Kind.CONFIG_ERROR
    assert "qemu-system-s390x" in verdict.message


def test_a_kernel_that_dies_early_is_no_error_here(tmp_path: Path) -> None:
    run = run_fake(request_for(tmp_path, console="Kernel panic - not syncing: x\n"))
    assert "Kernel panic" in run.console


def test_a_boot_that_hangs(tmp_path: Path) -> None:
    request = changed(request_for(tmp_path, hang="exec"), timeout=1)
    run = run_fake(request)
    assert run.timed_out
    assert CONSOLE in run.console
    assert run.seconds["boot"] < 20
    assert_nothing_left(run)


def test_a_boot_that_hangs_and_ignores_signals(tmp_path: Path) -> None:
    behaviour = request_for(tmp_path, hang="exec", ignore_signals=True, leave_child="exec")
    run = run_fake(changed(behaviour, timeout=1))
    assert run.timed_out
    assert CONSOLE in run.console
    assert_nothing_left(run)


def test_a_boot_that_leaves_a_process_behind(tmp_path: Path) -> None:
    run = run_fake(request_for(tmp_path, leave_child="exec"))
    assert not run.timed_out
    assert CONSOLE in run.console
    assert_nothing_left(run)


def test_a_boot_that_prints_without_end(tmp_path: Path) -> None:
    request = changed(request_for(tmp_path, flood="exec"), output_limit=100_000)
    run = run_fake(request)
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


@pytest.mark.parametrize("name", ["with space", "with:colon", "with#hash"])
def test_a_cache_that_make_cannot_use(tmp_path: Path, name: str) -> None:
    verdict = refused(changed(request_for(tmp_path), cache=tmp_path / name))
    assert verdict.kind is Kind.CONFIG_ERROR
    assert verdict.message.startswith(f"make cannot build in {tmp_path / name}: ")
    assert not (tmp_path / name).exists()


SESSION = """
import sys
sys.path.insert(0, {tests!r})
from pathlib import Path
from test_kunit_runner import request_for, run_session

run_session(request_for(Path({path!r}), **{behaviour!r}), {timeout})
"""


def run_session(request: KernelRequest, timeout: float) -> None:
    """What the other process does."""
    board = Board()
    display = PlainDisplay(board, sys.stdout.write)
    with Background(1) as background:
        worker = board.worker("um", background.raise_if_cancelled)
        future = background.submit(run_kernel, changed(request, timeout=timeout), Cores(1), worker)
        background.wait(future, display.show)
    display.close()


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

    assert CONSOLE in run_fake(request_for(tmp_path)).console


def test_what_a_killed_session_left_running_is_ended(tmp_path: Path) -> None:
    with other_session(tmp_path, hang="build", leave_child="build") as process:
        session = wait_for_step(tmp_path, "build")
        process.kill()
    assert session_members(session)

    assert CONSOLE in run_fake(request_for(tmp_path)).console
    assert session_members(session) == []


def test_two_sessions_wait_for_each_other(tmp_path: Path) -> None:
    with (
        other_session(tmp_path, timeout=2, hang="exec") as first,
        other_session_after(tmp_path, "exec") as second,
    ):
        output, _ = second.communicate(timeout=60)
        first.communicate(timeout=60)
    assert first.returncode == second.returncode == 0
    assert output.startswith("um: waiting for another session that uses ")
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

    run_fake(request_for(tmp_path), Heard())
    assert notes == []
