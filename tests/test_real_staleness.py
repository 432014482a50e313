# SPDX-License-Identifier: GPL-2.0-only
"""After every kind of change the kernel that boots is built from what is there now.

On a tree of links in the cache, in which files are replaced, with a compiler and a make that say
when they are called. What was built is told by what the kernel prints or decides.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from recorded import BAD_VALIDATE, bad_header

from pytest_pageconsistency.kernel.process import session_members
from pytest_pageconsistency.kernel.tree import find_tree
from pytest_pageconsistency.progress import SilentProgress

pytestmark = pytest.mark.kernel

PASSES, FAILS = "1 passed", "1 failed"
LONG_AGO = (1e9, 1e9)
NEW = "include/linux/pc_extra.h"
SHADOWING = "arch/um/include/linux/pc_extra.h"
EDITED = (NEW, SHADOWING, "lib/bitmap.c", "mm/util.c")
CASE = """
def test_case(dual_bitmap):
    db = dual_bitmap(64)
    db.set(3)
    assert db.validate() == 0
"""
ASKED = "gcc -E -x c -include stdio.h /dev/null"
"""What is asked before any kernel is thought of: whether the host has headers."""

# Tells of every call, and of the version of this script.
WRAPPER = """\
#!/bin/sh
[ -n "$CALLS" ] || CALLS={log}
echo "{name} $*" >> "$CALLS"
exec {program} "$@"{arguments}
"""
INITCALL = """
#include <linux/init.h>
#include <linux/printk.h>
static int __init pc_say_{name}(void)
{{
	pr_notice("says: {text}\\n");
	return 0;
}}
late_initcall(pc_say_{name});
"""
numbers = itertools.count(time.time_ns())


@dataclass
class World:
    """A kernel tree that may be edited, with tools of its own, and sessions on it."""

    original: Path
    tree: Path
    tools: Path
    cache: Path
    directory: Path
    arguments: list[str] = field(default_factory=list)

    @property
    def log(self) -> Path:
        """What was called, a line each."""
        return self.tools.parent / "calls"

    @property
    def place(self) -> Path:
        (place,) = (self.cache / "kernels").iterdir()
        return place

    def replace(self, name: str, text: str, times: tuple[float, float] | None = None) -> None:
        """Put a file in the place of the link, as editors do."""
        new = self.tree / f"{name}~"
        new.parent.mkdir(parents=True, exist_ok=True)
        new.write_text(text)
        if times is not None:
            os.utime(new, times)
        new.replace(self.tree / name)

    def append(self, name: str, text: str, times: tuple[float, float] | None = None) -> None:
        self.replace(name, (self.original / name).read_text() + text, times)

    def restore(self, name: str) -> None:
        """Let the file be what the original has."""
        path = self.tree / name
        if not path.is_symlink():
            path.unlink(missing_ok=True)
            if (self.original / name).exists():
                path.symlink_to(self.original / name)

    def header(self, text: str) -> None:
        """Let this be the header under test from now on."""
        path = self.directory / "header.h"
        path.write_text(text)
        self.arguments = [f"--kunit-header={path}"]

    def command(self) -> list[str]:
        return [
            *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_one.py"),
            *("--kunit-arch=um", f"--kunit-tree={self.tree}", f"--kunit-cache={self.cache}"),
            *(f"--kunit-artifacts={self.directory}/artifacts", *self.arguments),
        ]

    def start(self) -> subprocess.Popen[str]:
        path = f"{self.tools}{os.pathsep}{os.environ['PATH']}"
        self.log.write_text("")
        return subprocess.Popen(
            self.command(),
            cwd=self.directory,
            env={**os.environ, "PATH": path},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self) -> str:
        """The outcome of a session."""
        with self.start() as process:
            output, _ = process.communicate(timeout=400)
        return output

    def called(self) -> set[str]:
        """The tools that the last session called to build something."""
        lines = self.log.read_text().splitlines()
        return {line.split()[0] for line in lines if line != ASKED}

    def said(self) -> set[str]:
        """What our lines in the kernel said at the last boot."""
        console = (self.directory / "artifacts/um/console.log").read_text()
        return {line.partition("says: ")[2] for line in console.splitlines() if "says: " in line}

    def kill_at(self, call: str) -> None:
        """Start a session, and kill it and all it started when a tool was called with `call`."""
        with self.start() as process:
            deadline = time.monotonic() + 100
            while call not in self.log.read_text():
                assert process.poll() is None, process.communicate()[0]
                assert time.monotonic() < deadline
            process.send_signal(signal.SIGSTOP)
            members = descendants(process.pid)
            process.kill()
            for member in members:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(member, signal.SIGKILL)
        assert process.returncode == -signal.SIGKILL


def descendants(process: int) -> set[int]:
    """All processes of the sessions that the process started, and those that they did."""
    children = {
        int(child)
        for file in Path(f"/proc/{process}/task").glob("*/children")
        for child in file.read_text().split()
    }
    members = {member for child in children for member in session_members(child)}
    return members.union(*(descendants(member) for member in members))


def write_tool(world: World, name: str, arguments: str = "") -> None:
    program = shutil.which(name)
    assert program is not None
    text = WRAPPER.format(log=world.log, name=name, program=program, arguments=arguments)
    path = world.tools / name
    if not path.exists() or path.read_text() != text:
        path.write_text(text)
        path.chmod(0o755)


@pytest.fixture(scope="module")
def shared(kernel_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> World:
    """Kept from run to run, for a build from nothing takes minutes."""
    found = find_tree(os.environ.get("KUNIT_TREE"), kernel_cache, SilentProgress())
    root = kernel_cache.absolute() / f"stale-{found.version}"
    tools = root / "tools"
    tree = root / "tree"
    if not tree.exists():
        tools.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cp", "-as", f"{found.path.resolve()}/.", tree], check=True)
        kunit = tree / "tools/testing/kunit"
        shutil.rmtree(kunit)
        shutil.copytree(found.path / "tools/testing/kunit", kunit)
    directory = tmp_path_factory.mktemp("session")
    (directory / "test_one.py").write_text(CASE)
    world = World(found.path.resolve(), tree, tools, root / "cache", directory)
    write_tool(world, "make")
    if not (tools / "gcc").exists():
        write_tool(world, "gcc")
    return world


@pytest.fixture
def world(shared: World) -> Iterator[World]:
    """With the kernel of the original sources built."""
    shared.arguments = []
    for name in EDITED:
        shared.restore(name)
    assert PASSES in shared.run()
    assert shared.said() == set()
    yield shared
    for name in EDITED:
        shared.restore(name)


def test_nothing_changed_and_nothing_is_called(world: World) -> None:
    assert PASSES in world.run()
    assert world.called() == set()


def test_touched_and_equal(world: World) -> None:
    world.append("lib/bitmap.c", "")
    assert PASSES in world.run()
    assert world.called() == set()


def broken(returned: str) -> str:
    return bad_header("panic").replace(BAD_VALIDATE["panic"], f"return {returned};")


def test_the_header(world: World) -> None:
    for number in (2, 3):
        world.header(broken(f"{number}") + f"/* {next(numbers)} */\n")
        output = world.run()
        assert FAILS in output
        assert f"kernel: {number}" in output
        # Only what includes it is compiled, and the kernel linked.
        assert "make" not in world.called()
        assert "gcc" in world.called()
    world.arguments = []
    assert PASSES in world.run()


def with_extra(world: World) -> None:
    include = "#include <linux/types.h>\n"
    text = broken("PC_EXTRA").replace(include, f"{include}#include <linux/pc_extra.h>\n")
    world.header(text)


def test_a_file_that_the_header_includes(world: World) -> None:
    """Edited, edited with its time set back, hidden by a new one, gone and back."""
    with_extra(world)
    world.replace(NEW, "#define PC_EXTRA 5\n")
    assert "kernel: 5" in world.run()
    world.replace(NEW, "#define PC_EXTRA 6\n", LONG_AGO)
    assert "kernel: 6" in world.run()
    world.replace(SHADOWING, "#define PC_EXTRA 7\n", LONG_AGO)
    assert "kernel: 7" in world.run()
    world.restore(SHADOWING)
    assert "kernel: 6" in world.run()
    world.restore(NEW)
    assert "pc_extra.h" in world.run()
    world.arguments = []
    assert PASSES in world.run()


@pytest.mark.parametrize(
    ("name", "times"), [("lib/bitmap.c", None), ("mm/util.c", LONG_AGO)], ids=["lib", "mm, old"]
)
def test_the_tree(world: World, name: str, times: tuple[float, float] | None) -> None:
    text = f"{next(numbers)}"
    world.append(name, INITCALL.format(name="it", text=text), times)
    assert PASSES in world.run()
    assert world.said() == {text}
    # What is there again is older than the object.
    world.restore(name)
    assert PASSES in world.run()
    assert world.said() == set()


def test_another_image(world: World) -> None:
    vmlinux, linux = world.place / "build/vmlinux", world.place / "build/linux"
    for image, content in ((vmlinux, b"#!/bin/sh\n"), (linux, linux.read_bytes()[:-4096])):
        image.unlink()
        image.write_bytes(content)
        image.chmod(0o755)
        assert PASSES in world.run()
    vmlinux.unlink()
    assert PASSES in world.run()


def test_another_configuration(world: World) -> None:
    config = world.place / "build/.config"
    text = config.read_text()
    config.write_text(text.replace('CONFIG_LOCALVERSION=""', 'CONFIG_LOCALVERSION="-edited"'))
    assert config.read_text() != text
    assert PASSES in world.run()
    assert config.read_text() == text


def test_a_build_that_was_killed(world: World) -> None:
    """In make, and with a half-written object left over."""
    text = f"{next(numbers)}"
    world.append("lib/bitmap.c", INITCALL.format(name="it", text=text))
    world.kill_at("/lib/bitmap.c")
    half = world.place / "build/lib/string.o"
    content = half.read_bytes()
    half.write_bytes(content[: len(content) // 2])
    assert PASSES in world.run()
    assert world.said() == {text}
    assert half.read_bytes() == content


def test_a_compilation_that_was_killed(world: World) -> None:
    """Without make; and then the old header is back."""
    world.header(broken("4") + f"/* {next(numbers)} */\n")
    world.kill_at("-o mm/pageconsistency/")
    assert "make" not in world.called()
    world.arguments = []
    assert PASSES in world.run()
    world.header(broken("4"))
    assert "kernel: 4" in world.run()


def test_a_link_that_was_killed(world: World) -> None:
    world.header(broken("8") + f"/* {next(numbers)} */\n")
    world.kill_at("-o vmlinux")
    assert "make" not in world.called()
    assert "kernel: 8" in world.run()


REPLACING = """
import os

