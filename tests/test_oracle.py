# SPDX-License-Identifier: GPL-2.0-only
"""The oracle against the specification's numbered behaviours and against a naive model."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_pageconsistency.oracle import COPIES, Abi, DualBitmap, consistent_word
from pytest_pageconsistency.oracle.dual_bitmap import read_with_retries

ABIS = [Abi(bits, order) for bits in (32, 64) for order in ("little", "big")]


@pytest.fixture(params=ABIS, ids=lambda abi: f"{abi.bits_per_long}{abi.byteorder[0]}")
def abi(request: pytest.FixtureRequest) -> Abi:
    return request.param


def healthy(abi: Abi, nbits: int = 100) -> DualBitmap:
    bitmap = DualBitmap(abi, nbits, 0xA5)
    bitmap.init()
    return bitmap


@pytest.mark.parametrize(
    ("nbits", "words64", "words32"),
    [
        (0, 0, 0),
        (1, 1, 1),
        (31, 1, 1),
        (32, 1, 1),
        (33, 1, 2),
        (63, 1, 2),
        (64, 1, 2),
        (65, 2, 3),
        (100, 2, 4),
    ],
)
def test_number_of_words(nbits: int, words64: int, words32: int) -> None:
    assert DualBitmap(Abi(64, "little"), nbits).word_count == words64
    assert DualBitmap(Abi(32, "big"), nbits).word_count == words32


def test_1_init_covers_dirty_memory_and_the_tail(abi: Abi) -> None:
    bitmap = DualBitmap(abi, 100, 0x5C)
    assert set(bitmap.to_bytes("primary")) == {0x5C}
    bitmap.init()
    assert bitmap.words("primary") == [0] * bitmap.word_count
    assert bitmap.words("secondary") == [abi.ulong_max] * bitmap.word_count


def test_2_set_and_clear_return_the_old_bit(abi: Abi) -> None:
    bitmap = healthy(abi)
    assert [bitmap.set(5), bitmap.set(5), bitmap.clear(5), bitmap.clear(5)] == [0, 1, 1, 0]
    bitmap.flip("secondary", 5)
    assert not bitmap.test(5)
    bitmap.flip("primary", 5)
    assert bitmap.test(5)


def test_3_and_4_out_of_range_is_refused(abi: Abi) -> None:
    bitmap = healthy(abi)
    bitmap.set(5)
    before = [bitmap.words(copy) for copy in COPIES]
    for bit in (100, 127, abi.ulong_max, (1 << 32) + 5):
        assert not bitmap.set(bit)
        assert not bitmap.clear(bit)
        assert not bitmap.test(bit)
        assert not bitmap.consistent(bit)
    assert [bitmap.words(copy) for copy in COPIES] == before


def test_5_tail_corruption_is_seen_and_stays(abi: Abi) -> None:
    bitmap = healthy(abi)
    bitmap.flip("secondary", 104)
    assert bitmap.validate() == 1
    for bit in (104, 99):
        bitmap.set(bit)
        bitmap.clear(bit)
    assert bitmap.validate() == 1


def test_6_no_bits(abi: Abi) -> None:
    bitmap = healthy(abi, 0)
    assert bitmap.validate() == 0
    assert bitmap.words("primary") == []
    assert not bitmap.set(0)
    assert not bitmap.consistent(0)


def test_7_validate_counts_words() -> None:
    for abi in ABIS:
        bitmap = healthy(abi)
        bitmap.flip("primary", 10)
        bitmap.flip("primary", 40)
        assert bitmap.validate() == (1 if abi.bits_per_long == 64 else 2)


@pytest.mark.parametrize(
    ("bad_reads", "good", "reads", "relaxes", "barriers"),
    [
        (0, True, 1, 0, 0),
        (1, True, 2, 1, 0),
        (2, True, 3, 2, 0),
        (3, True, 4, 3, 1),
        (4, False, 4, 3, 1),
        (9, False, 4, 3, 1),
    ],
)
def test_8_retries(
    abi: Abi, bad_reads: int, good: bool, reads: int, relaxes: int, barriers: int
) -> None:
    assert read_with_retries(bad_reads) == (good, reads, relaxes, barriers)
    bitmap = healthy(abi)
    other = bitmap.word_count - 1
    for copy in COPIES:
        consistent = bitmap.consistent_retry(copy, 99, bad_reads)
        assert consistent == (good, reads, reads, relaxes, barriers)
        validate = bitmap.validate_retry(copy, 0, bad_reads)
        assert validate == (not good, reads + other, reads + other, relaxes, barriers)
    assert bitmap.validate() == 0


def test_8_a_retry_wants_a_healthy_pair_and_a_bit_that_is_read(abi: Abi) -> None:
    bitmap = healthy(abi)
    with pytest.raises(ValueError, match="out of range"):
        bitmap.consistent_retry("primary", 100, 1)
    with pytest.raises(ValueError, match="not negative"):
        bitmap.validate_retry("primary", 5, -1)
    bitmap.flip("primary", 3)
    with pytest.raises(ValueError, match="healthy pair"):
        bitmap.validate_retry("primary", 5, 1)


def test_9_every_flip_is_seen(abi: Abi) -> None:
    bitmap = healthy(abi, 70)
    for copy in COPIES:
        for bit in range(70):
            bitmap.flip(copy, bit)
            assert (bitmap.consistent(bit), bitmap.validate()) == (False, 1)
            bitmap.flip(copy, bit)
    assert bitmap.validate() == 0


def test_10_and_11_masking(abi: Abi) -> None:
    bitmap = healthy(abi)
    bitmap.flip("secondary", 5)
    assert not bitmap.set(5)
    assert (bitmap.consistent(5), bitmap.validate()) == (True, 0)
    bitmap = healthy(abi)
    bitmap.flip("primary", 5)
    assert bitmap.clear(5)
    assert (bitmap.consistent(5), bitmap.validate()) == (True, 0)


def test_12_healing(abi: Abi) -> None:
    bitmap = healthy(abi)
    bitmap.flip("primary", 5)
    assert bitmap.set(5)
    assert bitmap.validate() == 0
    bitmap = healthy(abi)
    bitmap.flip("secondary", 5)
    assert not bitmap.clear(5)
    assert bitmap.validate() == 0


def test_12_healing_in_memory_that_was_never_initialised(abi: Abi) -> None:
    for heal in (DualBitmap.set, DualBitmap.clear):
        bitmap = DualBitmap(abi, 100)
        bitmap.write_word("secondary", 0, abi.ulong_max)
        assert bitmap.validate() == bitmap.word_count - 1
        bitmap.flip("primary", 5)
        assert bitmap.validate() == bitmap.word_count
        heal(bitmap, 5)
        assert bitmap.validate() == bitmap.word_count - 1


def test_13_a_double_flip_cannot_be_detected(abi: Abi) -> None:
    bitmap = healthy(abi)
    bitmap.flip("primary", 5)
    bitmap.flip("secondary", 5)
    assert (bitmap.consistent(5), bitmap.validate(), bitmap.test(5)) == (True, 0, True)


def test_14_init_wipes_corruption(abi: Abi) -> None:
    bitmap = healthy(abi)
    fresh = [bitmap.words(copy) for copy in COPIES]
    bitmap.write_word("primary", 0, abi.ulong_max)
    bitmap.init()
    assert [bitmap.words(copy) for copy in COPIES] == fresh


def test_15_size_wrap_on_64_bit() -> None:
    abi = Abi(64, "little")
    assert abi.bitmap_bytes(0xFFFFFFC0) == 0x1FFFFFF8
    assert abi.bitmap_bytes(0xFFFFFFC1) == 0
    bitmap = DualBitmap(abi, 0xFFFFFFC1, 0xA5)
    bitmap.init()
    assert bitmap.word(copy="primary", index=0) == 0xA5A5A5A5A5A5A5A5
    assert bitmap.word_count == bitmap.validate() == 67108864


def test_15_size_wrap_on_32_bit() -> None:
    abi = Abi(32, "big")
    assert abi.bitmap_bytes(0xFFFFFFE0) == 0x1FFFFFFC
    for nbits in (0xFFFFFFE1, 0xFFFFFFFF):
        assert (abi.bitmap_bytes(nbits), DualBitmap(abi, nbits).word_count) == (0, 0)


def test_consistent_word(abi: Abi) -> None:
    full = abi.ulong_max
    assert consistent_word(abi, 0, full)
    assert consistent_word(abi, 1, full - 1)
    assert not consistent_word(abi, 0, 0)
    assert not consistent_word(abi, full, full)


def test_scribble_shows_the_byte_order() -> None:
    words = {
        (32, "little"): [0x02010000, 0x0003],
        (32, "big"): [0x0102, 0x03000000],
        (64, "little"): [0x0003_0201_0000],
        (64, "big"): [0x0000_0102_0300_0000],
    }
    for abi in ABIS:
        bitmap = healthy(abi, 64)
        bitmap.scribble("primary", 2, b"\x01\x02\x03")
        assert bitmap.words("primary") == words[abi.bits_per_long, abi.byteorder]
        assert bitmap.to_bytes("primary") == b"\0\0\x01\x02\x03\0\0\0"


@pytest.mark.parametrize(
    ("damage", "match"),
    [
        (lambda b: b.flip("primary", 128), "word"),
        (lambda b: b.flip("third", 0), "'primary' or 'secondary'"),
        (lambda b: b.write_word("primary", -1, 0), "outside"),
        (lambda b: b.write_word("primary", 0, 1 << 64), "does not fit"),
        (lambda b: b.scribble("secondary", 15, b"ab"), "outside"),
        (lambda b: b.word("primary", 4), "outside"),
    ],
)
def test_damage_outside_the_memory_is_refused(damage: object, match: str) -> None:
    with pytest.raises((IndexError, ValueError), match=match):
        damage(healthy(Abi(64, "little")))  # type: ignore[operator]


@pytest.mark.parametrize(("nbits", "fill"), [(-1, 0), (1 << 32, 0), (8, 256)])
def test_arguments_that_no_kernel_could_have(nbits: int, fill: int) -> None:
    with pytest.raises(ValueError, match=r"nbits|memory"):
        DualBitmap(Abi(64, "little"), nbits, fill)


def test_a_large_bitmap_is_practical(abi: Abi) -> None:
    bitmap = healthy(abi, 1 << 22)
    for bit in range(0, 1 << 22, 4099):
        assert not bitmap.set(bit)
    bitmap.flip("primary", (1 << 22) - 1)
    assert bitmap.validate() == 1


class Naive:
    """The same, a list of booleans at a time: memory as bits, not words."""

    def __init__(self, abi: Abi, nbits: int) -> None:
        self.abi, self.nbits = abi, nbits
        size = -(-nbits // abi.bits_per_long) * abi.bits_per_long
        self.copies = {"primary": [False] * size, "secondary": [True] * size}

    def write(self, bit: int, value: bool) -> bool:
        if bit >= self.nbits:
            return False
        old = self.copies["primary"][bit]
        self.copies["primary"][bit], self.copies["secondary"][bit] = value, not value
        return old

    def validate(self) -> int:
        width = self.abi.bits_per_long
        equal = [
            p == s for p, s in zip(self.copies["primary"], self.copies["secondary"], strict=True)
        ]
        return sum(any(equal[start : start + width]) for start in range(0, len(equal), width))


@given(
    abi=st.sampled_from(ABIS),
    nbits=st.integers(0, 140),
    actions=st.lists(
        st.tuples(
            st.sampled_from(["set", "clear", "flip primary", "flip secondary"]),
            st.integers(0, 200),
        ),
        max_size=60,
    ),
)
def test_agrees_with_a_naive_model(abi: Abi, nbits: int, actions: list[tuple[str, int]]) -> None:
    bitmap, naive = healthy(abi, nbits), Naive(abi, nbits)
    for action, bit in actions:
        if action == "set":
            assert bitmap.set(bit) == naive.write(bit, True)
        elif action == "clear":
            assert bitmap.clear(bit) == naive.write(bit, False)
        elif bit < len(naive.copies["primary"]):
            copy = action.split()[1]
            bitmap.flip(copy, bit)
            naive.copies[copy][bit] ^= True
        assert bitmap.validate() == naive.validate()
        if bit < nbits:
            assert bitmap.test(bit) == naive.copies["primary"][bit]
            assert bitmap.consistent(bit) == (
                naive.copies["primary"][bit] != naive.copies["secondary"][bit]
            )


def recount(bitmap: DualBitmap) -> int:
    """What validate() is defined as, from the words."""
    pairs = zip(bitmap.words("primary"), bitmap.words("secondary"), strict=True)
    return sum(not consistent_word(bitmap.abi, *pair) for pair in pairs)


# Few places and values, so that words agree, differ and agree again.
COPY, BIT = st.sampled_from(COPIES), st.sampled_from([0, 31, 99, 110, 200])
VALUE = st.sampled_from([0, 1, 0xFFFFFFFE, 0xFFFFFFFF])
WRITES = st.one_of(
    st.tuples(st.just(DualBitmap.init)),
    st.tuples(st.sampled_from([DualBitmap.set, DualBitmap.clear]), BIT),
    st.tuples(st.just(DualBitmap.flip), COPY, BIT),
    st.tuples(st.just(DualBitmap.write_word), COPY, st.integers(0, 4), VALUE),
    st.tuples(
        st.just(DualBitmap.scribble),
        COPY,
        st.integers(0, 30),
        st.sampled_from([b"", b"\0", b"\xff", b"\x01", b"\xff" * 9, b"\0" * 9]),
    ),
)


@given(
    abi=st.sampled_from(ABIS),
    nbits=st.integers(0, 140),
    fill=st.sampled_from([0, 0xA5, 0xFF]),
    writes=st.lists(WRITES, max_size=40),
)
def test_validate_is_what_the_words_say(
    abi: Abi, nbits: int, fill: int, writes: list[tuple[Callable[..., object], object]]
) -> None:
    bitmap = DualBitmap(abi, nbits, fill)
    assert bitmap.validate() == recount(bitmap) == bitmap.word_count
    for write, *arguments in writes:
        with contextlib.suppress(IndexError):  # outside the memory: nothing is written
            write(bitmap, *arguments)
        assert bitmap.validate() == recount(bitmap)


def test_validate_where_init_writes_nothing() -> None:
    bitmap = DualBitmap(Abi(64, "little"), 0xFFFFFFC1)
    bitmap.write_word("secondary", 7, (1 << 64) - 1)
    bitmap.init()
    assert bitmap.validate() == bitmap.word_count - 1
