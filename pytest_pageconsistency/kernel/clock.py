# SPDX-License-Identifier: GPL-2.0-only
"""The time as the disk of a place stamps it on files."""

from __future__ import annotations

import time

from pytest_pageconsistency.kernel.place import Place

_STEP = 0.05
"""Seconds after which nobody waits any longer for a disk's clock."""


def disk_time(place: Place) -> int:
    """A time stamp as the disk gives it now (nanoseconds): what changes later has no older one."""
    clock = place.root / "clock"
    clock.touch()
    return clock.stat().st_ctime_ns


def next_disk_time(place: Place) -> int:
    """The same once the disk's clock has gone on: whatever changed before has an older stamp.

    Clocks of disks go in steps of milliseconds. Where one takes longer nobody waits for it.
    """
    first = disk_time(place)
    deadline = time.monotonic() + _STEP
    while (now := disk_time(place)) == first and time.monotonic() < deadline:
        pass
    return now
