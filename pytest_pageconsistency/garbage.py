# SPDX-License-Identifier: GPL-2.0-only
"""Python's collector of garbage, which would look through all that is imported and collected."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def no_garbage_collected() -> Iterator[None]:
    """Keep the collector from work, and from what is there afterwards, until `thaw`."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def thaw() -> None:
    """Let the collector see everything again: what dies at the end may have something to say."""
    gc.unfreeze()
