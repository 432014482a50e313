# SPDX-License-Identifier: GPL-2.0-only
"""Single flips are always found, double flips never."""

from __future__ import annotations

import itertools

import pytest

from pytest_pageconsistency.cases import Recorder
from pytest_pageconsistency.conformance.sizes import COPIES, POPULATED
from pytest_pageconsistency.target import Target


@pytest.mark.parametrize("allocated", [False, True], ids=["free", "allocated"])
@pytest.mark.parametrize("copy", COPIES)
def test_every_single_flip_of_130_bits(dual_bitmap: Recorder, copy: str, allocated: bool) -> None:
    db = dual_bitmap(130)
    if allocated:
        for bit in range(130):
            db.set(bit)
    for bit in range(130):
        assert db.consistent(bit) is True
        db.flip(copy, bit)
        assert db.consistent(bit) is False
        assert db.validate() == 1
        db.flip(copy, bit)
        assert db.validate() == 0
    assert db.guard()


@pytest.mark.parametrize("nbits", POPULATED)
def test_a_flip_is_seen_at_its_bit_only(dual_bitmap: Recorder, nbits: int) -> None:
    bits = sorted({0, nbits // 2, nbits - 1})
    db = dual_bitmap(nbits)
    for allocated in bits:
        assert db.set(allocated) is False
        for damaged, copy in itertools.product(bits, COPIES):
            db.flip(copy, damaged)
            for bit in bits:
                assert db.consistent(bit) is (bit != damaged)
            db.flip(copy, damaged)
    assert db.validate() == 0


@pytest.mark.parametrize("nbits", POPULATED)
def test_both_directions(dual_bitmap: Recorder, nbits: int) -> None:
    db = dual_bitmap(nbits)
    for bit, copy in itertools.product(sorted({0, nbits - 1}), COPIES):
        db.flip(copy, bit)  # of a free bit: the primary 0 to 1, the secondary 1 to 0
        assert db.consistent(bit) is False
        assert db.test(bit) is (copy == "primary")
        assert db.validate() == 1
        db.flip(copy, bit)
        assert db.set(bit) is False
        db.flip(copy, bit)  # of an allocated one
        assert db.consistent(bit) is False
        assert db.test(bit) is (copy == "secondary")
        assert db.validate() == 1
        db.flip(copy, bit)
        assert db.clear(bit) is True
    assert db.validate() == 0
    assert db.guard()


@pytest.mark.parametrize("nbits", POPULATED)
def test_a_double_flip_cannot_be_seen(dual_bitmap: Recorder, nbits: int) -> None:
    bit = nbits - 1
    db = dual_bitmap(nbits)
    db.flip("primary", bit)
    db.flip("secondary", bit)
    assert db.consistent(bit) is True
    assert db.validate() == 0
    assert db.test(bit) is True  # though nobody allocated it
    assert db.clear(bit) is True
    assert db.set(bit) is False
    db.flip("secondary", bit)
    db.flip("primary", bit)
    assert db.consistent(bit) is True
    assert db.validate() == 0
    assert db.test(bit) is False  # though it is allocated


def test_flips_of_different_bits_do_not_cancel(dual_bitmap: Recorder, kunit_target: Target) -> None:
    db = dual_bitmap(100)
    db.flip("primary", 6)
    db.flip("secondary", 7)
    assert db.consistent(6) is False
    assert db.consistent(7) is False
    assert db.validate() == 1
    assert db.word("primary", 0) == 0x40
    assert db.word("secondary", 0) == kunit_target.ulong_max - 0x80
