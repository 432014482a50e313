# SPDX-License-Identifier: GPL-2.0-only
"""validate(): the exact number of inconsistent words, wherever they are and however bad."""

from __future__ import annotations

import pytest

from pytest_pageconsistency.cases import Recorder
from pytest_pageconsistency.conformance.sizes import COPIES, POPULATED, SIZES, word_count
from pytest_pageconsistency.target import Target


@pytest.mark.parametrize("copy", COPIES)
def test_words_are_counted_not_bits(dual_bitmap: Recorder, kunit_target: Target, copy: str) -> None:
    db = dual_bitmap(100)
    db.flip(copy, 10)
    assert db.validate() == 1
    db.flip(copy, 40)
    assert db.validate() == (1 if kunit_target.bits_per_long == 64 else 2)
    db.flip(copy, 31)
    assert db.validate() == (1 if kunit_target.bits_per_long == 64 else 2)
    db.flip(copy, 70)
    assert db.validate() == (2 if kunit_target.bits_per_long == 64 else 3)
    db.flip(copy, 99)
    assert db.validate() == (2 if kunit_target.bits_per_long == 64 else 4)


@pytest.mark.parametrize("nbits", SIZES)
def test_a_healthy_pair(dual_bitmap: Recorder, nbits: int) -> None:
    db = dual_bitmap(nbits)
    assert db.validate() == 0
    for bit in range(0, nbits, 7):
        db.set(bit)
    assert db.validate() == 0
    assert db.guard()


@pytest.mark.parametrize("nbits", POPULATED)
def test_every_word_alone(dual_bitmap: Recorder, kunit_target: Target, nbits: int) -> None:
    width = kunit_target.bits_per_long
    db = dual_bitmap(nbits)
    for copy in COPIES:
        for index in range(word_count(nbits, kunit_target)):
            db.flip(copy, index * width + index % width)
            assert db.validate() == 1
            db.flip(copy, index * width + index % width)
    assert db.validate() == 0


@pytest.mark.parametrize("nbits", POPULATED)
def test_one_word_more_each_time(dual_bitmap: Recorder, kunit_target: Target, nbits: int) -> None:
    words = word_count(nbits, kunit_target)
    db = dual_bitmap(nbits)
    for copy in COPIES:
        for index in reversed(range(words)):
            db.flip(copy, index * kunit_target.bits_per_long)
            assert db.validate() == words - index
        for index in reversed(range(words)):
            db.flip(copy, index * kunit_target.bits_per_long)
            assert db.validate() == index
    assert db.guard()


@pytest.mark.parametrize("copy", COPIES)
def test_a_word_is_one_violation_however_bad(
    dual_bitmap: Recorder, kunit_target: Target, copy: str
) -> None:
    db = dual_bitmap(65)
    for bit in range(kunit_target.bits_per_long):
        db.flip(copy, bit)
        assert db.validate() == 1
    healthy = kunit_target.ulong_max if copy == "primary" else 0
    assert db.word(copy, 0) == healthy  # now both copies hold the same


def test_equal_words_in_both_copies(dual_bitmap: Recorder, kunit_target: Target) -> None:
    db = dual_bitmap(256)
    words = word_count(256, kunit_target)
    for index in range(words):
        db.write_word("primary", index, 0)
        db.write_word("secondary", index, 0)
    assert db.validate() == words
    for index in range(words):
        db.write_word("primary", index, kunit_target.ulong_max)
    assert db.validate() == 0
    for index in range(words):
        db.write_word("secondary", index, kunit_target.ulong_max)
    assert db.validate() == words
    assert db.guard()


def test_damage_in_both_copies_of_different_words(
    dual_bitmap: Recorder, kunit_target: Target
) -> None:
    last = word_count(256, kunit_target) - 1
    db = dual_bitmap(256)
    db.write_word("primary", 0, 1)
    db.write_word("secondary", last, kunit_target.ulong_max - 1)
    assert db.validate() == 2
    db.write_word("secondary", 0, kunit_target.ulong_max - 1)
    assert db.validate() == 1
    db.write_word("primary", last, 1)
    assert db.validate() == 0


def test_all_words_of_a_large_bitmap(dual_bitmap: Recorder, kunit_target: Target) -> None:
    words = 65 if kunit_target.bits_per_long == 64 else 129
    db = dual_bitmap(4097)
    db.scribble("secondary", 0, bytes(words * kunit_target.bits_per_long // 8))
    assert db.validate() == words
    assert db.set(4096) is False
    assert db.validate() == words
    db.write_word("primary", words - 1, kunit_target.ulong_max)
    assert db.validate() == words - 1
    db.init()
    assert db.validate() == 0
    assert db.guard()
