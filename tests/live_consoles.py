# SPDX-License-Identifier: GPL-2.0-only
"""Consoles of live kernels (tests/consoles/live/), and a stand-in that "boots" them."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

from pytest_pageconsistency.live.chapters import COST
from pytest_pageconsistency.live.kernels import Order
from pytest_pageconsistency.live.observed import Booted
from pytest_pageconsistency.progress import Progress
from pytest_pageconsistency.settings import Settings

DIRECTORY = Path(__file__).parent / "consoles/live"
_BEGIN = "# pc init begins"
# Addresses and paths: what differs from machine to machine, and no test looks at.
_DROPPED = re.compile(
    r"^(?: \[<.*| [0-9a-f]{8} .*|Modules linked in:.*|.*/.*cache.*)\n", re.MULTILINE
)

Edit = Callable[[str], str]


def console(checker: str, name: str) -> str:
    """A recorded console: the checker's way ("warns", "panics", "off") and the chapters' names."""
    return (DIRECTORY / checker / f"{name}.log").read_text("utf-8")


def save_consoles(live: Path) -> None:
    """Keep those that a session left in DIR/<arch>/live."""
    shutil.rmtree(DIRECTORY, ignore_errors=True)
    for path in sorted(live.rglob("*.log")):
        name, _, number = path.stem.rpartition("+")
        if number not in ("0", "1") or (number == "1" and COST in name):
            continue
        text = path.read_text("utf-8")
        assert _BEGIN in text, path
        kept = DIRECTORY / path.relative_to(live).with_name(f"{name}.log")
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(_DROPPED.sub("", text[text.index(_BEGIN) :]), "utf-8")


def recorded_boot(
    edit: Callable[[Order, str], str] = lambda _order, text: text,
) -> Callable[..., Booted]:
    """What takes the place of `boot_live`: each order's console, as `edit` returns it."""

    def boot(order: Order, settings: Settings, progress: Progress) -> Booted:
        text = console(order.checker.name.lower(), "+".join(order.chapters))
        return Booted(
            kernel=order.kernel,
            chapters=order.chapters,
            console=edit(order, text),
            timed_out=False,
            overflowed=False,
            seconds=0.3,
            timeout=settings.timeout,
            command=("linux",),
        )

    return boot
