# SPDX-License-Identifier: GPL-2.0-only
"""Several dual bitmaps: what happens to one leaves the others alone."""

from __future__ import annotations

import pytest

from pytest_pageconsistency.cases import Recorder
from pytest_pageconsistency.conformance.sizes import SIZES, word_count
from pytest_pageconsistency.target import Target


def test_three_bitmaps(dual_bitmap: Recorder, kunit_target: Target) -> None:
    first, second, third = dual_bitmap(100), dual_bitmap(33), dual_bitmap(65, dirty=0x5A)
    assert first.set(5) is False
    assert second.test(5) is False
    assert second.set(32) is False
    assert first.test(32) is False
    third.init()
    assert first.test(5) is True
    assert second.test(32) is True
    second.flip("primary", 5)
    assert first.validate() == 0
    assert second.validate() == 1
    assert third.validate() == 0
    assert first.clear(5) is True
    assert second.consistent(5) is False
    second.init()
    assert second.validate() == 0
    assert first.set(99) is False
    assert third.test(64) is False
    assert third.words("primary") == [0] * word_count(65, kunit_target)
    assert first.guard()
    assert second.guard()
    assert third.guard()


def test_the_range_is_each_bitmaps_own(dual_bitmap: Recorder) -> None:
    small, none, large = dual_bitmap(33), dual_bitmap(0), dual_bitmap(4097)
    for bit in (0, 32, 33, 63, 4096, 4097):
        assert large.set(bit) is False
        assert large.test(bit) is (bit < 4097)
        assert small.test(bit) is False
        assert small.set(bit) is False
        assert small.consistent(bit) is (bit < 33)
        assert none.set(bit) is False
        assert none.consistent(bit) is False
    for db in (small, none, large):
        assert db.validate() == 0
        assert db.guard()


def test_one_bitmap_of_each_size(dual_bitmap: Recorder, kunit_target: Target) -> None:
    bitmaps = [dual_bitmap(nbits) for nbits in SIZES]
    for nbits, db in zip(SIZES, bitmaps, strict=True):
        if nbits:
            assert db.set(nbits - 1) is False
            db.flip("secondary", 0)
        assert [other.validate() for other in bitmaps] == [
            int(0 < other.nbits <= nbits) for other in bitmaps
        ]
    for db in bitmaps:
        db.init()
        assert db.words("secondary") == [kunit_target.ulong_max] * db.word_count
        assert db.guard()


@pytest.mark.parametrize("damage", ["none", "flip"])
def test_retries_watch_one_bitmap(dual_bitmap: Recorder, damage: str) -> None:
    db, other = dual_bitmap(64), dual_bitmap(64)
    if damage == "flip":
        other.flip("primary", 9)
    assert db.consistent_retry(9, 2, "primary") == (True, 3, 3, 2, 0)
    assert db.validate_retry(9, 4, "secondary").value == 1
    assert db.validate() == 0
    assert other.validate() == (1 if damage == "flip" else 0)
