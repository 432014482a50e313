# SPDX-License-Identifier: GPL-2.0-only
"""An architecture as cases see it: its name, word width and byte order."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_pageconsistency.oracle import Abi, ByteOrder


@dataclass(frozen=True)
class Target:
    """What a case may branch on: `arch` as kunit.py names it, and the ABI of its kernel."""

    arch: str
    abi: Abi

    @property
    def bits_per_long(self) -> int:
        """Width of an unsigned long in bits, 32 or 64."""
        return self.abi.bits_per_long

    @property
    def byteorder(self) -> ByteOrder:
        """Byte order of a word in memory, "little" or "big"."""
        return self.abi.byteorder

    @property
    def ulong_max(self) -> int:
        """The largest bit number that the primitives' arguments can carry."""
        return self.abi.ulong_max

    @property
    def families(self) -> frozenset[str]:
        """The words that mean this target among others: "32bit" or "64bit", "be" or "le"."""
        return frozenset((f"{self.bits_per_long}bit", f"{self.byteorder[0]}e"))
