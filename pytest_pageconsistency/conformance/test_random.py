# SPDX-License-Identifier: GPL-2.0-only
"""Seeded random programs: long mixtures of use, damage, healing and looking."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from itertools import cycle
from typing import TypeVar

import pytest

from pytest_pageconsistency.cases import BitmapRecorder, Recorder
from pytest_pageconsistency.conformance.sizes import COPIES, SIZES, out_of_range
from pytest_pageconsistency.target import Target

T = TypeVar("T")

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

_BIT_STEPS = ("set", "clear", "test", "consistent")

_DRAWN = 97
"""No divisor of anything, so that what goes round meets other steps each time."""

_WORDS_SHOWN = 16
"""Larger bitmaps show single words only, to keep consoles short."""


@pytest.mark.parametrize("seed", range(PROGRAMS))
def test_random_program(dual_bitmap: Recorder, kunit_target: Target, seed: int) -> None:
    rng = random.Random(seed)
    players = [
        Player(dual_bitmap(nbits), kunit_target, rng)
        for nbits in (SIZES[seed % len(SIZES)], rng.choice(SIZES))
    ]
    names = rng.choices(list(_WEIGHTS), list(_WEIGHTS.values()), k=STEPS - _MAKING - _ENDING)
    for name, player in zip(names, rng.choices(players, k=len(names)), strict=True):
        player.take(name)
    for player in players:
        player.db.init()
        assert player.db.validate() == 0
        assert player.db.guard()


class Player:
    """Takes random steps on one bitmap; a few favourite bits make them meet.

    There are 100,000 steps in all, so the bits are drawn beforehand, and go round.
    """

    def __init__(self, db: BitmapRecorder, target: Target, rng: random.Random) -> None:
        self.db = db
        self._target = target
        self._rng = rng
        self._bit_steps = {name: getattr(db, name) for name in _BIT_STEPS}
        outside = out_of_range(db.nbits, target)
        inside = [rng.randrange(db.nbits) for _ in range(4) if db.nbits]
        anywhere = [rng.randrange(db.nbits) for _ in range(12) if db.nbits]
        memory = range(db.word_count * target.bits_per_long)
        tail = [rng.choice(memory) for _ in range(12) if db.word_count]
        # One in ten is out of range, and all of them if the bitmap has no bits.
        self._bits = _drawn(rng, {63: inside, 27: anywhere, 10: outside})
        # Mostly in range, at times in the tail.
        self._memory_bits = _drawn(rng, {60: inside, 25: anywhere, 15: tail})
        self._copies = _drawn(rng, {1: COPIES})

    def take(self, name: str) -> None:
        """Take the step of that name, or one that looks where there is nothing to damage."""
        db = self.db
        if name in self._bit_steps:
            self._bit_steps[name](next(self._bits))
        elif name == "validate":
            db.validate()
        elif name == "init":
            db.init()
        elif name == "guard" or not db.word_count:
            assert db.guard()
        elif name == "flip":
            db.flip(next(self._copies), next(self._memory_bits))
        elif name == "write_word":
            db.write_word(next(self._copies), self._rng.randrange(db.word_count), self._word())
        elif name == "scribble":
            size = db.word_count * self._target.bits_per_long // 8
            data = self._rng.randbytes(self._rng.randint(1, min(size, 9)))
            db.scribble(next(self._copies), self._rng.randrange(size - len(data) + 1), data)
        elif name == "words" and db.word_count <= _WORDS_SHOWN:
            db.words(next(self._copies))
        else:
            db.word(next(self._copies), next(self._memory_bits) // self._target.bits_per_long)

    def _word(self) -> int:
        """A random word, or one that is likely to be a complement of another."""
        return self._rng.choice(
            [0, self._target.ulong_max, self._rng.getrandbits(self._target.bits_per_long)]
        )


def _drawn(rng: random.Random, pools: Mapping[int, Sequence[T]]) -> Iterator[T]:
    """Values without end; the keys are how often one of that pool comes."""
    weighted = [(value, often / len(pool)) for often, pool in pools.items() for value in pool]
    if not weighted:
        return iter(())
    values, weights = zip(*weighted, strict=True)
    return cycle(rng.choices(values, weights, k=_DRAWN))
