# SPDX-License-Identifier: GPL-2.0-only
"""The cases whose consoles were recorded, as test_recorded.py, from real boots."""

import pytest


def test_set(dual_bitmap):
    db = dual_bitmap(nbits=100)
    assert db.set(5) is False
    assert db.set(5) is True
    assert db.set(100) is False


class TestFlips:
    @pytest.mark.parametrize("bit", [0, 99])
    def test_is_seen(self, dual_bitmap, bit):
        db = dual_bitmap(nbits=100)
        db.flip("secondary", bit)
        assert db.consistent(bit) is False
        assert db.validate() == 1


@pytest.mark.parametrize("name", ["größe"])
def test_many_steps(dual_bitmap, name):
    db = dual_bitmap(nbits=256)
    for bit in range(256):
        assert db.set(bit) is False
        assert db.clear(bit) is True
    assert db.guard() is True
