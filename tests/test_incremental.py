# SPDX-License-Identifier: GPL-2.0-only
"""What a second run does after something changed, on the fake kernel."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from fake_kernel import calls, make_fake_make
from filelock import FileLock
from test_kunit_runner import (
    SUITE,
    changed,
    other_session,
    place,
    refused,
    request_for,
    run_fake,
    wait_for_step,
)

from pytest_pageconsistency.background import Cancelled
from pytest_pageconsistency.kernel.kunit import KernelRequest, refresh_kernel
from pytest_pageconsistency.progress import SilentProgress
from pytest_pageconsistency.refresh import Wordless

ALL = ["config", "build", "exec"]
MARK = "from-before"
"""A file in the build directory that is there as long as nothing was built from nothing."""


@pytest.fixture(autouse=True)
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    directory = make_fake_make(tmp_path / "tools")
    monkeypatch.setenv("PATH", f"{directory}{os.pathsep}{os.environ['PATH']}")
    return directory


@pytest.fixture
def built(tmp_path: Path) -> KernelRequest:
    """What was built, of a tree that is not brand-new."""
    request = request_for(tmp_path)
    settle(request.configuration.tree.path)
    run_fake(request)
    (place(request) / "build" / MARK).touch()
    return request


def settle(tree: Path) -> None:
    """Let the disk's clock go on: what changed at the very time of a build counts as unknown."""
    last = max(path.stat().st_ctime_ns for path in tree.rglob("*"))
    clock = tree.parent / "clock"
    while True:
        clock.touch()
        if clock.stat().st_ctime_ns > last:
            return


def steps(request: KernelRequest) -> list[str]:
    """What the stub kunit.py is called for in another run; "clean" is a build from nothing."""
    build = place(request) / "build"
    before = len(calls(build))
    run_fake(request)
    if not (build / MARK).exists():
        return ["clean", *(call[0] for call in calls(build))]
    return [call[0] for call in calls(build)[before:]]


def tree_of(request: KernelRequest) -> Path:
    return request.configuration.tree.path


def edit(path: Path) -> None:
    path.write_text(path.read_text() + "# edited\n")


def replace_by_older(path: Path) -> None:
    edit(path)
    os.utime(path, (1e9, 1e9))


def test_nothing_changed(built: KernelRequest) -> None:
    assert steps(built) == ["exec"]
    assert run_fake(built).seconds["config"] == run_fake(built).seconds["build"] == 0.0


def test_touched_is_not_changed(built: KernelRequest) -> None:
    for path in tree_of(built).rglob("*"):
        os.utime(path)
    assert steps(built) == ["exec"]
    assert steps(built) == ["exec"]


@pytest.mark.parametrize("name", ["suite.c", "Makefile", "Kconfig"])
def test_the_suite(built: KernelRequest, name: str) -> None:
    suite = SUITE | {name: SUITE[name] + b"\n"}
    assert steps(changed(built, suite=suite)) == ALL
    assert steps(changed(built, suite=suite)) == ["exec"]


def test_a_head_start_calls_neither_make_nor_the_kernel(built: KernelRequest) -> None:
    """Whatever changed: what it cannot do is left to the session, which finds it undone."""
    build = place(built) / "build"
    before = calls(build)
    refresh_kernel(built, 1, SilentProgress())
    edit(tree_of(built) / "mm/Makefile")
    refresh_kernel(built, 1, SilentProgress())
    refresh_kernel(changed(built, header=b"/* other */\n"), 1, SilentProgress())
    assert calls(build) == before
    assert steps(changed(built, header=b"/* other */\n")) == ALL


def test_a_head_start_leaves_files_of_the_tree_as_the_session_had_them(
    built: KernelRequest,
) -> None:
    request = changed(built, changed={"mm/page_consistency.c": b"/* checker */\n"})
    steps(request)
    file = place(request) / "shadow/mm/page_consistency.c"
    before = file.stat().st_mtime_ns
    refresh_kernel(request, 1, SilentProgress())
    assert file.read_bytes() == b"/* checker */\n"
    assert file.stat().st_mtime_ns == before
    assert steps(request) == ["exec"]


def test_a_head_start_waits_for_nobody(built: KernelRequest) -> None:
    with FileLock(place(built) / "lock"), pytest.raises(Cancelled, match="another session"):
        refresh_kernel(built, 1, Wordless())


def test_a_file_more_and_a_file_less(built: KernelRequest) -> None:
    assert steps(changed(built, suite=SUITE | {"more.h": b""})) == ALL
    assert steps(changed(built, suite=SUITE)) == ALL


def test_the_header(built: KernelRequest) -> None:
    assert steps(changed(built, header=b"/* other */\n")) == ALL
    assert steps(changed(built, header=b"/* other */\n")) == ["exec"]


@pytest.mark.parametrize(
    "name", ["Makefile", "mm/Makefile", "mm/Kconfig.debug", "scripts/Kbuild.include"]
)
def test_what_make_and_kconfig_read(built: KernelRequest, name: str) -> None:
    edit(tree_of(built) / name)
    assert steps(built) == ALL
    assert steps(built) == ["exec"]


def test_kunit_itself(built: KernelRequest) -> None:
    edit(tree_of(built) / "tools/testing/kunit/kunit.py")
    assert steps(built) == ALL


def test_what_make_cannot_see_is_built_from_nothing(built: KernelRequest) -> None:
    replace_by_older(tree_of(built) / "scripts/Kbuild.include")
    assert steps(built) == ["clean", *ALL]
    (place(built) / "build" / MARK).touch()
    assert steps(built) == ["exec"]


