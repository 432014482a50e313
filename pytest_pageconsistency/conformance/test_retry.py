# SPDX-License-Identifier: GPL-2.0-only
"""The four tries: a pair that heals in time is healthy, and every read is accounted for.

A word reads bad `bad_reads` times, then heals; both functions look three times, relax after each
bad look, and look once more behind a barrier.
"""

from __future__ import annotations

import itertools

import pytest

from pytest_pageconsistency.cases import Recorder
from pytest_pageconsistency.conformance.sizes import COPIES, end_of_memory, word_count
from pytest_pageconsistency.target import Target

TRIES = {
    # bad_reads: found healthy, reads of each copy, cpu_relax(), smp_rmb()
    0: (True, 1, 0, 0),
    1: (True, 2, 1, 0),
    2: (True, 3, 2, 0),
    3: (True, 4, 3, 1),
    4: (False, 4, 3, 1),
    5: (False, 4, 3, 1),
}


@pytest.mark.parametrize("bad_reads", TRIES)
def test_consistent(dual_bitmap: Recorder, bad_reads: int) -> None:
    good, reads, relaxes, barriers = TRIES[bad_reads]
    db = dual_bitmap(100)
    for bit, copy in itertools.product((3, 99), COPIES):
        assert db.consistent_retry(bit, bad_reads, copy) == (good, reads, reads, relaxes, barriers)
        assert db.consistent(bit) is True
        assert db.set(bit) is False  # the other way round
        assert db.consistent_retry(bit, bad_reads, copy) == (good, reads, reads, relaxes, barriers)
        assert db.clear(bit) is True
    assert db.validate() == 0
    assert db.guard()


@pytest.mark.parametrize("bad_reads", TRIES)
def test_validate(dual_bitmap: Recorder, kunit_target: Target, bad_reads: int) -> None:
    good, reads, relaxes, barriers = TRIES[bad_reads]
    reads += 1 if kunit_target.bits_per_long == 64 else 3  # one of each other word
    db = dual_bitmap(100)
    for bit, copy in itertools.product((3, 99), COPIES):
        assert db.validate_retry(bit, bad_reads, copy) == (
            not good,
            reads,
            reads,
            relaxes,
            barriers,
        )
        assert db.validate() == 0
        assert db.set(bit) is False
        assert db.validate_retry(bit, bad_reads, copy) == (
            not good,
            reads,
            reads,
            relaxes,
            barriers,
        )
        assert db.clear(bit) is True
    assert db.guard()


@pytest.mark.parametrize("nbits", [1, 33, 64, 65, 4097])
def test_sizes(dual_bitmap: Recorder, kunit_target: Target, nbits: int) -> None:
    others = word_count(nbits, kunit_target) - 1
    db = dual_bitmap(nbits)
    for bad_reads, (good, reads, relaxes, barriers) in TRIES.items():
        for bit in (0, nbits - 1):
            for copy in COPIES:
                result = db.consistent_retry(bit, bad_reads, copy)
                assert result == (good, reads, reads, relaxes, barriers)
                result = db.validate_retry(bit, bad_reads, copy)
                total = reads + others
                assert result == (not good, total, total, relaxes, barriers)
    assert db.validate() == 0
    assert db.guard()


@pytest.mark.parametrize("copy", COPIES)
def test_validate_tries_again_for_the_tail(
    dual_bitmap: Recorder, kunit_target: Target, copy: str
) -> None:
    last = end_of_memory(100, kunit_target) - 1
    others = 1 if kunit_target.bits_per_long == 64 else 3
    db = dual_bitmap(100)
    for bad_reads, (good, reads, relaxes, barriers) in TRIES.items():
        result = db.validate_retry(last, bad_reads, copy)
        assert result == (not good, reads + others, reads + others, relaxes, barriers)
    assert db.validate() == 0


def test_a_word_that_never_heals_is_given_up(dual_bitmap: Recorder) -> None:
    db = dual_bitmap(64)
    assert db.consistent_retry(63, 1000) == (False, 4, 4, 3, 1)
    result = db.validate_retry(63, 1000)
    assert result.value == 1
    assert (result.relaxes, result.barriers) == (3, 1)
