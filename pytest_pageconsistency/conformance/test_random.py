# SPDX-License-Identifier: GPL-2.0-only
"""Seeded random programs: long mixtures of use, damage, healing and looking."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import cycle, repeat
from typing import Any, TypeAlias

import pytest

from pytest_pageconsistency.cases import BitmapRecorder, Recorder
from pytest_pageconsistency.conformance.sizes import COPIES, SIZES, out_of_range
from pytest_pageconsistency.target import Target

Action: TypeAlias = tuple[Callable[..., object], Iterator[tuple[Any, ...]]]
"""A step, and what it is called with each time."""

PROGRAMS = 200
STEPS = 500
"""Of one program, with the making of its bitmaps and the last look at them."""

_MAKING, _ENDING = 4, 6

_WEIGHTS = {
    "set": 24,
    "clear": 20,
    "test": 10,
    "consistent": 12,
    "validate": 8,
    "flip": 11,
    "write_word": 2,
    "scribble": 2,
    "word": 7,
    "words": 1,
    "guard": 2,
    "init": 1,
}

_DRAWN, _FEW = 31, 7
"""Arguments drawn of each kind, and of a rare one: no divisors of anything, so that what goes round
meets other steps each time."""

_WORDS_SHOWN = 16
"""Larger bitmaps show single words only, to keep consoles short."""


@pytest.mark.parametrize("seed", range(PROGRAMS))
def test_random_program(dual_bitmap: Recorder, kunit_target: Target, seed: int) -> None:
    rng = random.Random(seed)
    sizes = SIZES[seed % len(SIZES)], rng.choice(SIZES)
    bitmaps = [dual_bitmap(nbits) for nbits in sizes]
    actions = [action for db in bitmaps for action in _actions(db, kunit_target, rng)]
    for call, arguments in rng.choices(actions, k=STEPS - _MAKING - _ENDING):
        call(*next(arguments))
    for db in bitmaps:
        db.init()
        assert db.validate() == 0
        assert db.guard()


def _actions(db: BitmapRecorder, target: Target, rng: random.Random) -> list[Action]:
    """What is done to a bitmap, each as often as it weighs; a few favourite bits make steps meet.

    There are 100,000 steps in all, so the arguments are drawn beforehand, and go round. Where
    there is no memory to damage, the guard words are looked at instead.
    """
    outside = out_of_range(db.nbits, target)
    inside = [rng.randrange(db.nbits) for _ in range(4) if db.nbits]
    anywhere = [rng.randrange(db.nbits) for _ in range(12) if db.nbits]
    # One in ten is out of range, and all of them if the bitmap has no bits.
    bits = cycle([(bit,) for bit in _drawn(rng, {63: inside, 27: anywhere, 10: outside})])
    nothing = repeat(())
    arguments: dict[str, Action] = {
        **{name: (getattr(db, name), bits) for name in ("set", "clear", "test", "consistent")},
        **{name: (getattr(db, name), nothing) for name in ("validate", "guard", "init")},
    }
    if db.word_count:
        arguments |= _damage(db, target, rng, {60: inside, 25: anywhere})
    guard = arguments["guard"]
    return [arguments.get(name, guard) for name, often in _WEIGHTS.items() for _ in range(often)]


def _damage(
    db: BitmapRecorder, target: Target, rng: random.Random, favourites: Mapping[int, Sequence[int]]
) -> dict[str, Action]:
    """Steps on the memory: mostly in range, at times in the tail."""
    width = target.bits_per_long
    memory = range(db.word_count * width)
    size = len(memory) // 8
    tail = [rng.choice(memory) for _ in range(12)]
    copies = cycle(rng.choices(COPIES, k=_DRAWN))
    flipped = list(zip(copies, _drawn(rng, {**favourites, 15: tail}), strict=False))
    looked_at = [(copy, bit // width) for copy, bit in flipped]
    written = [
        # A random word, or one that is likely to be a complement of another.
        (next(copies), rng.randrange(db.word_count), word)
        for _ in range(_FEW)
        for word in (rng.choice([0, target.ulong_max, rng.getrandbits(width)]),)
    ]
    scribbled = [
        (next(copies), rng.randrange(size - len(data) + 1), data)
        for _ in range(_FEW)
        for data in (rng.randbytes(rng.randint(1, min(size, 9))),)
    ]
    word = db.word, cycle(looked_at)
    return {
        "flip": (db.flip, cycle(flipped)),
        "write_word": (db.write_word, cycle(written)),
        "scribble": (db.scribble, cycle(scribbled)),
        "word": word,
        "words": (db.words, cycle([("primary",), ("secondary",)]))
        if db.word_count <= _WORDS_SHOWN
        else word,
    }


def _drawn(rng: random.Random, pools: Mapping[int, Sequence[int]]) -> list[int]:
    """Values of several pools; the keys are how often one of that pool comes."""
    weighted = [(value, often / len(pool)) for often, pool in pools.items() for value in pool]
    values, weights = zip(*weighted, strict=True)
    return rng.choices(values, weights, k=_DRAWN)
