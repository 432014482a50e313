# SPDX-License-Identifier: GPL-2.0-only
"""Say before a build, in one sentence, which tools the machine lacks for it."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator, Sequence

from pytest_pageconsistency.verdict import Kind, TargetError

_ALWAYS = ("make", "flex", "bison", "bc", "python3", "awk", "cmp", "find")
_BINUTILS = ("ld", "ar", "nm", "objcopy")
_LLVM = ("ld.lld", "llvm-ar", "llvm-nm", "llvm-objcopy")
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


def require_tools(
    make_options: Sequence[str], which: Callable[[str], str | None] = shutil.which
) -> None:
    """TargetError (TOOL_MISSING) naming every tool that a build with `make_options` lacks.

    CONFIG_ERROR where no package can help, because an option names a path.

    Understands CC=, HOSTCC=, LD=, LLVM= and CROSS_COMPILE= as make does; `which` looks a
    program up.
    """
    missing = [tool for tool in dict.fromkeys(_needed(make_options)) if which(tool) is None]
    if not missing:
        return
    are, them = ("is", "it") if len(missing) == 1 else ("are", "them")
    packages = sorted({package for tool in missing if (package := _package(tool))})
    advice = f"install {them} with: apt-get install {' '.join(packages)}"
    if not packages:
        advice = "correct the make options"
    message = f"{_listed(missing)} {are} missing; {advice}"
    kind = Kind.TOOL_MISSING if packages else Kind.CONFIG_ERROR
    raise TargetError(kind, message)


def _needed(make_options: Sequence[str]) -> Iterator[str]:
    options = dict(option.split("=", 1) for option in make_options if "=" in option)
    yield from _ALWAYS
    llvm = options.get("LLVM", "")
    if llvm in ("", "0"):
        cross = options.get("CROSS_COMPILE", "")
        compiler, host = f"{cross}gcc", "gcc"
        yield from (options.get("LD", f"{cross}ld"), *(f"{cross}{tool}" for tool in _BINUTILS[1:]))
    else:
        # LLVM=1, LLVM=/directory/ and LLVM=-15 are what the kernel knows.
        prefix = llvm if llvm.endswith("/") else ""
        suffix = llvm if llvm.startswith("-") else ""
        compiler = host = f"{prefix}clang{suffix}"
        yield options.get("LD", f"{prefix}{_LLVM[0]}{suffix}")
        yield from (f"{prefix}{tool}{suffix}" for tool in _LLVM[1:])
    for command in (options.get("CC", compiler), options.get("HOSTCC", host)):
        words = command.split()
        yield from words[: 2 if words and words[0] in _WRAPPERS else 1]


def _package(tool: str) -> str | None:
    """Name Debian's package that holds `tool`; None for a path."""
    if "/" in tool:
        return None
    if cross := re.fullmatch(r"(.+-linux-gnu\w*)-(.+)", tool):
        base = "gcc" if cross[2].startswith("gcc") else _PACKAGES.get(cross[2], cross[2])
        return f"{base}-{cross[1]}".replace("_", "-")
    if versioned := re.fullmatch(r"(ld\.lld|llvm-\w+|clang|gcc)(-\d+)", tool):
        return _PACKAGES.get(versioned[1], versioned[1]) + versioned[2]
    return _PACKAGES.get(tool, tool)


def _listed(names: Sequence[str]) -> str:
    return " and ".join(part for part in (", ".join(names[:-1]), names[-1]) if part)