def pytest_collection_finish():
    if os.path.exists({new!r}):
        os.replace({new!r}, {old!r})
"""


def test_what_changes_while_pytest_collects(world: World) -> None:
    """The session has begun with the last suite and what was there then; that is not relied on."""
    conftest = world.directory / "conftest.py"
    text = f"{next(numbers)}"
    try:
        world.header(broken("2") + f"/* {next(numbers)} */\n")
        header, new = world.directory / "header.h", world.directory / "new"
        new.write_text(broken("3") + f"/* {next(numbers)} */\n")
        conftest.write_text(REPLACING.format(new=str(new), old=str(header)))
        assert "kernel: 3" in world.run()
        world.arguments = []
        source = world.tree / "lib/bitmap.c"
        new = source.with_name("new")
        new.write_text(source.read_text() + INITCALL.format(name="it", text=text))
        conftest.write_text(REPLACING.format(new=str(new), old=str(source)))
        assert PASSES in world.run()
        assert world.said() == {text}
    finally:
        conftest.unlink()


def test_the_compiler(world: World) -> None:
    """Last, for everything is compiled again: with another answer than the last time."""
    guard = f"#ifdef PC_COMPILER\n#define PC_TEXT PC_COMPILER\n{INITCALL}#endif\n"
    lines = guard.replace('"says: {text}\\n"', '"says: compiler %d\\n", PC_TEXT')
    compiler = world.tools / "gcc"
    before = compiler.read_text()
    number = "1" if "PC_COMPILER=2" in before else "2"
    world.append("lib/bitmap.c", lines.format(name="it"))
    write_tool(world, "gcc", f" -DPC_COMPILER={number}")
    os.utime(compiler, LONG_AGO)
    assert PASSES in world.run()
    assert world.said() == {f"compiler {number}"}
