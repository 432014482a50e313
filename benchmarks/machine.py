# SPDX-License-Identifier: GPL-2.0-only
"""What the figures were measured on."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from datetime import datetime
from pathlib import Path


def describe(kernel_version: str) -> dict[str, str | int]:
    """Date, processor, cores that may be used, memory, and the versions that matter."""
    return {
        "date": datetime.now().astimezone().isoformat(timespec="seconds"),
        "cpu": _field("/proc/cpuinfo", "model name") or platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "memory": _field("/proc/meminfo", "MemTotal"),
        "system": platform.platform(),
        "python": platform.python_version(),
        "gcc": _first_line("gcc", "--version"),
        "make": _first_line("make", "--version"),
        "kernel": kernel_version,
    }


def _field(path: str, name: str) -> str:
    match = re.search(rf"^{name}\s*:\s*(.*)$", Path(path).read_text("utf-8"), re.MULTILINE)
    return match[1].strip() if match else ""


def _first_line(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        return str(error)
    return done.stdout.partition("\n")[0]
