# SPDX-License-Identifier: GPL-2.0-only
"""Pure-Python models of the kernel's primitives: no I/O, no randomness, no clock."""

from pytest_pageconsistency.oracle.abi import Abi, ByteOrder
from pytest_pageconsistency.oracle.dual_bitmap import (
    COPIES,
    PRIMARY,
    RETRY_COUNT,
    SECONDARY,
    UINT_MAX,
    DualBitmap,
    RetryResult,
    consistent_word,
)
from pytest_pageconsistency.oracle.page_consistency import (
    EIO,
    Change,
    Event,
    EventKind,
    PageConsistency,
    PageResult,
    Start,
    Stats,
)

__all__ = [
    "COPIES",
    "EIO",
    "PRIMARY",
    "RETRY_COUNT",
    "SECONDARY",
    "UINT_MAX",
    "Abi",
    "ByteOrder",
    "Change",
    "DualBitmap",
    "Event",
    "EventKind",
    "PageConsistency",
    "PageResult",
    "RetryResult",
    "Start",
    "Stats",
    "consistent_word",
]
