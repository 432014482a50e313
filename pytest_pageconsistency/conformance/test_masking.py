# SPDX-License-Identifier: GPL-2.0-only
"""What set() and clear() do to damage: they hide it, or they heal it."""

from __future__ import annotations

import itertools

import pytest

from pytest_pageconsistency.cases import Recorder
from pytest_pageconsistency.conformance.sizes import POPULATED, word_count
from pytest_pageconsistency.target import Target

BITS_OF_100 = [0, 5, 31, 32, 63, 64, 99]


@pytest.mark.parametrize("bit", BITS_OF_100)
def test_masking_by_set(dual_bitmap: Recorder, kunit_target: Target, bit: int) -> None:
    index, offset = divmod(bit, kunit_target.bits_per_long)
    db = dual_bitmap(100)
    db.flip("secondary", bit)
    assert db.consistent(bit) is False
    assert db.validate() == 1
    assert db.set(bit) is False
    assert db.consistent(bit) is True
    assert db.validate() == 0
    assert db.word("primary", index) == 1 << offset
    assert db.word("secondary", index) == kunit_target.ulong_max ^ 1 << offset
    assert db.guard()


@pytest.mark.parametrize("bit", BITS_OF_100)
def test_masking_by_clear(dual_bitmap: Recorder, kunit_target: Target, bit: int) -> None:
    db = dual_bitmap(100)
    db.flip("primary", bit)
    assert db.consistent(bit) is False
    assert db.validate() == 1
    assert db.clear(bit) is True  # as if it had been allocated
    assert db.consistent(bit) is True
    assert db.validate() == 0
    assert db.words("primary") == [0] * word_count(100, kunit_target)
    assert db.words("secondary") == [kunit_target.ulong_max] * word_count(100, kunit_target)
    assert db.guard()


@pytest.mark.parametrize("bit", BITS_OF_100)
def test_healing_by_set(dual_bitmap: Recorder, kunit_target: Target, bit: int) -> None:
    index, offset = divmod(bit, kunit_target.bits_per_long)
    db = dual_bitmap(100)
    db.flip("primary", bit)  # 1 and 1
    assert db.set(bit) is True
    assert db.consistent(bit) is True
    assert db.validate() == 0
    assert db.word("primary", index) == 1 << offset
    assert db.word("secondary", index) == kunit_target.ulong_max ^ 1 << offset


@pytest.mark.parametrize("bit", BITS_OF_100)
def test_healing_by_clear(dual_bitmap: Recorder, kunit_target: Target, bit: int) -> None:
    db = dual_bitmap(100)
    db.flip("secondary", bit)  # 0 and 0
    assert db.clear(bit) is False
    assert db.consistent(bit) is True
    assert db.validate() == 0
    assert db.words("primary") == [0] * word_count(100, kunit_target)
    assert db.words("secondary") == [kunit_target.ulong_max] * word_count(100, kunit_target)


@pytest.mark.parametrize("nbits", POPULATED)
def test_all_four_states_of_a_bit(dual_bitmap: Recorder, nbits: int) -> None:
    """Whatever the two bits were, the old primary one comes back and the pair is healthy."""
    bit = nbits - 1
    db = dual_bitmap(nbits)
    for allocates, primary, secondary in itertools.product((False, True), repeat=3):
        db.init()
        if primary:
            db.flip("primary", bit)
        if not secondary:
            db.flip("secondary", bit)
        assert db.test(bit) is primary
        assert db.consistent(bit) is (primary != secondary)
        assert (db.set(bit) if allocates else db.clear(bit)) is primary
        assert db.test(bit) is allocates
        assert db.consistent(bit) is True
        assert db.validate() == 0
        assert db.guard()


@pytest.mark.parametrize("operation", ["set", "clear"])
def test_damage_to_a_neighbour_stays(dual_bitmap: Recorder, operation: str) -> None:
    db = dual_bitmap(100)
    db.flip("primary", 6)
    db.flip("secondary", 70)
    for bit in (5, 7, 69, 71):
        assert (db.set(bit) if operation == "set" else db.clear(bit)) is False
        assert db.consistent(6) is False
        assert db.consistent(70) is False
        assert db.validate() == 2
    assert db.clear(6) is True
    assert db.validate() == 1
    assert db.clear(70) is False
    assert db.validate() == 0
