# SPDX-License-Identifier: GPL-2.0-only
"""What no kernel tree says about an architecture: toolchain, packages and quirks, a file each.

Which architectures there are is the tree's to say (kernel/qemu_configs.py), and word width and
byte order are read from what was built.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable

from pytest_pageconsistency.verdict import Kind, TargetError


@dataclass(frozen=True)
class Architecture:
    """Everything but the name may be unknown, which is "" or ().

    `cross_compile` is the toolchain's prefix ("s390x-linux-gnu-"). On the machines in `native`
    (as `uname -m` calls them) plain gcc will do. The packages are Debian's. `firmware` is the path
    of a file that QEMU needs, `host_header` a header that programs of the build include.
    `elf_machine` is the kernel's e_machine as pyelftools names it. `kconfig` are kunitconfig lines
    for this architecture alone, `note` is a sentence for users. `command_line_room` is how many
    characters of the kernel's command line (COMMAND_LINE_SIZE in its setup.h) a selection of cases
    may take: m68k has 256 in all. `program_flags` make the compiler compile programs for the word
    width that the kernel has.
    """

    name: str
    cross_compile: str = ""
    native: tuple[str, ...] = ()
    compiler_package: str = ""
    emulator_package: str = ""
    firmware: str = ""
    firmware_package: str = ""
    host_header: str = ""
    host_header_package: str = ""
    elf_machine: str = ""
    kconfig: tuple[str, ...] = ()
    note: str = ""
    command_line_room: int = 120
    program_flags: tuple[str, ...] = ()


def read_architecture(name: str) -> Architecture:
    """All that is known of the architecture that kunit.py calls `name`, which may be nothing.

    TargetError (CONFIG_ERROR) for what cannot be a name.
    """
    if not re.fullmatch(r"\w[\w-]*", name, re.ASCII):
        raise TargetError(Kind.CONFIG_ERROR, f"{name!r} cannot be an architecture's name")
    file = _directory() / f"{name}.toml"
    if not file.is_file():
        return Architecture(name)
    facts = tomllib.loads(file.read_text("utf-8"))
    for key in ("native", "kconfig", "program_flags"):
        facts[key] = tuple(facts.get(key, ()))
    return Architecture(name, **facts)


def described_architectures() -> list[str]:
    """The names of those that something is known of, sorted."""
    names = (file.name for file in _directory().iterdir())
    return sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml"))


def _directory() -> Traversable:
    return resources.files("pytest_pageconsistency") / "architectures"
