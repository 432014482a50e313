# SPDX-License-Identifier: GPL-2.0-only
"""Seeded random machines: allocators that err, memory that flips, and everything that looks."""

from __future__ import annotations

import random

import pytest

from pytest_pageconsistency.cases import CheckerRecorder
from pytest_pageconsistency.checker_conformance.states import END, FIRST

PROGRAMS = 40
STEPS = 150

_WEIGHTS = {
    "alloc": 34,
    "free": 34,
    "check": 8,
    "flip": 9,
    "stats": 4,
    "validate_all": 3,
    "write_validate": 2,
    "violations": 2,
    "running": 2,
    "guard": 2,
}

_PANICS = 8
"""Every so many programs are of a machine that panics, each of which ends soon."""


@pytest.mark.parametrize("seed", range(PROGRAMS))
def test_random_machine(page_consistency: CheckerRecorder, seed: int) -> None:
    rng = random.Random(seed)
    first = rng.choice([0, FIRST, 1000])
    end = first + rng.choice([1, 33, 64, END - FIRST, 1025])
    pc = page_consistency
    for panic in [True] * 10 if seed % _PANICS == 0 else [False]:
        assert pc.boot(first, end, panic=panic).enabled
        favourites = [rng.randrange(first, end) for _ in range(4)]
        for name in rng.choices(list(_WEIGHTS), list(_WEIGHTS.values()), k=STEPS):
            if take(pc, name, rng, favourites):
                break
        assert pc.panics() in (0, 1)
        assert pc.bitmap.guard()


def take(pc: CheckerRecorder, name: str, rng: random.Random, favourites: list[int]) -> bool:
    """Take the step of that name; whether the kernel has died of it."""
    # A block begins at or before a favourite page, at times out of range.
    order = rng.choices(range(6), [60, 16, 10, 7, 4, 3])[0]
    pfn = max(0, rng.choice(favourites) - rng.choice([0, 0, 0, (1 << order) - 1, 3]))
    if name in ("alloc", "free"):
        change = pc.alloc(pfn, order) if name == "alloc" else pc.free(pfn, order)
        return bool(change.panics)
    if name == "check":
        pc.check(pfn)
    elif name == "flip":
        pc.flip(rng.choice(["primary", "secondary"]), rng.choice(favourites))
    elif name == "guard":
        assert pc.bitmap.guard()
    else:
        getattr(pc, name)()
    return False
