# SPDX-License-Identifier: GPL-2.0-only
"""Bytes written over words: here, and only here, byte order shows."""

from __future__ import annotations

import pytest

from pytest_pageconsistency.cases import Recorder
from pytest_pageconsistency.conformance.sizes import COPIES
from pytest_pageconsistency.target import Target


def test_the_first_byte_of_a_word(dual_bitmap: Recorder, kunit_target: Target) -> None:
    db = dual_bitmap(100)
    db.scribble("primary", 0, b"\x01")
    first = 0 if kunit_target.byteorder == "little" else kunit_target.bits_per_long - 8
    assert db.word("primary", 0) == 1 << first
    for bit in (0, 24, 56):
        assert db.test(bit) is (bit == first)
        assert db.consistent(bit) is (bit != first)
    assert db.validate() == 1
    assert db.clear(first) is True
    assert db.validate() == 0
    assert db.guard()


def test_a_run_of_bytes(dual_bitmap: Recorder, kunit_target: Target) -> None:
    db = dual_bitmap(64)
    db.scribble("primary", 0, bytes([0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88]))
    assert (
        db.words("primary")
        == {
            (64, "little"): [0x8877665544332211],
            (64, "big"): [0x1122334455667788],
            (32, "little"): [0x44332211, 0x88776655],
            (32, "big"): [0x11223344, 0x55667788],
        }[kunit_target.bits_per_long, kunit_target.byteorder]
    )
    assert db.validate() == (1 if kunit_target.bits_per_long == 64 else 2)
    # The byte that holds bits 0 to 7.
    low = {
        (64, "little"): 0x11,
        (64, "big"): 0x88,
        (32, "little"): 0x11,
        (32, "big"): 0x44,
    }[kunit_target.bits_per_long, kunit_target.byteorder]
    for bit in range(8):
        assert db.test(bit) is bool(low >> bit & 1)
        assert db.consistent(bit) is not bool(low >> bit & 1)
    assert db.guard()


@pytest.mark.parametrize("copy", COPIES)
def test_across_the_end_of_a_word(dual_bitmap: Recorder, kunit_target: Target, copy: str) -> None:
    size = kunit_target.bits_per_long // 8
    top = kunit_target.bits_per_long - 8
    blank = 0 if copy == "primary" else kunit_target.ulong_max
    low_byte = blank & ~0xFF
    high_byte = blank & ~(0xFF << top)
    db = dual_bitmap(256)
    db.scribble(copy, size - 1, b"\x3c\xc5")
    if kunit_target.byteorder == "little":
        expected = [high_byte | 0x3C << top, low_byte | 0xC5]
    else:
        expected = [low_byte | 0x3C, high_byte | 0xC5 << top]
    assert db.words(copy)[:2] == expected
    assert db.validate() == 2
    assert db.guard()


@pytest.mark.parametrize("nbits", [1, 33, 100])
def test_the_last_byte_of_memory(dual_bitmap: Recorder, kunit_target: Target, nbits: int) -> None:
    db = dual_bitmap(nbits)
    size = kunit_target.bits_per_long // 8
    db.scribble("secondary", db.word_count * size - 1, b"\x00")
    low = kunit_target.byteorder == "big"
    lost = 0xFF if low else 0xFF << kunit_target.bits_per_long - 8
    assert db.word("secondary", db.word_count - 1) == kunit_target.ulong_max ^ lost
    assert db.validate() == 1
    # The last word's first bit is in range for these sizes: the low byte holds it.
    bit = (db.word_count - 1) * kunit_target.bits_per_long
    assert db.consistent(bit) is not low
    assert db.guard()


def test_bytes_that_change_nothing(dual_bitmap: Recorder, kunit_target: Target) -> None:
    db = dual_bitmap(100)
    size = db.word_count * kunit_target.bits_per_long // 8
    db.scribble("primary", 0, bytes(size))
    db.scribble("secondary", 0, b"\xff" * size)
    db.scribble("secondary", 3, b"")
    assert db.validate() == 0
    assert db.guard()
