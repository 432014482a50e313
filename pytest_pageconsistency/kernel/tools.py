# SPDX-License-Identifier: GPL-2.0-only
"""Say before a build, in one sentence, which tools the machine lacks for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from pytest_pageconsistency.architecture import Architecture
from pytest_pageconsistency.kernel.machine import Machine
from pytest_pageconsistency.kernel.qemu_configs import QemuConfig
from pytest_pageconsistency.kernel.toolchain import (
    find_toolchain,
    has_llvm,
    make_variables,
    package_of,
    programs,
)
from pytest_pageconsistency.verdict import Kind, TargetError

_ALWAYS = ("make", "flex", "bison", "bc", "python3", "awk", "cmp", "find")


class Role(Enum):
    """What a tool is needed for."""

    HOST = "host"
    """Every build: make, flex, the compiler of the build's own programs, libc's headers."""
    COMPILER = "compiler"
    """The code of the kernel: compiler, linker and the like."""
    UNNAMED_COMPILER = "unnamed compiler"
    """Stands for them where nothing says what they are called."""
    EMULATOR = "emulator"
    OTHER = "other"
    """A firmware file, or a header, for this architecture alone."""


@dataclass(frozen=True)
class Tool:
    """A program or file that a build or boot needs.

    `place` is where it is on this machine, None if it is missing; `package` is Debian's that
    brings it, "" if none is known or it is a path that the user gave.
    """

    name: str
    role: Role
    package: str
    place: str | None


def require_tools(
    architecture: Architecture,
    qemu_config: QemuConfig | None,
    make_options: Sequence[str],
    cross_compile: str | None,
    machine: Machine | None = None,
) -> None:
    """TargetError (TOOL_MISSING) naming all that `needed_tools` finds no place of.

    CONFIG_ERROR where no package can help, because an option names what is not there.
    """
    missing = missing_tools(architecture, qemu_config, make_options, cross_compile, machine)
    if not missing:
        return
    wrong = [tool.name for tool in missing if cross_compile and tool.name.startswith(cross_compile)]
    if wrong and cross_compile != architecture.cross_compile:
        message = (
            f"--kunit-cross-compile: there is no {wrong[0]} for {architecture.name}; "
            "give what stands before gcc in the name of its compiler"
        )
        raise TargetError(Kind.CONFIG_ERROR, message)
    raise _missing_error(missing)


def missing_tools(
    architecture: Architecture,
    qemu_config: QemuConfig | None,
    make_options: Sequence[str],
    cross_compile: str | None,
    machine: Machine | None = None,
) -> list[Tool]:
    """Those of `needed_tools` that the machine lacks."""
    needed = needed_tools(architecture, qemu_config, make_options, cross_compile, machine)
    return [tool for tool in needed if tool.place is None]


def needed_tools(
    architecture: Architecture,
    qemu_config: QemuConfig | None,
    make_options: Sequence[str],
    cross_compile: str | None,
    machine: Machine | None = None,
) -> list[Tool]:
    """All that building and booting takes, each once.

    Understands CC=, HOSTCC=, LD=, LLVM= and CROSS_COMPILE= as make does. `cross_compile` is the
    prefix that the user gave; without `qemu_config` nothing of QEMU's is needed.
    """
    machine = machine or Machine()
    variables = make_variables(make_options)
    prefix = cross_compile_prefix(architecture, cross_compile, make_options, machine)
    prefix = variables.get("CROSS_COMPILE", prefix)
    toolchain = find_toolchain(variables, prefix)
    packages = {f"{architecture.cross_compile}gcc": architecture.compiler_package}

    def find(names: Iterable[str], role: Role) -> Iterator[Tool]:
        for name in names:
            package = packages.get(name) or package_of(name, prefix, architecture.cross_compile)
            yield Tool(name, role, package, machine.which(name))

    tools = [*find(_ALWAYS, Role.HOST)]
    if _names_compiler(architecture, cross_compile, variables, machine):
        tools += find(programs(toolchain.commands), Role.COMPILER)
    else:
        name = f"a compiler for {architecture.name}"
        tools.append(Tool(name, Role.UNNAMED_COMPILER, "", None))
    tools += find(programs([toolchain.host_compiler]), Role.HOST)
    tools += _headers(architecture, toolchain.host_compiler, machine)
    if qemu_config is not None:
        tools += _for_qemu(architecture, qemu_config, machine)
    # A native compiler is the host's too.
    unique: dict[str, Tool] = {}
    for tool in tools:
        unique.setdefault(tool.name, tool)
    return list(unique.values())


def cross_compile_prefix(
    architecture: Architecture,
    given: str | None,
    make_options: Sequence[str] = (),
    machine: Machine | None = None,
) -> str:
    """What kunit.py's --cross_compile gets, "" for nothing: `given` by the user, or what we know.

    Nothing, too, where the make options say it, where LLVM= makes clang compile for every
    architecture, and where an architecture's own machine has its gcc under no other name.
    """
    machine = machine or Machine()
    variables = make_variables(make_options)
    if "CROSS_COMPILE" in variables:
        return ""
    if given is not None:
        return given
    if has_llvm(variables):
        return ""
    prefix = architecture.cross_compile
    if machine.kind in architecture.native and machine.which(f"{prefix}gcc") is None:
        return ""
    return prefix


def packages_of(tools: Sequence[Tool]) -> list[str]:
    """The Debian packages that bring `tools`, each once, sorted."""
    return sorted({tool.package for tool in tools if tool.package})


def _headers(architecture: Architecture, compiler: str, machine: Machine) -> Iterator[Tool]:
    wanted = [("stdio.h", Role.HOST, "libc6-dev")]
    if architecture.host_header:
        wanted.append((architecture.host_header, Role.OTHER, architecture.host_header_package))
    for name, role, package in wanted:
        there = machine.has_header(compiler, name)
        yield Tool(name, role, package, name if there else None)


def _for_qemu(
    architecture: Architecture, qemu_config: QemuConfig, machine: Machine
) -> Iterator[Tool]:
    if emulator := qemu_config.emulator:
        # Debian's packages of one emulator, real or virtual, are called as it is.
        package = architecture.emulator_package or emulator.replace("_", "-")
        yield Tool(emulator, Role.EMULATOR, package, machine.which(emulator))
    if firmware := architecture.firmware:
        place = firmware if machine.is_file(firmware) else None
        yield Tool(firmware, Role.OTHER, architecture.firmware_package, place)


def _names_compiler(
    architecture: Architecture, given: str | None, variables: Mapping[str, str], machine: Machine
) -> bool:
    """Whether anything says how to compile for `architecture`; plain gcc compiles for few."""
    return (
        bool(architecture.cross_compile)
        or machine.kind in architecture.native
        or given is not None
        or not variables.keys().isdisjoint({"CC", "CROSS_COMPILE"})
        or has_llvm(variables)
    )


def _missing_error(missing: Sequence[Tool]) -> TargetError:
    are, them = ("is", "it") if len(missing) == 1 else ("are", "them")
    packages = packages_of(missing)
    without = [tool for tool in missing if not tool.package]
    # An option gave the name of everything else that no package brings.
    wrong = [tool for tool in without if tool.role is not Role.UNNAMED_COMPILER]
    advice = []
    if without != wrong:
        advice.append("name the prefix of one with --kunit-cross-compile")
    if wrong:
        advice.append("correct the make options")
    if packages:
        them = "the rest" if without else them
        advice.append(f"install {them} with: apt-get install {' '.join(packages)}")
    kind = Kind.CONFIG_ERROR if wrong else Kind.TOOL_MISSING
    names = _listed([tool.name for tool in missing])
    return TargetError(kind, f"{names} {are} missing; {'; '.join(advice)}")


def _listed(names: Sequence[str]) -> str:
    return " and ".join(part for part in (", ".join(names[:-1]), names[-1]) if part)
