# SPDX-License-Identifier: GPL-2.0-only
"""Seeded random programs: long mixtures of use, damage, healing and looking."""

from __future__ import annotations

import random

import pytest

from pytest_pageconsistency.cases import BitmapRecorder, Recorder
from pytest_pageconsistency.conformance.sizes import COPIES, SIZES, out_of_range
from pytest_pageconsistency.target import Target

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

    There are 100,000 of them: one random number a step, drawn in the cheapest way, is enough.
    """

    def __init__(self, db: BitmapRecorder, target: Target, rng: random.Random) -> None:
        self.db = db
        self._target = target
        self._rng = rng
        self._random = rng.random
        self._outside = out_of_range(db.nbits, target)
        self._favourites = [rng.randrange(db.nbits) for _ in range(4) if db.nbits]
        self._bit_steps = {name: getattr(db, name) for name in _BIT_STEPS}

    def take(self, name: str) -> None:
        """Take the step of that name, or one that looks where there is nothing to damage."""
        db = self.db
        if name in self._bit_steps:
            self._bit_steps[name](self._bit())
        elif name == "validate":
            db.validate()
        elif name == "init":
            db.init()
        elif name == "guard" or not db.word_count:
            assert db.guard()
        elif name == "flip":
            db.flip(self._copy(), self._bit_of_memory())
        elif name == "write_word":
            db.write_word(self._copy(), self._rng.randrange(db.word_count), self._word())
        elif name == "scribble":
            size = db.word_count * self._target.bits_per_long // 8
            data = self._rng.randbytes(self._rng.randint(1, min(size, 9)))
            db.scribble(self._copy(), self._rng.randrange(size - len(data) + 1), data)
        elif name == "words" and db.word_count <= _WORDS_SHOWN:
            db.words(self._copy())
        else:
            db.word(self._copy(), self._bit_of_memory() // self._target.bits_per_long)

    def _copy(self) -> str:
        return COPIES[self._random() < 0.5]

    def _bit(self) -> int:
        """One in ten is out of range, and all of them if the bitmap has no bits."""
        chance = self._random()
        if chance >= 0.1 and self._favourites:
            return self._bit_in_range((chance - 0.1) / 0.9)
        return self._outside[int(self._random() * len(self._outside))]

    def _bit_in_range(self, chance: float) -> int:
        """A favourite in two of three cases; `chance` is random, from 0 to 1."""
        if chance < 0.7:
            return self._favourites[int(chance / 0.7 * len(self._favourites))]
        return int((chance - 0.7) / 0.3 * self.db.nbits)

    def _bit_of_memory(self) -> int:
        """Mostly in range, at times in the tail."""
        chance = self._random()
        if chance < 0.85:
            return self._bit_in_range(chance / 0.85)
        return int((chance - 0.85) / 0.15 * self.db.word_count * self._target.bits_per_long)

    def _word(self) -> int:
        """A random word, or one that is likely to be a complement of another."""
        return self._rng.choice(
            [0, self._target.ulong_max, self._rng.getrandbits(self._target.bits_per_long)]
        )
