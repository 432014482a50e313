# SPDX-License-Identifier: GPL-2.0-only
"""Where the programs that build a kernel are, and the compilers' own parts: to see them change."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence

from pytest_pageconsistency.kernel.process import run
from pytest_pageconsistency.kernel.toolchain import (
    Toolchain,
    find_toolchain,
    make_variables,
    programs,
)

_COMMON = (
    *("make", "sh", "bash", "flex", "bison", "bc", "m4", "perl", "python3", "pahole", "ccache"),
    *("awk", "gawk", "mawk", "sed", "grep", "cc", "cpp", "ld.bfd", "ld.gold", "ld.lld", "env"),
)
_BINUTILS = ("gcc", "as", "ld", "ld.bfd", "ar", "nm", "objcopy", "objdump", "strip", "readelf")
_COMPILER_PARTS = (
    *("cc1", "collect2", "as", "ld", "real-ld", "lto1", "lto-wrapper", "liblto_plugin.so"),
)
# What gcc gives the linker of a User Mode Linux, and of programs for the host, unasked.
_LINKED = (
    *("specs", "crt1.o", "Scrt1.o", "crti.o", "crtn.o", "crtbegin.o", "crtbeginT.o", "crtbeginS.o"),
    *("crtend.o", "crtendS.o", "libgcc.a", "libgcc_eh.a", "libgcc_s.so", "libc.so", "libc.a"),
    *("libc_nonshared.a", "libpthread.a", "librt.a", "libutil.a", "libelf.so", "libcrypto.so"),
)
_SEARCHED = re.compile(r"^(programs|libraries): =(.*)$", re.MULTILINE)


def tool_files(
    make_options: Sequence[str], prefix: str, environment: Mapping[str, str]
) -> list[str]:
    """Every path at which a program of a kernel build is, or would be found before that.

    `make_options` ("CC=gcc-12") and `prefix` ("s390x-linux-gnu-") are what make is given,
    `environment` has the PATH. Also what gcc and clang say (-print-search-dirs) that they call and
    link by themselves. Many of the paths do not exist.
    """
    toolchain = find_toolchain(make_variables(make_options), prefix)
    names = {*_COMMON, *_BINUTILS, *(prefix + name for name in _BINUTILS)}
    names.update(programs([*toolchain.commands, toolchain.host_compiler]))
    directories = [part for part in environment.get("PATH", "").split(os.pathsep) if part]
    found: set[str] = set()
    for name in names:
        found.update([name] if "/" in name else (f"{part}/{name}" for part in directories))
    for command in _compilers(toolchain):
        found.update(_parts(command))
    return sorted(os.path.normpath(path) for path in found)


def _compilers(toolchain: Toolchain) -> set[tuple[str, ...]]:
    commands = (toolchain.commands[0], toolchain.host_compiler)
    return {tuple(command.split()) for command in commands if command.strip()}


def _parts(command: Sequence[str]) -> Iterator[str]:
    """What the compiler looks for where."""
    try:
        done = run([*command, "-print-search-dirs"])
    except OSError:
        return  # without it nothing is built at all
    wanted = {"programs": _COMPILER_PARTS, "libraries": _LINKED}
    for kind, directories in _SEARCHED.findall(done.output):
        for directory in filter(None, directories.split(":")):
            yield from (os.path.join(directory, name) for name in wanted[kind])
