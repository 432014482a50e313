# SPDX-License-Identifier: GPL-2.0-only
"""Write the archive that a kernel unpacks as its first file system.

The format is the kernel's own, Documentation/driver-api/early-userspace/buffer-format.rst: needs
no root for a device node, nor any program.
"""

from __future__ import annotations

import os
import stat

_CONSOLE = os.makedev(5, 1)
_TRAILER = "TRAILER!!!"


def first_file_system(init: bytes) -> bytes:
    """The archive of a file system with /init and the directories and console it starts with."""
    return b"".join(
        (
            _entry(1, "dev", stat.S_IFDIR | 0o755),
            _entry(2, "dev/console", stat.S_IFCHR | 0o600, device=_CONSOLE),
            _entry(3, "init", stat.S_IFREG | 0o755, init),
            _entry(0, _TRAILER, 0),
        )
    )


def _entry(number: int, name: str, mode: int, content: bytes = b"", device: int = 0) -> bytes:
    path = name.encode() + b"\0"
    fields = (
        *(number, mode, 0, 0, 1, 0, len(content)),
        *(0, 0, os.major(device), os.minor(device), len(path), 0),
    )
    header = b"070701" + b"".join(b"%08X" % value for value in fields)
    return _padded(header + path) + _padded(content)


def _padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 4)
