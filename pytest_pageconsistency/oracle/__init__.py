# SPDX-License-Identifier: GPL-2.0-only
"""Pure-Python models of the kernel's primitives: no I/O, no randomness, no clock."""

from pytest_pageconsistency.oracle.abi import Abi, ByteOrder
from pytest_pageconsistency.oracle.dual_bitmap import (
    COPIES,
    PRIMARY,
    RETRY_COUNT,
    SECONDARY,
    DualBitmap,
    RetryResult,
    consistent_word,
)

__all__ = [
    "COPIES",
    "PRIMARY",
    "RETRY_COUNT",
    "SECONDARY",
    "Abi",
    "ByteOrder",
    "DualBitmap",
    "RetryResult",
    "consistent_word",
]
