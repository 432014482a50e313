# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

from pytest_pageconsistency.kernel.cpio import first_file_system


def test_entries_and_padding() -> None:
    archive = first_file_system(b"12345")
    assert len(archive) % 4 == 0
    assert archive.count(b"070701") == 4
    assert b"init\x0012345\0\0\0" in archive.replace(b"init\0\0", b"init\0")
    # The console: character device, major 5, minor 1.
    console = archive[archive.index(b"dev/console") - 110 :]
    assert int(console[14:22], 16) == 0o020600
    assert (int(console[78:86], 16), int(console[86:94], 16)) == (5, 1)
    assert archive.rstrip(b"\0").endswith(b"TRAILER!!!")
