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
    "flip": 10,
    "write_word": 2,
    "scribble": 2,
    "word": 8,
    "words": 1,
    "guard": 2,
    "init": 1,
}

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
    for name in names:
        rng.choice(players).take(name)
    for player in players:
        player.db.init()
        assert player.db.validate() == 0
        assert player.db.guard()


class Player:
    """Takes random steps on one bitmap; a few favourite bits make them meet."""

    def __init__(self, db: BitmapRecorder, target: Target, rng: random.Random) -> None:
        self.db = db
        self._target = target
        self._rng = rng
        self._outside = out_of_range(db.nbits, target)
        self._favourites = [rng.randrange(db.nbits) for _ in range(4) if db.nbits]

    def take(self, name: str) -> None:
        """Take the step of that name, or one that looks where there is nothing to damage."""
        db, rng = self.db, self._rng
        copy = rng.choice(COPIES)
        if name in ("set", "clear", "test", "consistent"):
            getattr(db, name)(self._bit())
        elif name in ("validate", "init"):
            getattr(db, name)()
        elif name == "guard" or not db.word_count:
            assert db.guard()
        elif name == "flip":
            db.flip(copy, self._bit_of_memory())
        elif name == "write_word":
            db.write_word(copy, rng.randrange(db.word_count), self._word())
        elif name == "scribble":
            size = db.word_count * self._target.bits_per_long // 8
            data = rng.randbytes(rng.randint(1, min(size, 9)))
            db.scribble(copy, rng.randrange(size - len(data) + 1), data)
        elif name == "words" and db.word_count <= _WORDS_SHOWN:
            db.words(copy)
        else:
            db.word(copy, self._bit_of_memory() // self._target.bits_per_long)

    def _bit(self) -> int:
        """One in ten is out of range, and all of them if the bitmap has no bits."""
        if not self._favourites or self._rng.random() < 0.1:
            return self._rng.choice(self._outside)
        return self._bit_in_range()

    def _bit_in_range(self) -> int:
        if self._rng.random() < 0.7:
            return self._rng.choice(self._favourites)
        return self._rng.randrange(self.db.nbits)

    def _bit_of_memory(self) -> int:
        """Mostly in range, at times in the tail."""
        if self._rng.random() < 0.85:
            return self._bit_in_range()
        return self._rng.randrange(self.db.word_count * self._target.bits_per_long)

    def _word(self) -> int:
        """A random word, or one that is likely to be a complement of another."""
        return self._rng.choice(
            [0, self._target.ulong_max, self._rng.getrandbits(self._target.bits_per_long)]
        )
