# SPDX-License-Identifier: GPL-2.0-only
"""What threads, and objects that die, raise while a body runs outside of pytest's phases."""

from __future__ import annotations

from collections import deque
from typing import Any

import pytest
from _pytest.threadexception import thread_exceptions
from _pytest.unraisableexception import unraisable_exceptions


class Unheard:
    """The exceptions that pytest has not told of yet."""

    def __init__(self, config: pytest.Config) -> None:
        keys = (thread_exceptions, unraisable_exceptions)
        self._queues: list[deque[Any]] = [config.stash.get(key, deque()) for key in keys]
        self._before = [len(queue) for queue in self._queues]

    def drop(self) -> bool:
        """Forget those that came since this was made; whether there were any.

        They come again where the same body runs in pytest's way.
        """
        found = False
        for queue, before in zip(self._queues, self._before, strict=True):
            while len(queue) > before:
                queue.pop()
                found = True
        return found
