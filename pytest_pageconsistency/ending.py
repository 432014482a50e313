# SPDX-License-Identifier: GPL-2.0-only
"""Word for the worker processes of a session that nobody waits for their builds any more."""

from __future__ import annotations

from pathlib import Path

_ENDED = "ended"


def announce_end(directory: Path) -> None:
    """Leave word in the directory that the workers share."""
    (directory / _ENDED).touch()


def has_ended(directory: Path) -> bool:
    """Whether `announce_end` was called."""
    return (directory / _ENDED).exists() or not directory.exists()
