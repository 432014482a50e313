# SPDX-License-Identifier: GPL-2.0-only
"""Whether a file that a compiler or linker writes was written to its end."""

from __future__ import annotations

import struct
from pathlib import Path

_ELF = b"\x7fELF"
_HEADER_SIZE = 64


def is_whole(path: Path) -> bool:
    """Whether the file is as long as it says itself; yes for what is not there, or no ELF file.

    Assemblers and linkers put the table of sections last. An object (.o) is never empty.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            header = file.read(_HEADER_SIZE)
    except OSError:
        return True
    if not header.startswith(_ELF):
        return bool(header.strip(b"\0")) or path.suffix != ".o"
    if len(header) < _HEADER_SIZE:
        return False
    order = "<" if header[5] == 1 else ">"
    wide = header[4] == 2
    # e_shoff, and further on e_shentsize and e_shnum (elf.h).
    (offset,) = struct.unpack_from(f"{order}{'Q' if wide else 'I'}", header, 40 if wide else 32)
    entry, entries = struct.unpack_from(f"{order}HH", header, 58 if wide else 46)
    return bool(offset) and offset + entry * entries <= size
