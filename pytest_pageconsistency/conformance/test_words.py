# SPDX-License-Identifier: GPL-2.0-only
"""consistent_word(): complements and nothing else."""

from __future__ import annotations

import pytest

from pytest_pageconsistency.cases import Recorder
from pytest_pageconsistency.target import Target


def test_zeros_and_ones(dual_bitmap: Recorder, kunit_target: Target) -> None:
    ones = kunit_target.ulong_max
    db = dual_bitmap(1)
    assert db.consistent_word(0, ones) is True
    assert db.consistent_word(ones, 0) is True
    assert db.consistent_word(0, 0) is False
    assert db.consistent_word(ones, ones) is False
    assert db.consistent_word(0, 1) is False
    assert db.consistent_word(1, 0) is False
    assert db.consistent_word(1, 1) is False


def test_every_single_bit(dual_bitmap: Recorder, kunit_target: Target) -> None:
    ones = kunit_target.ulong_max
    db = dual_bitmap(1)
    for bit in range(kunit_target.bits_per_long):
        word = 1 << bit
        assert db.consistent_word(word, ones ^ word) is True
        assert db.consistent_word(ones ^ word, word) is True
        assert db.consistent_word(word, ones) is False
        assert db.consistent_word(0, ones ^ word) is False
        assert db.consistent_word(ones ^ word, 0) is False
        assert db.consistent_word(ones, word) is False
        assert db.consistent_word(word, word) is False
    assert db.validate() == 0
    assert db.guard()


@pytest.mark.parametrize("pattern", [0x55, 0xAA, 0x0F, 0xF0, 0x96, 0x69])
def test_patterns(dual_bitmap: Recorder, kunit_target: Target, pattern: int) -> None:
    word = kunit_target.ulong_max // 0xFF * pattern
    complement = kunit_target.ulong_max // 0xFF * (0xFF - pattern)
    db = dual_bitmap(1)
    assert db.consistent_word(word, complement) is True
    assert db.consistent_word(complement, word) is True
    assert db.consistent_word(word, word) is False
    assert db.consistent_word(word, complement ^ 1) is False
    assert db.consistent_word(word, complement ^ 1 << kunit_target.bits_per_long - 1) is False