@pytest.mark.parametrize("name", ["lib/new.h", "Makefile.new", "include/linux/new.h"])
def test_a_new_file(built: KernelRequest, name: str) -> None:
    path = tree_of(built) / name
    path.parent.mkdir(exist_ok=True)
    path.touch()
    assert steps(built) == ALL
    path.unlink()
    assert steps(built) == ALL


@pytest.mark.parametrize("name", [".bitmap.h.swp", "bitmap.h~", "4913", "slab.o", ".slab.o.cmd"])
def test_what_editors_and_other_builds_leave_is_nothing(built: KernelRequest, name: str) -> None:
    (tree_of(built) / "mm" / name).touch()
    assert steps(built) == ["exec"]


def test_documents_and_other_architectures_are_not_read(built: KernelRequest) -> None:
    for name in ("Documentation/x/Makefile", "README.rst", "tools/testing/selftests/Makefile"):
        path = tree_of(built) / name
        assert not path.exists()
    (tree_of(built) / "Documentation").mkdir()
    assert steps(built) == ALL  # the name of a directory
    (tree_of(built) / "Documentation/Makefile").touch()
    assert steps(built) == ["exec"]


def test_a_compiler_that_is_another_one(built: KernelRequest, tools: Path) -> None:
    compiler = tools / "gcc"
    compiler.write_text('#!/bin/sh\nexec /usr/bin/gcc "$@"\n')
    compiler.chmod(0o755)
    assert steps(built) == ["clean", *ALL]
    (place(built) / "build" / MARK).touch()
    settle(tools)
    assert steps(built) == ["exec"]
    compiler.write_text('#!/bin/sh\nexec /usr/bin/gcc -DX "$@"\n')
    assert steps(built) == ["clean", *ALL]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("HOSTCFLAGS", ALL),
        ("AFLAGS_suite.o", ALL),
        ("C_INCLUDE_PATH", ["clean", *ALL]),
        ("LD_PRELOAD_X", ["clean", *ALL]),
        ("PYTEST_CURRENT_TEST_X", ["exec"]),
        ("COLUMNS", ["exec"]),
    ],
)
def test_the_environment(
    built: KernelRequest, monkeypatch: pytest.MonkeyPatch, name: str, expected: list[str]
) -> None:
    monkeypatch.setenv(name, "/x")
    assert steps(built) == expected


def test_no_value_of_the_environment_is_written_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A_SECRET", "hunter2hunter2")
    request = request_for(tmp_path)
    run_fake(request)
    assert b"hunter2" not in (place(request) / "record").read_bytes()


def write_nonsense(path: Path) -> None:
    path.write_bytes(b"\x7fELF nonsense")


@pytest.mark.parametrize("damage", [write_nonsense, Path.unlink])
def test_an_image_that_is_not_the_one_built(
    built: KernelRequest, damage: Callable[[Path], None]
) -> None:
    damage(place(built) / "build/vmlinux")
    assert steps(built) == ALL
    assert steps(built) == ["exec"]


def test_a_configuration_that_was_edited(built: KernelRequest) -> None:
    edit(place(built) / "build/.config")
    assert steps(built) == ALL
    assert "# edited" not in (place(built) / "build/.config").read_text()


def test_wishes_that_were_refused_once(built: KernelRequest) -> None:
    (place(built) / "refused").write_text("# CONFIG_PCI is not set\n")
    assert steps(built) == ALL
    assert "PCI" not in run_fake(built).kunitconfig


@pytest.mark.parametrize("content", [b"", b"x", b"pageconsistency record 1\n"])
def test_a_record_that_cannot_be_read_is_none(built: KernelRequest, content: bytes) -> None:
    (place(built) / "record").write_bytes(content)
    assert steps(built) == ["clean", *ALL]


def test_a_record_that_lost_its_end_is_none(built: KernelRequest) -> None:
    record = place(built) / "record"
    record.write_bytes(record.read_bytes()[:-1])
    assert steps(built) == ["clean", *ALL]


def test_a_build_that_fails_is_not_the_last_word(tmp_path: Path, built: KernelRequest) -> None:
    refused(request_for(tmp_path, build_stderr="@ROOT@/mm/slab.c:1:1: error: x"))
    request_for(tmp_path)
    assert steps(built) == ALL
    assert steps(built) == ["exec"]


def test_a_killed_build_is_not_the_last_word(tmp_path: Path, built: KernelRequest) -> None:
    with other_session(tmp_path, hang="build") as process:
        wait_for_step(tmp_path, "build")
        process.send_signal(signal.SIGKILL)
    request_for(tmp_path)
    assert not (place(built) / "record").exists()
    assert steps(built) == ALL
    assert steps(built) == ["exec"]


def test_what_changes_during_a_build_is_built_again(tmp_path: Path) -> None:
    request = request_for(tmp_path, edits=tmp_path / "linux/mm/Makefile")
    settle(tree_of(request))
    run_fake(request)
    (place(request) / "build" / MARK).touch()
    # The shadow has its own, which has the change now.
    assert steps(request) == ALL


def test_a_script_that_changes_during_a_build_is_no_known_one(tmp_path: Path) -> None:
    request = request_for(tmp_path, edits=tmp_path / "linux/scripts/Kbuild.include")
    settle(tree_of(request))
    run_fake(request)
    (place(request) / "build" / MARK).touch()
    assert steps(request) == ["clean", *ALL]


def test_checking_takes_no_time(built: KernelRequest) -> None:
    best = min(spent(built) for _ in range(5))
    assert best < 0.1


def spent(request: KernelRequest) -> float:
    began = time.perf_counter()
    run = run_fake(request)
    return time.perf_counter() - began - run.seconds["boot"]
