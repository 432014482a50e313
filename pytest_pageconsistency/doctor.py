# SPDX-License-Identifier: GPL-2.0-only
"""`pageconsistency doctor`: which architectures this machine can run, and what the others lack."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pytest_pageconsistency.architecture import (
    Architecture,
    described_architectures,
    read_architecture,
)
from pytest_pageconsistency.command_tree import add_tree_option, named_source, open_tree
from pytest_pageconsistency.kernel.machine import Machine
from pytest_pageconsistency.kernel.qemu_configs import (
    QemuConfig,
    require_architecture,
    tree_architectures,
)
from pytest_pageconsistency.kernel.tools import Role, Tool, needed_tools, packages_of
from pytest_pageconsistency.kernel.tree import ARCHIVES

_HEADINGS = ("architecture", "state", "compiler", "emulator", "also", "note")
_SOURCE_PACKAGE = "linux-source"


@dataclass(frozen=True)
class Examination:
    """An architecture and the tools it needs; `config` is None where there is no kernel tree."""

    architecture: Architecture
    config: QemuConfig | None
    tools: Sequence[Tool]

    @property
    def missing(self) -> list[Tool]:
        """What the machine lacks."""
        return [tool for tool in self.tools if tool.place is None]

    @property
    def state(self) -> str:
        """One word or two for the table."""
        if self.config is None:
            return "no tree"
        return "missing" if self.missing else "ready"


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand; its options' `run` returns the exit status, or raises TargetError."""
    parser = commands.add_parser(
        "doctor",
        help="tell which architectures can run here, and what to install for the others",
        description="Tell which architectures of a kernel tree can be built and booted here. "
        "Exits with 1 if one of those named cannot.",
    )
    parser.add_argument("arch", nargs="*", metavar="ARCH", help="look at these alone")
    add_tree_option(parser)
    parser.set_defaults(run=_run)


def examine(
    configs: Mapping[str, QemuConfig | None], machine: Machine | None = None
) -> list[Examination]:
    """Look for what each architecture needs; those that lack nothing come first."""
    examinations = []
    for name, config in configs.items():
        architecture = read_architecture(name)
        tools = needed_tools(architecture, config, (), None, machine)
        examinations.append(Examination(architecture, config, tools))
    return sorted(examinations, key=lambda one: (one.state != "ready", one.architecture.name))


def report(examinations: Sequence[Examination]) -> str:
    """A table of what was found, and what is missing whatever the architecture."""
    rows = [_HEADINGS, *(_row(examination) for examination in examinations)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    general = dict.fromkeys(
        tool.name for one in examinations for tool in one.missing if tool.role is Role.HOST
    )
    if general:
        lines += ["", f"missing for every architecture: {', '.join(general)}"]
    return "\n".join(lines) + "\n"


def install_line(examinations: Sequence[Examination], *, everything: bool) -> str:
    """The command that installs what is missing, "" for nothing.

    Without a tree nobody asked for more architectures than were named: `everything` False leaves
    out what only some need.
    """
    packages = set()
    for one in examinations:
        wanted = [tool for tool in one.missing if everything or tool.role is Role.HOST]
        packages.update(packages_of(wanted))
        if one.config is None:
            # Nothing tells what the emulator is called, to look whether it is there.
            packages.update(
                {_SOURCE_PACKAGE, one.architecture.emulator_package if everything else ""}
            )
    packages.discard("")
    # What is merely recommended with an emulator is a desktop's worth.
    command = "apt-get install --no-install-recommends"
    return f"{command} {' '.join(sorted(packages))}" if packages else ""


def _row(one: Examination) -> tuple[str, ...]:
    places = {role: _place([tool for tool in one.tools if tool.role is role]) for role in Role}
    emulator = places[Role.EMULATOR]
    if one.config is None:
        emulator = one.architecture.emulator_package
    return (
        one.architecture.name,
        one.state,
        places[Role.COMPILER] or places[Role.UNNAMED_COMPILER] or "-",
        emulator or "-",
        # A file's directory says little, and would be the widest of all.
        places[Role.OTHER].rpartition("/")[2] or "-",
        one.architecture.note,
    )


def _place(tools: Sequence[Tool]) -> str:
    """Where the first of `tools` is, or the package of the first that is missing; "" for none."""
    for tool in tools:
        if tool.place is None:
            return f"missing: {tool.package or 'no package known'}"
    return str(tools[0].place) if tools else ""


def _run(options: argparse.Namespace) -> int:
    names = dict.fromkeys(name for word in options.arch for name in word.split(","))
    source = named_source(options)
    configs: dict[str, QemuConfig | None]
    if source is None and not any(ARCHIVES.glob("linux-source-*.tar.xz")):
        print("There is no kernel tree: install one, or name one with --kunit-tree.\n")
        configs = dict.fromkeys(names or described_architectures())
        everything = bool(names)
    else:
        tree = open_tree(source)
        configs = {name: require_architecture(tree, name) for name in names}
        configs = configs or {**tree_architectures(tree.path)}
        print(f"Linux {tree.version} in {tree.path}\n")
        everything = True
    examinations = examine(configs)
    print(report(examinations), end="")
    if command := install_line(examinations, everything=everything):
        print(f"\nWhat is missing and Debian has:\n  {command}")
    return int(bool(names) and any(one.state != "ready" for one in examinations))
