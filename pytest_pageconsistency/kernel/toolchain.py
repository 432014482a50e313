# SPDX-License-Identifier: GPL-2.0-only
"""Which programs make calls to compile and link a kernel, and the packages they come in."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

_GNU = {"CC": "gcc", "LD": "ld", "AR": "ar", "NM": "nm", "OBJCOPY": "objcopy"}
_LLVM = {
    "CC": "clang",
    "LD": "ld.lld",
    "AR": "llvm-ar",
    "NM": "llvm-nm",
    "OBJCOPY": "llvm-objcopy",
}
_WRAPPERS = ("ccache", "distcc", "sccache")
_PACKAGES = {
    "ar": "binutils",
    "awk": "gawk",
    "cmp": "diffutils",
    "find": "findutils",
    "ld": "binutils",
    "ld.lld": "lld",
    "llvm-ar": "llvm",
    "llvm-nm": "llvm",
    "llvm-objcopy": "llvm",
    "nm": "binutils",
    "objcopy": "binutils",
}


@dataclass(frozen=True)
class Toolchain:
    """The commands that make gets for the kernel's code, and its compiler for the host.

    A command may have arguments, and begin with a wrapper: "ccache gcc-12 -pipe".
    """

    commands: tuple[str, ...]
    host_compiler: str


def make_variables(make_options: Sequence[str]) -> dict[str, str]:
    """What `make_options` ("CC=gcc-12") set; the last one counts, as for make."""
    return dict(option.split("=", 1) for option in make_options if "=" in option)


def has_llvm(variables: Mapping[str, str]) -> bool:
    """Whether clang, which compiles for every architecture, takes GCC's place."""
    return variables.get("LLVM", "") not in ("", "0")


def find_toolchain(variables: Mapping[str, str], prefix: str) -> Toolchain:
    """What the kernel's Makefile makes of its variables and of the prefix CROSS_COMPILE."""
    if has_llvm(variables):
        # LLVM=1, LLVM=/directory/ and LLVM=-15 are what the kernel knows.
        llvm = variables["LLVM"]
        before = llvm if llvm.endswith("/") else ""
        after = llvm if llvm.startswith("-") else ""
        names = {variable: f"{before}{name}{after}" for variable, name in _LLVM.items()}
        host = names["CC"]
    else:
        names = {variable: f"{prefix}{name}" for variable, name in _GNU.items()}
        host = "gcc"
    commands = tuple(variables.get(variable, name) for variable, name in names.items())
    return Toolchain(commands, variables.get("HOSTCC", host))


def programs(commands: Sequence[str]) -> Iterator[str]:
    """The programs that `commands` call, a wrapper's too."""
    for command in commands:
        words = command.split()
        yield from words[: 2 if words and words[0] in _WRAPPERS else 1]


def package_of(program: str, prefix: str, known_prefix: str) -> str:
    """Name Debian's package that holds `program`; "" for a path, and for who knows what.

    `prefix` is what the toolchain's programs begin with. Debian is known to have those that begin
    with `known_prefix` or with a GNU triplet.
    """
    if "/" in program:
        return ""
    triplet = re.match(r".+-linux-gnu[^-]*-", program)
    before = triplet[0] if triplet else prefix
    name = program.removeprefix(before)
    if before and name != program:
        if not triplet and before != known_prefix:
            return ""
        return f"{_PACKAGES.get(name, name)}-{before.removesuffix('-')}".replace("_", "-")
    if versioned := re.fullmatch(r"(ld\.lld|llvm-\w+|clang|gcc)(-\d+)", program):
        return _PACKAGES.get(versioned[1], versioned[1]) + versioned[2]
    return _PACKAGES.get(program, program)
