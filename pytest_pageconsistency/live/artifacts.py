# SPDX-License-Identifier: GPL-2.0-only
"""What a live kernel leaves on disk: DIR/<arch>/live/ with a console for each boot, and facts."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytest_pageconsistency.live.kernels import Order
from pytest_pageconsistency.live.observed import Booted


def clear_live(artifacts: Path, arch: str) -> None:
    """Forget what an earlier session left."""
    shutil.rmtree(artifacts / arch / "live", ignore_errors=True)


def write_boot(artifacts: Path, order: Order, booted: Booted) -> None:
    """Write the console and the command of a boot, named by the kernel and its chapters."""
    directory = artifacts / order.arch / "live" / order.checker.name.lower()
    directory.mkdir(parents=True, exist_ok=True)
    name = "+".join((*order.chapters, str(order.number)))
    (directory / f"{name}.log").write_text(booted.console, "utf-8", "replace")
    document = {
        "chapters": booted.chapters,
        "command": booted.command,
        "seconds": round(booted.seconds, 3),
        "timed_out": booted.timed_out,
    }
    _write(directory / f"{name}.json", document)


def write_facts(artifacts: Path, arch: str, name: str, document: Mapping[str, Any]) -> None:
    """Write `name`.json beside the kernels' directories."""
    directory = artifacts / arch / "live"
    directory.mkdir(parents=True, exist_ok=True)
    _write(directory / f"{name}.json", document)


def _write(path: Path, document: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(document, indent=1) + "\n", "ascii")
