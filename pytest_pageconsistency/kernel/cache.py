# SPDX-License-Identifier: GPL-2.0-only
"""One directory of the cache: made, held by one session at a time, its disk errors told."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from pytest_pageconsistency.background import INTERVAL
from pytest_pageconsistency.progress import Progress
from pytest_pageconsistency.verdict import Kind, TargetError

_DISK_ERRORS = {
    errno.ENOSPC: "the disk is full: make room in {place}",
    errno.EDQUOT: "the disk quota is used up: make room in {place}",
    errno.EROFS: "the file system is read-only: choose another cache directory than {place}",
    errno.EACCES: "no permission for {file}: correct its mode, or choose another cache directory",
    errno.EPERM: "no permission for {file}: correct its mode, or choose another cache directory",
    errno.ENOTDIR: "a file is in the way of {file}: choose another cache directory",
    errno.EEXIST: "a file is in the way of {file}: choose another cache directory",
}


@contextlib.contextmanager
def hold(lock: Path, progress: Progress) -> Iterator[None]:
    """Hold the lock file `lock`, made with its directory; released however the block ends.

    Says so through `progress` if another session holds it, and waits for that one.
    TargetError if the directory cannot be written.
    """
    with disk_errors(lock.parent):
        lock.parent.mkdir(parents=True, exist_ok=True)
        held = FileLock(lock)
        try:
            held.acquire(timeout=0)
        except Timeout:
            progress.note(f"waiting for another session that uses {lock.parent}")
            while not held.is_locked:
                progress.tick("")
                with contextlib.suppress(Timeout):
                    held.acquire(timeout=INTERVAL)
    try:
        yield
    finally:
        held.release()


@contextlib.contextmanager
def disk_errors(place: Path) -> Iterator[None]:
    """Turn an OSError about the disk that holds `place` into a sentence (CONFIG_ERROR)."""
    try:
        yield
    except OSError as error:
        other = f"{{file}}: {error.strerror or error}"
        sentence = _DISK_ERRORS.get(error.errno or 0, other)
        message = sentence.format(place=place, file=error.filename or place)
        raise TargetError(Kind.CONFIG_ERROR, message, str(error)) from error


def raise_if_disk_full(output: str, place: Path) -> None:
    """TargetError (CONFIG_ERROR) if a command's `output` says that the disk is full."""
    for line in output.splitlines():
        if "No space left on device" in line or "Disk quota exceeded" in line:
            message = f"the disk is full: make room in {place}"
            raise TargetError(Kind.CONFIG_ERROR, message, line)
