# SPDX-License-Identifier: GPL-2.0-only
"""Word width and byte order of an ELF file, from the first six bytes (e_ident of elf.h)."""

from __future__ import annotations

from pathlib import Path

from pytest_pageconsistency.oracle import Abi, ByteOrder

_BITS = {1: 32, 2: 64}
_BYTE_ORDERS: dict[int, ByteOrder] = {1: "little", 2: "big"}


def read_ident(path: Path) -> Abi | None:
    """The ABI that `path` was built for; None if it is no ELF file, or cannot be read."""
    try:
        with path.open("rb") as file:
            ident = file.read(6)
    except OSError:
        return None
    if len(ident) < 6 or not ident.startswith(b"\x7fELF"):
        return None
    bits, byteorder = _BITS.get(ident[4]), _BYTE_ORDERS.get(ident[5])
    return Abi(bits, byteorder) if bits and byteorder else None
