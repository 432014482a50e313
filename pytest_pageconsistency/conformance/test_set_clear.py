# SPDX-License-Identifier: GPL-2.0-only
"""set() and clear(): the old bit back, both copies written, nothing else touched."""

from __future__ import annotations

import pytest

from pytest_pageconsistency.cases import Recorder
from pytest_pageconsistency.conformance.sizes import (
    POPULATED,
    as_words,
    end_of_memory,
    ones,
    word_count,
)
from pytest_pageconsistency.target import Target

SMALL = [nbits for nbits in POPULATED if nbits <= 65]


def test_set_and_clear_return_the_old_bit(dual_bitmap: Recorder) -> None:
    db = dual_bitmap(100)
    assert db.test(5) is False
    assert db.set(5) is False
    assert db.test(5) is True
    assert db.word("primary", 0) == 0x20
    assert db.set(5) is True
    assert db.test(5) is True
    assert db.clear(5) is True
    assert db.test(5) is False
    assert db.clear(5) is False
    assert db.test(5) is False
    assert db.word("primary", 0) == 0
    assert db.validate() == 0
    assert db.guard()


@pytest.mark.parametrize("nbits", POPULATED)
def test_ends_and_middle(dual_bitmap: Recorder, kunit_target: Target, nbits: int) -> None:
    everything = ones(end_of_memory(nbits, kunit_target))
    db = dual_bitmap(nbits)
    for bit in sorted({0, nbits // 2, nbits - 1}):
        assert db.set(bit) is False
        assert db.words("primary") == as_words(1 << bit, nbits, kunit_target)
        assert db.words("secondary") == as_words(everything ^ 1 << bit, nbits, kunit_target)
        assert db.guard()
        assert db.consistent(bit) is True
        assert db.set(bit) is True
        assert db.test(bit) is True
        assert db.clear(bit) is True
        assert db.words("primary") == as_words(0, nbits, kunit_target)
        assert db.words("secondary") == as_words(everything, nbits, kunit_target)
        assert db.guard()
        assert db.consistent(bit) is True
        assert db.clear(bit) is False
        assert db.test(bit) is False
        assert db.validate() == 0
        assert db.guard()


@pytest.mark.parametrize("nbits", [*SMALL, 100, 256])
def test_every_bit_in_turn(dual_bitmap: Recorder, kunit_target: Target, nbits: int) -> None:
    tail = ones(end_of_memory(nbits, kunit_target)) ^ ones(nbits)
    db = dual_bitmap(nbits)
    for bit in range(nbits):
        assert db.set(bit) is False
        assert db.test(bit) is True
        assert db.consistent(bit) is True
    assert db.words("primary") == as_words(ones(nbits), nbits, kunit_target)
    assert db.words("secondary") == as_words(tail, nbits, kunit_target)
    assert db.validate() == 0
    assert db.guard()
    for bit in reversed(range(nbits)):
        assert db.clear(bit) is True
        assert db.test(bit) is False
        assert db.consistent(bit) is True
    assert db.words("primary") == as_words(0, nbits, kunit_target)
    assert db.words("secondary") == as_words(tail | ones(nbits), nbits, kunit_target)
    assert db.validate() == 0
    assert db.guard()


@pytest.mark.parametrize("nbits", SMALL)
def test_each_bit_alone(dual_bitmap: Recorder, kunit_target: Target, nbits: int) -> None:
    everything = ones(end_of_memory(nbits, kunit_target))
    db = dual_bitmap(nbits)
    for bit in range(nbits):
        assert db.set(bit) is False
        assert db.words("primary") == as_words(1 << bit, nbits, kunit_target)
        assert db.words("secondary") == as_words(everything ^ 1 << bit, nbits, kunit_target)
        assert db.clear(bit) is True
        assert db.guard()
    assert db.validate() == 0


@pytest.mark.parametrize("nbits", [33, 65, 100])
def test_neighbours_keep_their_values(
    dual_bitmap: Recorder, kunit_target: Target, nbits: int
) -> None:
    width = kunit_target.bits_per_long
    checkered = kunit_target.ulong_max // 3  # bits 0, 2, 4 and so on
    words = word_count(nbits, kunit_target)
    db = dual_bitmap(nbits)
    for index in range(words):
        db.write_word("primary", index, checkered)
        db.write_word("secondary", index, checkered << 1)
    for bit in range(nbits):
        assert db.test(bit) is (bit % 2 == 0)
        assert db.set(bit) is (bit % 2 == 0)
        assert db.clear(bit) is True
        assert db.word("primary", bit // width) == checkered & ~(1 << bit % width)
        if bit % 2 == 0:
            assert db.set(bit) is False
        assert db.word("primary", bit // width) == checkered
        assert db.word("secondary", bit // width) == checkered << 1
    assert db.validate() == 0
    assert db.guard()


def test_test_looks_at_the_primary_alone(dual_bitmap: Recorder) -> None:
    db = dual_bitmap(100)
    db.set(70)
    for bit, value in ((5, False), (70, True)):
        assert db.test(bit) is value
        db.flip("secondary", bit)
        assert db.test(bit) is value
        db.flip("primary", bit)
        assert db.test(bit) is not value
        db.flip("secondary", bit)
        assert db.test(bit) is not value
        db.flip("primary", bit)
        assert db.test(bit) is value
    assert db.validate() == 0


def test_a_large_bitmap_word_by_word(dual_bitmap: Recorder, kunit_target: Target) -> None:
    width = kunit_target.bits_per_long
    words = word_count(4097, kunit_target)
    db = dual_bitmap(4097)
    for bit in range(0, 4097, width):
        assert db.set(bit) is False
    assert db.words("primary") == [1] * words
    assert db.words("secondary") == [kunit_target.ulong_max - 1] * words
    for bit in range(width - 1, 4096, width):
        assert db.set(bit) is False
    top = 1 << width - 1
    assert db.words("primary") == [top | 1] * (words - 1) + [1]
    assert db.validate() == 0
    assert db.guard()
