# SPDX-License-Identifier: GPL-2.0-only
"""The sequential model of `struct dual_bitmap` and its functions (spec: dual_bitmap.md).

Words are values, not bytes: bits are numbered within the value of a long, least significant
first, on every architecture. Byte order shows only in `scribble` and `to_bytes`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from pytest_pageconsistency.oracle.abi import Abi

PRIMARY = "primary"
SECONDARY = "secondary"
COPIES = (PRIMARY, SECONDARY)

RETRY_COUNT = 3
"""DUAL_BITMAP_RETRY_COUNT: reads that are followed by cpu_relax() before the last one."""

UINT_MAX = 0xFFFFFFFF


class RetryResult(NamedTuple):
    """What consistent() or validate() did while a word healed under its eyes.

    `value` is the function's result; the reads are counted per copy; `relaxes` are the calls of
    cpu_relax(), `barriers` those of smp_rmb().
    """

    value: int
    primary_reads: int
    secondary_reads: int
    relaxes: int
    barriers: int


class Words(dict[int, int]):
    """One bitmap's memory: `count` words that all hold `background` until they are written.

    Sparse, so that a bitmap of 2^32 bits costs nothing until it is touched.
    """

    def __init__(self, count: int, background: int) -> None:
        super().__init__()
        self.count = count
        self.background = background

    def __missing__(self, index: int) -> int:
        if not 0 <= index < self.count:
            raise IndexError(f"word {index} is outside a bitmap of {self.count} words")
        return self.background

    def fill(self, value: int) -> None:
        """Let every word hold `value`."""
        self.clear()
        self.background = value

    def runs(self) -> Iterator[tuple[int, int]]:
        """Runs of words as (value, count), lowest index first; neighbours may be equal."""
        position = 0
        for index in sorted(self):
            if index > position:
                yield self.background, index - position
            yield self[index], 1
            position = index + 1
        if position < self.count:
            yield self.background, self.count - position

    def as_list(self) -> list[int]:
        """Every word, lowest index first."""
        dense = [self.background] * self.count
        for index, value in self.items():
            dense[index] = value
        return dense


def consistent_word(abi: Abi, primary: int, secondary: int) -> bool:
    """dual_bitmap_consistent_word(): primary == ~secondary."""
    return primary ^ secondary == abi.ulong_max


def read_with_retries(bad_reads: int) -> tuple[bool, int, int, int]:
    """Read one word that is inconsistent `bad_reads` times and healthy from then on.

    Returns whether it was found consistent, the reads of each copy, the calls of cpu_relax()
    and those of smp_rmb().
    """
    for attempt in range(RETRY_COUNT):
        if attempt >= bad_reads:
            return True, attempt + 1, attempt, 0
    return bad_reads <= RETRY_COUNT, RETRY_COUNT + 1, RETRY_COUNT, 1


class DualBitmap:
    """A `struct dual_bitmap` over two bitmaps of BITS_TO_LONGS(nbits) words each.

    `nbits` is an unsigned int; the memory holds the byte `fill` everywhere until init().
    Raises ValueError where an argument does not fit its C type, IndexError for words outside
    the bitmaps.
    """

    def __init__(self, abi: Abi, nbits: int, fill: int = 0) -> None:
        if not 0 <= nbits <= UINT_MAX:
            raise ValueError(f"nbits is an unsigned int, 0 to {UINT_MAX}, not {nbits}")
        if not 0 <= fill <= 0xFF:
            raise ValueError(f"memory is filled with a byte, 0 to 255, not {fill}")
        self.abi = abi
        self.nbits = nbits
        self.word_count = abi.bits_to_longs(nbits)
        background = abi.word_of_bytes(fill)
        self.primary = Words(self.word_count, background)
        self.secondary = Words(self.word_count, background)
        self._bits = abi.bits_per_long
        self._mask = abi.ulong_max
        # What validate() counts is kept up to date by every write, because cases ask after each
        # step, and a bitmap has 65536 words and more: the words that are consistent where the
        # background is not, or the other way round.
        self._sound = consistent_word(abi, background, background)
        self._unlike: set[int] = set()

    def init(self) -> None:
        """dual_bitmap_init(): the primary all zeros, the secondary all ones, tails included.

        Where bitmap_size() wraps, nothing is written.
        """
        if self.abi.bitmap_bytes(self.nbits) == self.word_count * self.abi.bytes_per_long:
            self.primary.fill(0)
            self.secondary.fill(self._mask)
            self._sound = True
            self._unlike.clear()

    def set(self, bit: int) -> bool:
        """dual_bitmap_set(): the old primary bit; False and no effect out of range."""
        if bit >= self.nbits:
            return False
        index, offset = divmod(bit, self._bits)
        bitmask = 1 << offset
        old = self.primary[index]
        self.primary[index] = old | bitmask
        self.secondary[index] = self.secondary[index] & ~bitmask
        if index in self._unlike or not self._sound:
            self._recount(index)  # else the word was consistent, and still is
        return bool(old & bitmask)

    def clear(self, bit: int) -> bool:
        """dual_bitmap_clear(): the old primary bit; False and no effect out of range."""
        if bit >= self.nbits:
            return False
        index, offset = divmod(bit, self._bits)
        bitmask = 1 << offset
        old = self.primary[index]
        self.primary[index] = old & ~bitmask
        self.secondary[index] = self.secondary[index] | bitmask
        if index in self._unlike or not self._sound:
            self._recount(index)  # else the word was consistent, and still is
        return bool(old & bitmask)

    def test(self, bit: int) -> bool:
        """dual_bitmap_test(): the primary bit; False out of range."""
        if bit >= self.nbits:
            return False
        index, offset = divmod(bit, self._bits)
        return bool(self.primary[index] >> offset & 1)

    def consistent(self, bit: int) -> bool:
        """dual_bitmap_consistent(): whether the two bits differ; False out of range."""
        if bit >= self.nbits:
            return False
        index, offset = divmod(bit, self._bits)
        return bool((self.primary[index] ^ self.secondary[index]) >> offset & 1)

    def validate(self) -> int:
        """dual_bitmap_validate(): the number of inconsistent words, tails included."""
        unlike = len(self._unlike)
        return unlike if self._sound else self.word_count - unlike

    def consistent_retry(self, copy: str, bit: int, bad_reads: int) -> RetryResult:
        """consistent(bit) while `bit` of `copy` is flipped for the first `bad_reads` reads.

        The pair must be healthy before; it is unchanged afterwards.
        """
        self._require_healthy(copy, bit, bad_reads)
        if bit >= self.nbits:
            raise ValueError(f"bit {bit} is out of range: consistent() does not read it")
        good, reads, relaxes, barriers = read_with_retries(bad_reads)
        return RetryResult(int(good), reads, reads, relaxes, barriers)

    def validate_retry(self, copy: str, bit: int, bad_reads: int) -> RetryResult:
        """validate() while `bit` of `copy` is flipped for the first `bad_reads` reads of its word.

        The pair must be healthy before; it is unchanged afterwards.
        """
        self._require_healthy(copy, bit, bad_reads)
        good, reads, relaxes, barriers = read_with_retries(bad_reads)
        reads += self.word_count - 1
        return RetryResult(int(not good), reads, reads, relaxes, barriers)

    def flip(self, copy: str, bit: int) -> None:
        """Damage: invert one bit of one copy; bits of the tail count as memory."""
        words = self.memory(copy)
        index, offset = divmod(bit, self._bits)
        words[index] = words[self._inside(index)] ^ 1 << offset
        self._recount(index)

    def write_word(self, copy: str, index: int, value: int) -> None:
        """Damage: overwrite one word of one copy."""
        if not 0 <= value <= self._mask:
            raise ValueError(f"{value:#x} does not fit a word of {self._bits} bits")
        self.memory(copy)[self._inside(index)] = value
        self._recount(index)

    def scribble(self, copy: str, byte_offset: int, data: bytes) -> None:
        """Damage: overwrite bytes in memory order, where byte order shows."""
        if byte_offset < 0 or byte_offset + len(data) > self.word_count * self.abi.bytes_per_long:
            raise IndexError(
                f"{len(data)} bytes at offset {byte_offset} are outside a bitmap of "
                f"{self.word_count * self.abi.bytes_per_long} bytes"
            )
        words = self.memory(copy)
        size, order = self.abi.bytes_per_long, self.abi.byteorder
        for position, byte in enumerate(data, byte_offset):
            index, offset = divmod(position, size)
            memory = bytearray(words[index].to_bytes(size, order))
            memory[offset] = byte
            words[index] = int.from_bytes(memory, order)
            self._recount(index)

    def restore(
        self, primary: tuple[int, Mapping[int, int]], secondary: tuple[int, Mapping[int, int]]
    ) -> None:
        """Let the memory be as it was: of each copy the background, and the words unlike it."""
        for words, (background, written) in (
            (self.primary, primary),
            (self.secondary, secondary),
        ):
            words.fill(background)
            words.update(written)
        self._sound = consistent_word(self.abi, primary[0], secondary[0])
        self._unlike.clear()
        for index in self.primary.keys() | self.secondary.keys():
            self._recount(index)

    def word(self, copy: str, index: int) -> int:
        """The value of one word."""
        return self.memory(copy)[self._inside(index)]

    def words(self, copy: str) -> list[int]:
        """The values of all words, lowest index first."""
        return self.memory(copy).as_list()

    def to_bytes(self, copy: str) -> bytes:
        """The copy as it lies in memory."""
        size, order = self.abi.bytes_per_long, self.abi.byteorder
        return b"".join(word.to_bytes(size, order) for word in self.words(copy))

    def memory(self, copy: str) -> Words:
        """The words behind "primary" or "secondary"; ValueError for another name."""
        if copy == PRIMARY:
            return self.primary
        if copy == SECONDARY:
            return self.secondary
        raise ValueError(f"a copy is 'primary' or 'secondary', not {copy!r}")

    def _recount(self, index: int) -> None:
        """Take note of whether a word that was written is consistent now."""
        if (self.primary[index] ^ self.secondary[index] == self._mask) == self._sound:
            self._unlike.discard(index)
        else:
            self._unlike.add(index)

    def _inside(self, index: int) -> int:
        if not 0 <= index < self.word_count:
            raise IndexError(f"word {index} is outside a bitmap of {self.word_count} words")
        return index

    def _require_healthy(self, copy: str, bit: int, bad_reads: int) -> None:
        self.memory(copy)
        self._inside(bit // self._bits)
        if bad_reads < 0:
            raise ValueError(f"a number of reads is not negative: {bad_reads}")
        if self.validate():
            raise ValueError("a retry is defined for a healthy pair: validate() must be 0 before")
