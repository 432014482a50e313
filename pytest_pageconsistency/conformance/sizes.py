# SPDX-License-Identifier: GPL-2.0-only
"""What all cases share: sizes at and around the ends of words, and what follows from a size."""

from __future__ import annotations

from pytest_pageconsistency.target import Target

COPIES = ("primary", "secondary")

WORDS = {
    0: (0, 0),
    1: (1, 1),
    31: (1, 1),
    32: (1, 1),
    33: (2, 1),
    63: (2, 1),
    64: (2, 1),
    65: (3, 2),
    100: (4, 2),
    256: (8, 4),
    4097: (129, 65),
}
"""nbits -> number of words of 32 bits, and of 64 bits."""

SIZES = tuple(WORDS)

POPULATED = SIZES[1:]
"""Sizes that have bits."""

RAGGED = (1, 31, 33, 63, 65, 100, 4097)
"""Sizes that leave a tail past nbits in the last word, whatever the width of a word."""


def word_count(nbits: int, target: Target) -> int:
    """Number of words in each copy."""
    return WORDS[nbits][target.bits_per_long == 64]


def end_of_memory(nbits: int, target: Target) -> int:
    """The first bit past the last word."""
    return word_count(nbits, target) * target.bits_per_long


def out_of_range(nbits: int, target: Target) -> list[int]:
    """Bits to refuse: in the tail, past the memory, and those that a narrower type would alias."""
    bits = [nbits, nbits + 1, end_of_memory(nbits, target), 1 << 31, target.ulong_max]
    if end_of_memory(nbits, target) > nbits:
        bits.append(end_of_memory(nbits, target) - 1)
    if target.bits_per_long == 64:
        bits += [1 << 32, (1 << 32) + 5, (1 << 32) + max(nbits, 1) - 1, 1 << 63]
    return bits


def ones(count: int) -> int:
    """A word, or a number of words, whose lowest `count` bits are set."""
    return (1 << count) - 1


def as_words(value: int, nbits: int, target: Target) -> list[int]:
    """The words of a copy that holds `value`, bit 0 of it first."""
    width = target.bits_per_long
    return [value >> width * i & ones(width) for i in range(word_count(nbits, target))]
