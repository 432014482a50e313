# SPDX-License-Identifier: GPL-2.0-only
"""Share the machine's cores between builds that run side by side."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from pytest_pageconsistency.background import INTERVAL
from pytest_pageconsistency.progress import Progress


class Cores:
    """`total` cores for `builds` builds, the first ones first.

    make cannot be given cores while it runs. So the odd builds come first and share them all, and
    the others follow in groups that fill the machine: two cores and three builds are 2, 1 and 1.
    """

    def __init__(self, total: int, builds: int = 1) -> None:
        self._total = total
        self._free = total
        self._shares = deque(shares(total, builds))
        self._changed = threading.Condition()

    @contextmanager
    def share(self, progress: Progress) -> Iterator[int]:
        """Wait for a share and hold it: the number of cores, at least 1."""
        with self._changed:
            wanted = self._shares.popleft() if self._shares else self._total
            if self._free < wanted:
                progress.phase("waiting for a core")
            while self._free < wanted:
                self._changed.wait(INTERVAL)
                progress.tick("")
            self._free -= wanted
        try:
            yield wanted
        finally:
            with self._changed:
                self._free += wanted
                self._changed.notify_all()


def shares(total: int, builds: int) -> list[int]:
    """How many of `total` cores each of `builds` builds gets, in their order."""
    odd = builds % total
    return [total // odd + (number < total % odd) for number in range(odd)] + [1] * (builds - odd)
