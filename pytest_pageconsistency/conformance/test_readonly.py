# SPDX-License-Identifier: GPL-2.0-only
"""test(), consistent() and validate() never write, be the pair healthy or not."""

from __future__ import annotations

import pytest

from pytest_pageconsistency.cases import Recorder
from pytest_pageconsistency.conformance.sizes import SIZES, out_of_range, word_count
from pytest_pageconsistency.target import Target


@pytest.mark.parametrize("nbits", SIZES)
def test_readers_do_not_write(dual_bitmap: Recorder, kunit_target: Target, nbits: int) -> None:
    words = word_count(nbits, kunit_target)
    checkered = [kunit_target.ulong_max // 3] * words  # bits 0, 2, 4 and so on
    complement = [kunit_target.ulong_max // 3 << 1] * words
    damaged = [word ^ 1 << i % 32 for i, word in enumerate(complement)]
    db = dual_bitmap(nbits)
    for secondary, violations in ((complement, 0), (damaged, words), (checkered, words)):
        for index in range(words):
            db.write_word("primary", index, checkered[index])
            db.write_word("secondary", index, secondary[index])

        assert db.validate() == violations
        for bit in sorted({0, nbits // 2, nbits - 1}) if nbits else ():
            assert db.test(bit) is (bit % 2 == 0)
            db.consistent(bit)
        for bit in out_of_range(nbits, kunit_target):
            assert db.test(bit) is False
            assert db.consistent(bit) is False
        assert db.validate() == violations

        assert db.words("primary") == checkered
        assert db.words("secondary") == secondary
        assert db.guard()
