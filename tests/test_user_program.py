# SPDX-License-Identifier: GPL-2.0-only
"""Programs against a tree's nolibc: here a tree that has hardly more than that."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from test_kunit_runner import request_for

from pytest_pageconsistency.kernel.place import Configuration
from pytest_pageconsistency.kernel.user_program import UserProgram, compile_program
from pytest_pageconsistency.verdict import Kind, TargetError

NOLIBC = """\
#include <stdarg.h>
#include <asm/number.h>
#include <linux/compiler_types.h>
#ifdef __powerpc__
#error Unsupported Architecture
#endif
static void leave(long code)
{
	__asm__ volatile ("syscall" : : "a" (60), "D" (code));
}
void _start(void);
int main(void);
void _start(void)
{
	leave(main());
}
"""


@pytest.fixture
def configuration(tmp_path: Path) -> Configuration:
    configuration = replace(request_for(tmp_path).configuration, make_options=())
    nolibc = configuration.tree.path / "tools/include/nolibc"
    nolibc.mkdir(parents=True)
    (nolibc / "nolibc.h").write_text(NOLIBC)
    return configuration


@pytest.fixture
def program(tmp_path: Path) -> UserProgram:
    source = tmp_path / "init.c"
    source.write_text("int main(void) { return NUMBER; }\n")
    headers, build = tmp_path / "headers", tmp_path / "build"
    (headers / "linux").mkdir(parents=True)
    (headers / "linux/compiler_types.h").touch()
    made = build / "arch/x86/include/generated/uapi/asm"
    made.mkdir(parents=True)
    (made / "number.h").write_text("#define NUMBER 7\n")
    return UserProgram(source, headers, build, tmp_path / "init")


def refused(configuration: Configuration, program: UserProgram) -> TargetError:
    with pytest.raises(TargetError) as caught:
        compile_program(configuration, program)
    assert not program.output.exists()
    return caught.value


def test_what_the_tree_has_is_enough(configuration: Configuration, program: UserProgram) -> None:
    compile_program(configuration, program)
    assert subprocess.run([program.output], check=False).returncode == 7


def test_a_wrapped_compiler(
    configuration: Configuration, program: UserProgram, tmp_path: Path
) -> None:
    compile_program(replace(configuration, make_options=("CC=env gcc -pipe",)), program)
    assert program.output.exists()


def test_a_tree_without_nolibc(configuration: Configuration, program: UserProgram) -> None:
    (configuration.tree.path / "tools/include/nolibc/nolibc.h").unlink()
    error = refused(configuration, program)
    assert error.verdict.kind is Kind.CONFIG_ERROR
    assert error.verdict.message == ("linux 6.12.1 has no tools/include/nolibc: give a newer tree")


def test_an_architecture_that_nolibc_does_not_know(
    configuration: Configuration, program: UserProgram
) -> None:
    error = refused(replace(configuration, arch="m68k"), replace(program, flags=("-D__powerpc__",)))
    assert error.verdict.kind is Kind.TOOL_MISSING
    assert error.verdict.message == (
        "the nolibc of linux 6.12.1 does not know m68k: give a tree whose tools/include/nolibc does"
    )


def test_a_program_that_is_wrong(configuration: Configuration, program: UserProgram) -> None:
    program.source.write_text("int main(void) { return unknown; }\n")
    error = refused(configuration, program)
    assert error.verdict.kind is Kind.BUILD_ERROR
    assert "'unknown' undeclared" in error.verdict.details
