# SPDX-License-Identifier: GPL-2.0-only
"""Compile what changed of the suite and link the kernel, without make: for User Mode Linux.

make alone takes seconds to find out that nothing else is to be done. The commands are those that
Kbuild saved, and what they leave is what make would leave, so that it can go on from there later.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pytest_pageconsistency.background import Background
from pytest_pageconsistency.kernel.commands import (
    SavedCommand,
    command_file,
    command_files,
    dependencies,
    read_saved_command,
)
from pytest_pageconsistency.kernel.environment import clean_environment
from pytest_pageconsistency.kernel.inputs import ENVIRONMENT
from pytest_pageconsistency.kernel.paths import Paths
from pytest_pageconsistency.kernel.place import Place
from pytest_pageconsistency.kernel.process import Completed, Limits, run
from pytest_pageconsistency.kernel.record import Record
from pytest_pageconsistency.kernel.shadow import SUITE_DIRECTORY, UNDER_TEST
from pytest_pageconsistency.progress import Progress

# With these, objects or the kernel are worked on after the commands that Kbuild saves, or the
# kernel is linked from vmlinux.o, which only make brings up to date.
_MORE_TO_DO = re.compile(
    r"^CONFIG_(?:LTO|X86_KERNEL_IBT|MODVERSIONS|TRIM_UNUSED_KSYMS|DEBUG_INFO_BTF|OBJTOOL"
    r"|FTRACE_MCOUNT_USE_RECORDMCOUNT|FTRACE_MCOUNT_USE_OBJTOOL|GCC_PLUGINS)=y$",
    re.MULTILINE,
)
# Sections of exported symbols: modpost makes code of them (6.5 and later, before).
_EXPORTS = (b".export_symbol", b"__ksymtab")
_COMPILE = """\
set -e
eval "$1"
scripts/basic/fixdep "$2" "$3" "$4" > "$5"
rm -f "$2"
"""
_LINK = """\
set -e
eval "$1"
rm -f .vmlinux.d
ln -f vmlinux linux
"""


@dataclass(frozen=True)
class _Object:
    """One object of the suite: its path, relative to the build directory, and its command."""

    name: str
    command: SavedCommand
    is_stale: bool


def relink(
    place: Place,
    paths: Paths,
    record: Record,
    changed: frozenset[str],
    jobs: int,
    progress: Progress,
) -> bool:
    """Bring the kernel up to date after files of the suite `changed`; False: let make do it.

    `record` is that of the kernel in `place`, and nothing else changed since. After a False there
    may be new objects, sound ones, and half a kernel.
    """
    objects = _objects(paths, changed)
    environment = _environment(place)
    link = _link_command(place)
    if not objects or environment is None or link is None:
        return False
    if changed & set(record.shared) or any(record.targets.differing()):
        return False
    if any(_exports(place, one) for one in objects):
        return False
    stale = [one for one in objects if one.is_stale]
    progress.phase("building the kernel")
    runner = _Runner(place, environment, progress)
    if not runner.all([_compilation(one) for one in stale], jobs):
        return False
    if any(_exports(place, one) for one in stale):
        return False
    return runner.all([("sh", "-c", _LINK, "sh", link.shell)], 1)


def _objects(paths: Paths, changed: frozenset[str]) -> list[_Object]:
    """The suite's objects; empty if make must look at what changed, or at any of them."""
    objects = []
    unknown = {path for path in changed if not path.endswith(".h")}
    for target, content in command_files(Path(paths.build, SUITE_DIRECTORY)):
        if not target.endswith(".o"):
            continue
        command = read_saved_command(content)
        sources = {paths.resolve(name) for name in dependencies(content, target)} - {""}
        if command is None or command.rest or not sources or not Path(target).exists():
            return []
        unknown -= sources
        name = target.removeprefix(f"{paths.build}/")
        objects.append(_Object(name, command, not sources.isdisjoint(changed)))
    suite = f"{paths.shadow}/{SUITE_DIRECTORY}/"
    # A Makefile, or a source that was never compiled.
    return [] if unknown or not all(_is_ours(path, suite) for path in changed) else objects


def _is_ours(path: str, suite: str) -> bool:
    return path.startswith(suite) or path.endswith(tuple(f"/{name}" for name in UNDER_TEST))


def keep_no_secrets(place: Place) -> None:
    """Leave in the file of make's environment what make has added to ours."""
    found = _added(place)
    ours = clean_environment(os.environ)
    kept = (f"{name}={value}\0" for name, value in found.items() if ours.get(name) != value)
    with contextlib.suppress(FileNotFoundError):
        (place.build / ENVIRONMENT).write_text("".join(kept), "utf-8", "surrogateescape")


def _environment(place: Place) -> dict[str, str] | None:
    """What make gives its commands, without make itself."""
    added = _added(place)
    # What link-vmlinux.sh would let make bring up to date does not depend on the suite.
    return {**clean_environment(os.environ), **added, "MAKE": "true"} if added else None


def _added(place: Place) -> dict[str, str]:
    try:
        text = (place.build / ENVIRONMENT).read_text("utf-8", "surrogateescape")
    except OSError:
        return {}
    return dict(line.split("=", 1) for line in text.split("\0") if "=" in line)


def _link_command(place: Place) -> SavedCommand | None:
    if _MORE_TO_DO.search(place.read_dot_config()):
        return None
    try:
        command = read_saved_command(command_file(str(place.image)).read_bytes())
    except OSError:
        return None
    known = command is not None and "/scripts/link-vmlinux.sh " in command.saved
    return command if known else None


def _exports(place: Place, one: _Object) -> bool:
    content = (place.build / one.name).read_bytes()
    return any(section in content for section in _EXPORTS)


def _compilation(one: _Object) -> tuple[str, ...]:
    """As Kbuild's cmd_and_fixdep does it."""
    directory, _, name = one.name.rpartition("/")
    noted = (f"{directory}/.{name}.d", one.name, one.command.saved, f"{directory}/.{name}.cmd")
    return ("sh", "-c", _COMPILE, "sh", one.command.shell, *noted)


@dataclass(frozen=True)
class _Runner:
    """Runs commands in the build directory, as make would."""

    place: Place
    environment: Mapping[str, str]
    progress: Progress

    def all(self, commands: Sequence[tuple[str, ...]], jobs: int) -> bool:
        """Run the `commands`, as many as there are `jobs` at a time; whether all went well."""
        with Background(jobs) as background:

            def tick(_size: int) -> None:
                background.raise_if_cancelled()

            running = [background.submit(self._run, command, tick) for command in commands]
            done = [background.wait(one, lambda: self.progress.tick("")) for one in running]
        return all(one.returncode == 0 for one in done)

    def _run(self, command: tuple[str, ...], tick: Callable[[int], None]) -> Completed:
        return run(
            command,
            limits=Limits(grace=10),
            tick=tick,
            marker=str(self.place.root),
            directory=self.place.build,
            environment=self.environment,
        )
