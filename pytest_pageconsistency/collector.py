# SPDX-License-Identifier: GPL-2.0-only
"""Python's collector of garbage, which would look through all that is imported and collected."""

from __future__ import annotations

import gc


class PausedCollector:
    """Keeps the collector from work until `resume`: what is made meanwhile lives on."""

    def __init__(self) -> None:
        self._was_enabled = gc.isenabled()
        gc.disable()

    def resume(self) -> None:
        """Let it work again, but not on what is there now; may be called twice."""
        if self._was_enabled:
            self._was_enabled = False
            gc.freeze()
            gc.enable()
