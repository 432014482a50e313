# SPDX-License-Identifier: GPL-2.0-only
"""Compile a program for a kernel that was built, with nothing but what its tree has.

The C library is the tree's tools/include/nolibc. The headers of the system calls are the tree's
own as they lie there, and those that the build generated: `make headers_install` would take longer
than all else, does not work for User Mode Linux, and wants rsync.
"""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass
from pathlib import Path

from pytest_pageconsistency.kernel.environment import clean_environment
from pytest_pageconsistency.kernel.place import Configuration
from pytest_pageconsistency.kernel.process import Completed, Limits, run
from pytest_pageconsistency.kernel.toolchain import find_toolchain, make_variables
from pytest_pageconsistency.verdict import Kind, TargetError

_NOLIBC = "tools/include/nolibc"
_UNKNOWN = "Unsupported Architecture"
# Where the kernel's Makefile gives make's name of an architecture another directory.
_DIRECTORIES = {"um": "x86", "x86_64": "x86", "i386": "x86", "sparc64": "sparc"}
_SECONDS = 60


@dataclass(frozen=True)
class UserProgram:
    """A source to compile, `flags` for the compiler, and where the result goes.

    `headers` has what the tree's headers include and exported ones do not; `build` is the build
    directory of a kernel of that architecture.
    """

    source: Path
    headers: Path
    build: Path
    output: Path
    flags: tuple[str, ...] = ()


def compile_program(configuration: Configuration, program: UserProgram) -> None:
    """Write the static program, without any library.

    TargetError: TOOL_MISSING where the tree's nolibc does not know the architecture, BUILD_ERROR.
    """
    tree = configuration.tree
    nolibc = tree.path / _NOLIBC / "nolibc.h"
    if not nolibc.is_file():
        message = f"linux {tree.version} has no {_NOLIBC}: give a newer tree"
        raise TargetError(Kind.CONFIG_ERROR, message)
    variables = make_variables(configuration.make_options)
    prefix = variables.get("CROSS_COMPILE", configuration.cross_compile)
    compiler = shlex.split(find_toolchain(variables, prefix).commands[0])
    done = _run(
        [
            *compiler,
            *("-Os", "-Wall", "-Wextra", "-Werror", "-fno-stack-protector", "-fno-ident"),
            *("-fno-asynchronous-unwind-tables", "-nostdlib", "-nostdinc", "-static", "-no-pie"),
            *program.flags,
            # Older ones include the compiler's own headers, such as stdarg.h.
            *("-isystem", _run([*compiler, "-print-file-name=include"]).output.strip()),
            *(f"-I{directory}" for directory in _include_directories(configuration, program)),
            # What the kernel's headers say to the kernel alone.
            *("-D__user=", "-D__EXPORTED_HEADERS__", f"-include{nolibc}"),
            *("-o", str(program.output), str(program.source), "-lgcc"),
        ]
    )
    if done.returncode == 0:
        return
    if _UNKNOWN in done.output:
        message = (
            f"the nolibc of linux {tree.version} does not know {configuration.arch}: give a tree "
            "whose tools/include/nolibc does"
        )
        raise TargetError(Kind.TOOL_MISSING, message)
    message = f"{program.source.name} does not compile for {configuration.arch}: see below"
    raise TargetError(Kind.BUILD_ERROR, message, done.output[-4000:])


def _run(command: list[str]) -> Completed:
    return run(command, limits=Limits(seconds=_SECONDS), environment=clean_environment(os.environ))


def _include_directories(configuration: Configuration, program: UserProgram) -> list[Path]:
    tree, build = configuration.tree.path, program.build
    name = _DIRECTORIES.get(configuration.linux_arch, configuration.linux_arch)
    return [
        tree / "arch" / name / "include/uapi",
        build / "arch" / name / "include/generated/uapi",
        tree / "include/uapi",
        build / "include/generated/uapi",
        program.headers,
    ]
