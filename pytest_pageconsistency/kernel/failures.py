# SPDX-License-Identifier: GPL-2.0-only
"""Turn what kunit.py and make print when they fail into one sentence and the lines to read."""

from __future__ import annotations

import re
from pathlib import Path

from pytest_pageconsistency.kernel.shadow import SUITE_DIRECTORY, UNDER_TEST
from pytest_pageconsistency.verdict import Kind, TargetError

_DETAIL_LINES = 40
# What Kconfig says nothing of when the one keeps the other out.
_CHECKER = "CONFIG_DEBUG_PAGE_CONSISTENCY"
_HOTPLUG = "CONFIG_MEMORY_HOTPLUG"
# Each names the file at fault: the compiler's, GNU ld's and lld's way to say it.
_AT_FAULT = (
    re.compile(r"^(?P<path>[^\s:][^:]*):\d+(?::\d+)?: (?:fatal )?error: "),
    re.compile(r"(?P<path>[^\s:()]+\.[oa](?:\([^)]*\))?): in function "),
    re.compile(r"^>>>\s+(?P<path>[^\s:()]+\.[oa])[:(]"),
)
_LEADS_TO = re.compile(r"In file included from |\s+from |.*: In |\S*ld\.lld: error: |>>> ")
# What vmlinux.o holds is told by its name alone: every symbol of ours begins like this.
_OUR_FUNCTION = "in function `pc_"
_KCONFIG = re.compile(r"^\S*Kconfig\S*:\d+: ")
_OTHER = re.compile(r"\berror: |\bERROR: |\bld: |\*\*\* ")
_ECHO = re.compile(r"g?make(?:\[\d+\])?: (?!\*\*\* No rule)|\[\d\d:\d\d:\d\d\] |\s*$")
_DROPPED = re.compile(r"^Missing: (?P<options>.*)$", re.MULTILINE)
_PYTHON_ERROR = re.compile(r"^(?:[\w.]*\.)?\w+Error: (.+)$")


def config_failure(output: str, directory: Path, dot_config: str) -> TargetError:
    """Explain the `output` of a failed `kunit.py config` run on the shadow in `directory`.

    `dot_config` is the text of the .config that it made, if any.
    """
    if dropped := dropped_options(output, dot_config):
        message = f"Kconfig dropped {', '.join(dropped)}: {_why_dropped(dropped, dot_config)}"
        return TargetError(Kind.CONFIG_ERROR, message, _tail(output.splitlines()))
    lines = _cleaned(output, directory)
    reason = next((line for line in lines if _KCONFIG.match(line)), None)
    reason = reason or _python_error(lines)
    reason = reason or next((line for line in lines if _OTHER.search(line)), "see its output")
    message = f"the kernel could not be configured ({reason}): correct what is named"
    return TargetError(Kind.CONFIG_ERROR, message, _tail(lines))


def _why_dropped(options: list[str], dot_config: str) -> str:
    checker = any(option.startswith(f"{_CHECKER}=") for option in options)
    if checker and f"\n{_HOTPLUG}=y\n" in f"\n{dot_config}":
        return f"the checker depends on {_HOTPLUG} being off, and it is on: switch it off"
    return "see what each depends on"


def build_failure(output: str, directory: Path, dot_config: str) -> TargetError:
    """Explain the `output` of a failed `kunit.py build` run, as `config_failure` does.

    A build begins by bringing .config up to date, and ends by checking it again.
    """
    lines = _cleaned(output, directory)
    first = next((n for n, line in enumerate(lines) if _path_at_fault(line)), None)
    if first is not None:
        details = "\n".join(lines[_start(lines, first) :][:_DETAIL_LINES])
        return TargetError(Kind.BUILD_ERROR, _blame(lines[first]), details)
    if _DROPPED.search(output) or any(_KCONFIG.match(line) for line in lines):
        return config_failure(output, directory, dot_config)
    reason = next((line for line in lines if _OTHER.search(line)), "see its output")
    return TargetError(
        Kind.BUILD_ERROR,
        f"the kernel does not build ({reason}): correct what is named",
        _tail(lines),
    )


def boot_failure(output: str) -> TargetError:
    """Explain the `output` of a `kunit.py exec` run that could not start the kernel."""
    lines = output.splitlines()
    message = f"kunit.py could not boot the kernel: {_python_error(lines) or 'see its output'}"
    return TargetError(Kind.CONFIG_ERROR, message, _tail(lines))


def dropped_options(output: str, dot_config: str) -> list[str]:
    """The options, as kunitconfig lines, that were asked for and did not come into .config.

    Empty where the `output` of kunit.py does not complain of any.
    """
    found = _DROPPED.search(output)
    if found is None:
        return []
    # A value may hold a comma, but hardly ", CONFIG_".
    options = sorted(re.split(r", (?=CONFIG_|# CONFIG_)", found["options"].strip()))
    # kunit.py also lists options as missing that are off because .config has no word of them.
    wanted = [option for option in options if not _is_off(option, dot_config)]
    return wanted or options


def blames_tree(output: str, directory: Path) -> bool:
    """Whether the `output` of a failed build in `directory` names neither our suite nor the header.

    Where nothing is named at all, the tree is not cleared either.
    """
    lines = _cleaned(output, directory)
    first = next((line for line in lines if _path_at_fault(line)), "")
    return not _is_ours(first)


def first_error(output: str, directory: Path) -> str:
    """The first line of a failed build's `output` that a compiler or linker calls an error."""
    lines = _cleaned(output, directory)
    found = next((line for line in lines if _path_at_fault(line)), None)
    found = found or next((line for line in lines if _OTHER.search(line)), "see its output")
    return found.strip()[:300]


def _is_off(option: str, dot_config: str) -> bool:
    off = re.fullmatch(r"# (CONFIG_\w+) is not set", option)
    return off is not None and f"\n{off[1]}=" not in f"\n{dot_config}"


def _blame(line: str) -> str:
    path = _path_at_fault(line)
    if not _is_ours(line):
        return f"the kernel tree itself does not build, see {path}: build it without this suite"
    if name := next((name for name in UNDER_TEST if path.endswith(name)), None):
        what = "header" if name.endswith(".h") else "checker"
        return f"the {what} under test does not compile: correct it ({name} below)"
    return "the generated suite does not compile or link: the header may lack what it calls"


def _is_ours(line: str) -> bool:
    path = _path_at_fault(line)
    return path.endswith(UNDER_TEST) or f"{SUITE_DIRECTORY}/" in path or _OUR_FUNCTION in line


def _path_at_fault(line: str) -> str:
    for pattern in _AT_FAULT:
        if found := pattern.search(line):
            return found["path"]
    return ""


def _start(lines: list[str], first: int) -> int:
    """Step back from the first error over the lines that lead to it."""
    start = first
    while start and _LEADS_TO.match(lines[start - 1]):
        start -= 1
    return start


def _python_error(lines: list[str]) -> str | None:
    return next((m[1] for line in reversed(lines) if (m := _PYTHON_ERROR.match(line))), None)


def _cleaned(output: str, directory: Path) -> list[str]:
    """Split `output` into lines with paths as the kernel has them, without make's own."""
    output = output.replace(f"{directory}/", "")
    # The suite includes the checker under test from beside its directory.
    lines = output.replace(f"{SUITE_DIRECTORY}/../", "mm/").splitlines()
    lines = [line.removeprefix("ERROR:root:") for line in lines]
    return [line for line in lines if not _ECHO.match(line)]


def _tail(lines: list[str]) -> str:
    return "\n".join(lines[-_DETAIL_LINES:])
