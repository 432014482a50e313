# SPDX-License-Identifier: GPL-2.0-only
"""A bitmap of no bits and no memory; among the last, because a fault here ends the kernel."""

from __future__ import annotations

from pytest_pageconsistency.cases import Recorder


def test_no_bits_need_no_memory(dual_bitmap: Recorder) -> None:
    """Behaviour 6: with nbits = 0 both pointers may be NULL."""
    db = dual_bitmap.without_memory()
    db.init()
    assert db.validate() == 0
    for bit in (0, 1, 31):
        assert db.set(bit) is False
        assert db.clear(bit) is False
        assert db.test(bit) is False
        assert db.consistent(bit) is False
