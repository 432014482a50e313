# SPDX-License-Identifier: GPL-2.0-only
"""Bits out of range: refused by every bit operation, whatever lies in memory there."""

from __future__ import annotations

import itertools

import pytest

from pytest_pageconsistency.cases import BitmapRecorder, Recorder
from pytest_pageconsistency.conformance.sizes import (
    COPIES,
    POPULATED,
    RAGGED,
    SIZES,
    as_words,
    end_of_memory,
    ones,
    out_of_range,
    word_count,
)
from pytest_pageconsistency.target import Target


def refuse(db: BitmapRecorder, bits: list[int]) -> None:
    """Every operation says false; from consistent() that means "refused"."""
    for bit in bits:
        assert db.set(bit) is False
        assert db.test(bit) is False
        assert db.consistent(bit) is False
        assert db.clear(bit) is False
        assert db.set(bit) is False


def test_refusals_of_100_bits(dual_bitmap: Recorder, kunit_target: Target) -> None:
    db = dual_bitmap(100)
    for bit in (100, 127, kunit_target.ulong_max):
        assert db.set(bit) is False
        assert db.clear(bit) is False
        assert db.test(bit) is False
        assert db.consistent(bit) is False
    words = word_count(100, kunit_target)
    assert db.words("primary") == [0] * words
    assert db.words("secondary") == [kunit_target.ulong_max] * words
    assert db.validate() == 0
    assert db.guard()


@pytest.mark.parametrize("nbits", SIZES)
def test_refused_while_all_is_free(dual_bitmap: Recorder, kunit_target: Target, nbits: int) -> None:
    words = word_count(nbits, kunit_target)
    db = dual_bitmap(nbits)
    refuse(db, out_of_range(nbits, kunit_target))
    assert db.words("primary") == [0] * words
    assert db.words("secondary") == [kunit_target.ulong_max] * words
    assert db.validate() == 0
    assert db.guard()


@pytest.mark.parametrize("nbits", SIZES)
def test_refused_while_memory_is_all_ones_and_zeros(
    dual_bitmap: Recorder, kunit_target: Target, nbits: int
) -> None:
    words = word_count(nbits, kunit_target)
    db = dual_bitmap(nbits)
    for index in range(words):
        db.write_word("primary", index, kunit_target.ulong_max)
        db.write_word("secondary", index, 0)
    refuse(db, out_of_range(nbits, kunit_target))
    assert db.words("primary") == [kunit_target.ulong_max] * words
    assert db.words("secondary") == [0] * words
    assert db.validate() == 0
    assert db.guard()


@pytest.mark.parametrize("nbits", POPULATED)
def test_the_last_bit_is_in_range(dual_bitmap: Recorder, nbits: int) -> None:
    db = dual_bitmap(nbits)
    assert db.set(nbits - 1) is False
    assert db.test(nbits - 1) is True
    assert db.test(nbits) is False
    assert db.consistent(nbits - 1) is True
    assert db.consistent(nbits) is False
    assert db.clear(nbits) is False
    assert db.clear(nbits - 1) is True
    assert db.guard()


@pytest.mark.parametrize("nbits", [6, 31, 32, 33, 64, 100])
def test_wide_bit_numbers_do_not_alias(
    dual_bitmap: Recorder, kunit_target: Target, nbits: int
) -> None:
    wide = {32: [(1 << 31) + 5], 64: [(1 << 32) + 5, (1 << 63) + 5, (1 << 32) + nbits - 1]}
    db = dual_bitmap(nbits)
    for bit in wide[kunit_target.bits_per_long]:
        assert db.set(bit) is False
        assert db.test(5) is False
        assert db.test(nbits - 1) is False
        assert db.consistent(bit) is False
        assert db.clear(bit) is False
    assert db.set(5) is False
    db.set(nbits - 1)
    for bit in wide[kunit_target.bits_per_long]:
        assert db.test(bit) is False
        assert db.set(bit) is False
        assert db.clear(bit) is False
        assert db.test(5) is True
        assert db.test(nbits - 1) is True
    assert db.word("primary", 0) & 0x20 == 0x20
    assert db.validate() == 0
    assert db.guard()


@pytest.mark.parametrize("nbits", RAGGED)
def test_a_flip_in_the_tail_is_seen_by_validate_alone(
    dual_bitmap: Recorder, kunit_target: Target, nbits: int
) -> None:
    end = end_of_memory(nbits, kunit_target)
    db = dual_bitmap(nbits)
    for bit, copy in itertools.product(sorted({nbits, end - 1}), COPIES):
        db.flip(copy, bit)
        assert db.validate() == 1
        damaged = db.words(copy)
        refuse(db, [bit])
        assert db.words(copy) == damaged
        assert db.set(nbits - 1) is False
        assert db.consistent(nbits - 1) is True
        assert db.clear(nbits - 1) is True
        assert db.words(copy) == damaged
        assert db.validate() == 1
        db.flip(copy, bit)
        assert db.validate() == 0
        assert db.guard()


def test_bit_104_of_100(dual_bitmap: Recorder) -> None:
    db = dual_bitmap(100)
    db.flip("secondary", 104)
    assert db.validate() == 1
    for bit in range(96, 100):
        assert db.set(bit) is False
        assert db.consistent(bit) is True
        assert db.clear(bit) is True
        assert db.consistent(bit) is True
    assert db.set(104) is False
    assert db.clear(104) is False
    assert db.test(104) is False
    assert db.consistent(104) is False
    assert db.validate() == 1
    db.init()
    assert db.validate() == 0
    assert db.guard()


@pytest.mark.parametrize("nbits", RAGGED)
def test_words_and_bytes_in_the_tail(
    dual_bitmap: Recorder, kunit_target: Target, nbits: int
) -> None:
    end = end_of_memory(nbits, kunit_target)
    tail = ones(end) ^ ones(nbits)
    last = word_count(nbits, kunit_target) - 1
    db = dual_bitmap(nbits)
    # Ones in the primary's tail, zeros in the secondary's: a healthy pair.
    db.write_word("primary", last, as_words(tail, nbits, kunit_target)[last])
    assert db.validate() == 1
    db.write_word("secondary", last, as_words(ones(nbits), nbits, kunit_target)[last])
    assert db.validate() == 0
    refuse(db, [nbits, end - 1])
    for bit in sorted({0, nbits - 1}):
        assert db.test(bit) is False
        assert db.set(bit) is False
        assert db.clear(bit) is True
    assert db.words("primary") == as_words(tail, nbits, kunit_target)
    assert db.words("secondary") == as_words(ones(nbits), nbits, kunit_target)
    # The last byte of the value is the first of the word in memory on a big-endian machine.
    size = kunit_target.bits_per_long // 8
    top = last * size + (size - 1 if kunit_target.byteorder == "little" else 0)
    db.scribble("secondary", top, b"\x80")
    assert db.validate() == 1
    assert db.word("secondary", last) >> kunit_target.bits_per_long - 8 == 0x80
    db.init()
    assert db.validate() == 0
    assert db.guard()


@pytest.mark.parametrize("nbits", [33, 65, 100])
def test_every_bit_of_the_tail(dual_bitmap: Recorder, kunit_target: Target, nbits: int) -> None:
    db = dual_bitmap(nbits)
    for bit in range(nbits, end_of_memory(nbits, kunit_target)):
        assert db.set(bit) is False
        assert db.consistent(bit) is False
        db.flip("primary", bit)
        assert db.test(bit) is False
        assert db.clear(bit) is False
        assert db.validate() == 1
        db.flip("primary", bit)
        assert db.validate() == 0
    assert db.guard()
