# SPDX-License-Identifier: GPL-2.0-only
"""Share the machine's cores between builds that run side by side."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from pytest_pageconsistency.background import INTERVAL
from pytest_pageconsistency.progress import WAITING, Progress


class Cores:
    """`total` cores for `builds` builds.

    make cannot be given cores while it runs. So the odd builds come first and share them all, and
    the others follow in groups that fill the machine: two cores and three builds are 2, 1 and 1.
    """

    def __init__(self, total: int, builds: int = 1) -> None:
        self._total = total
        self._free = total
        self._shares = deque(shares(total, builds))
        self._waiting: list[int] = []
        self._changed = threading.Condition()

    @contextmanager
    def share(self, progress: Progress, turn: int = 0) -> Iterator[int]:
        """Wait for a share and hold it: the number of cores, at least 1.

        Of those who wait, the one with the lowest `turn` comes first.
        """
        with self._changed:
            self._waiting.append(turn)
            try:
                if not self._comes_next(turn):
                    progress.phase(WAITING)
                while not self._comes_next(turn):
                    self._changed.wait(INTERVAL)
                    progress.tick("")
            finally:
                self._waiting.remove(turn)
            taken = self._shares.popleft() if self._shares else self._total
            self._free -= taken
        try:
            yield taken
        finally:
            with self._changed:
                self._free += taken
                self._changed.notify_all()

    def _comes_next(self, turn: int) -> bool:
        wanted = self._shares[0] if self._shares else self._total
        return turn == min(self._waiting) and wanted <= self._free


def shares(total: int, builds: int) -> list[int]:
    """How many of `total` cores each of `builds` builds gets, in their order."""
    odd = builds % total
    return [total // odd + (number < total % odd) for number in range(odd)] + [1] * (builds - odd)
