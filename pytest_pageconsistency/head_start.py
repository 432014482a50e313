# SPDX-License-Identifier: GPL-2.0-only
"""Begin with the kernel while pytest still imports and collects, in a process of its own.

What the last session had is most likely what this one will have: its suite, with the header as it
is now. So what an edit of the header asks for is compiled and linked already when the cases are
known. Nobody relies on it: the session looks at everything itself, and finds less to do.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from concurrent.futures import wait
from dataclasses import asdict
from pathlib import Path

from pytest_pageconsistency.background import INTERVAL, Background
from pytest_pageconsistency.kernel.process import run
from pytest_pageconsistency.settings import Settings

ARCH = "um"
"""The only architecture that is built without make."""

_CODE = "import sys; sys.path.insert(0, sys.argv[1]); from {package}.refresh import main; main()"


class HeadStart:
    """A process at work on the last kernel, until its end or `close`."""

    def __init__(self, settings: Settings) -> None:
        self._background = Background(1)
        package = Path(__file__).parent
        code = _CODE.format(package=package.name)
        # This very code, and nothing that lies where the user is.
        command = [sys.executable, "-P", "-c", code, str(package.parent), write_settings(settings)]
        self._done = self._background.submit(run, command, tick=self._tick)

    def wait(self, idle: Callable[[], None]) -> None:
        """Return when it has ended, however; calls `idle` about four times a second."""
        while not wait([self._done], timeout=INTERVAL).done:
            idle()

    def close(self) -> None:
        """End it, if it is still at work."""
        self._background.close()

    def _tick(self, _size: int) -> None:
        self._background.raise_if_cancelled()


def write_settings(settings: Settings) -> str:
    """As an argument for the process."""
    return json.dumps(asdict(settings), default=str)


def read_settings(text: str) -> Settings:
    """What `write_settings` wrote."""
    fields = json.loads(text)
    for name in ("kconfig", "make_options", "qemu_args"):
        fields[name] = tuple(fields[name])
    for name in ("header", "checker", "cache"):
        fields[name] = Path(fields[name]) if fields[name] else None
    return Settings(**fields)
