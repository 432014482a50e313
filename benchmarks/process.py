# SPDX-License-Identifier: GPL-2.0-only
"""Run a command as a user would, and measure it from its start to its end."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_NOT_A_USERS = (
    "GNUMAKEFLAGS",
    "MAKEFLAGS",
    "MAKELEVEL",
    "MFLAGS",
    "PYTEST_ADDOPTS",
    "PYTHONDONTWRITEBYTECODE",
)
"""What `make bench` and developers set, and changes what is measured."""


class BenchError(Exception):
    """Something could not be measured; says why in one sentence, with the output's end."""


@dataclass(frozen=True)
class Timed:
    """A command that ended well: wall-clock seconds, the largest process's peak in MB, output."""

    seconds: float
    peak: float
    output: str


def timed(
    command: Sequence[str],
    directory: Path,
    *,
    good: Collection[int] = (0,),
    extra: Mapping[str, str] | None = None,
) -> Timed:
    """Run `command` in `directory`; BenchError for an exit status that is not `good`.

    The environment is a user's, with `extra` in it.
    """
    kept = {name: value for name, value in os.environ.items() if name not in _NOT_A_USERS}
    # A file, so that nobody's reading slows the command down.
    with tempfile.TemporaryFile() as output:
        start = time.perf_counter()
        process = subprocess.Popen(
            command,
            cwd=directory,
            env=kept | dict(extra or {}),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read().decode(errors="replace")
    if process.returncode not in good:
        lines = [line.strip() for line in text.splitlines() if line.strip()] or ["no output"]
        message = f"{Path(command[0]).name} ended with {process.returncode}: {lines[-1]}"
        raise BenchError("\n    ".join((message, " ".join(command), *lines[-12:])))
    return Timed(seconds, usage.ru_maxrss * 1024 / 1e6, text)
