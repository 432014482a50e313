# SPDX-License-Identifier: GPL-2.0-only
"""The machine that builds, as far as tools are concerned."""

from __future__ import annotations

import functools
import os
import platform
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from pytest_pageconsistency.kernel.environment import clean_environment


def has_header(compiler: str, header: str) -> bool:
    """Whether the command `compiler`, such as "ccache gcc", finds `header`; no if it cannot run."""
    words = compiler.split()
    program = shutil.which(words[0]) if words else None
    return program is not None and _preprocesses((program, *words[1:]), header)


# Asked for every architecture anew; nothing is installed meanwhile.
@functools.cache
def _preprocesses(command: tuple[str, ...], header: str) -> bool:
    done = subprocess.run(
        [*command, "-E", "-x", "c", "-include", header, os.devnull],
        check=False,
        env=clean_environment(os.environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return done.returncode == 0


def is_file(path: str) -> bool:
    """Whether there is a file at `path`."""
    return Path(path).is_file()


@dataclass(frozen=True)
class Machine:
    """This machine, unless made otherwise for a test.

    `kind` is what `uname -m` says. `which` finds a program, `is_file` a file; `has_header` tells
    whether a compiler finds a header.
    """

    kind: str = field(default_factory=platform.machine)
    which: Callable[[str], str | None] = shutil.which
    is_file: Callable[[str], bool] = is_file
    has_header: Callable[[str, str], bool] = has_header
