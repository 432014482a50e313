# SPDX-License-Identifier: GPL-2.0-only
"""The two facts about a machine that the primitives' visible behaviour depends on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ByteOrder = Literal["little", "big"]

_UNSIGNED_INT_MASK = 0xFFFFFFFF
"""unsigned int is 32 bits wide on every architecture that Linux runs on."""


@dataclass(frozen=True)
class Abi:
    """Word width in bits and byte order of a target.

    Raises ValueError for a width other than 32 or 64 and an unknown byte order.
    """

    bits_per_long: int
    byteorder: ByteOrder

    def __post_init__(self) -> None:
        if self.bits_per_long not in (32, 64):
            raise ValueError(f"bits_per_long is 32 or 64, not {self.bits_per_long}")
        if self.byteorder not in ("little", "big"):
            raise ValueError(f"byteorder is 'little' or 'big', not {self.byteorder!r}")

    @property
    def bytes_per_long(self) -> int:
        """Size of an unsigned long in bytes."""
        return self.bits_per_long // 8

    @property
    def ulong_max(self) -> int:
        """ULONG_MAX, which is also the mask of a word."""
        return (1 << self.bits_per_long) - 1

    def bits_to_longs(self, nbits: int) -> int:
        """Words that hold `nbits` bits, as the kernel's BITS_TO_LONGS() computes it.

        The rounding up happens in size_t, which wraps to 0 on 32-bit for the last 31 values
        of nbits (include/linux/bitops.h; behaviour 15 of the specification).
        """
        return ((nbits + self.bits_per_long - 1) & self.ulong_max) // self.bits_per_long

    def bitmap_bytes(self, nbits: int) -> int:
        """Bytes that bitmap_zero() and bitmap_fill() write, as bitmap_size() computes it.

        The rounding up happens in unsigned int and wraps to 0 on every architecture
        (include/linux/bitmap.h of 6.1 and 6.12; behaviour 15 of the specification).
        """
        rounded = (nbits + self.bits_per_long - 1) & _UNSIGNED_INT_MASK
        return (rounded - rounded % self.bits_per_long) // 8

    def word_of_bytes(self, fill: int) -> int:
        """The word whose every byte is `fill` (0..255)."""
        return int.from_bytes(bytes([fill]) * self.bytes_per_long, "little")
