# SPDX-License-Identifier: GPL-2.0-only
"""init(): all free, whole words, over whatever lay there before."""

from __future__ import annotations

import pytest

from pytest_pageconsistency.cases import Recorder
from pytest_pageconsistency.conformance.sizes import POPULATED, SIZES, word_count
from pytest_pageconsistency.target import Target


@pytest.mark.parametrize("nbits", SIZES)
def test_init_over_dirty_memory(dual_bitmap: Recorder, kunit_target: Target, nbits: int) -> None:
    words = word_count(nbits, kunit_target)
    for fill in (0x00, 0x01, 0x5A, 0x80, 0x9D, 0xFF):
        db = dual_bitmap(nbits, dirty=fill)
        assert db.words("primary") == [kunit_target.ulong_max // 0xFF * fill] * words
        assert db.validate() == words  # both copies hold the same
        db.init()
        assert db.words("primary") == [0] * words
        assert db.words("secondary") == [kunit_target.ulong_max] * words
        assert db.validate() == 0
        assert db.guard()


@pytest.mark.parametrize("nbits", POPULATED)
def test_init_frees_every_bit(dual_bitmap: Recorder, nbits: int) -> None:
    db = dual_bitmap(nbits, dirty=0xFF)
    db.init()
    for bit in sorted({0, nbits // 2, nbits - 1}):
        assert db.test(bit) is False
        assert db.consistent(bit) is True
    assert db.guard()


@pytest.mark.parametrize("nbits", SIZES)
def test_init_is_idempotent(dual_bitmap: Recorder, kunit_target: Target, nbits: int) -> None:
    db = dual_bitmap(nbits)
    for _ in range(3):
        db.init()
        assert db.words("primary") == [0] * word_count(nbits, kunit_target)
        assert db.words("secondary") == [kunit_target.ulong_max] * word_count(nbits, kunit_target)
    assert db.validate() == 0
    assert db.guard()


@pytest.mark.parametrize("nbits", POPULATED)
def test_init_wipes_corruption(dual_bitmap: Recorder, kunit_target: Target, nbits: int) -> None:
    last = word_count(nbits, kunit_target) - 1
    db = dual_bitmap(nbits)
    db.set(nbits - 1)
    db.write_word("primary", last, 0x12345678)
    db.write_word("secondary", 0, 0x12345678)
    db.scribble("primary", 0, b"\x96")
    assert db.validate() == (2 if last else 1)
    db.init()
    assert db.words("primary") == [0] * (last + 1)
    assert db.words("secondary") == [kunit_target.ulong_max] * (last + 1)
    assert db.validate() == 0
    assert db.guard()


def test_nothing_happens_to_a_bitmap_without_bits(
    dual_bitmap: Recorder, kunit_target: Target
) -> None:
    db = dual_bitmap(0, dirty=0x00)
    db.init()
    assert db.words("primary") == []
    assert db.words("secondary") == []
    assert db.validate() == 0
    for bit in (0, 1, kunit_target.bits_per_long, kunit_target.ulong_max):
        assert db.set(bit) is False
        assert db.clear(bit) is False
        assert db.test(bit) is False
        assert db.consistent(bit) is False
    assert db.validate() == 0
    assert db.guard()
