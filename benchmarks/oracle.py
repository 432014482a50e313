# SPDX-License-Identifier: GPL-2.0-only
"""The oracle's speed."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator

from benchmarks.bench import Bench, say
from benchmarks.samples import Goal, Row, Samples
from pytest_pageconsistency.oracle import Abi, DualBitmap

_STEPS = 1_000_000
_LARGE = 1 << 22
_ABI = Abi(64, "little")


def oracle(bench: Bench) -> Iterator[Row]:
    """Steps a second on 256 bits, and validate() of 2^22 bits in three states."""
    say("the oracle")
    yield Row(
        "oracle, steps a second on 256 bits",
        "/s",
        tuple(_steps_a_second() for _ in range(bench.pairs)),
        Goal("at least 1,000,000", at_least=1_000_000),
    )
    large = DualBitmap(_ABI, _LARGE)
    for state, change in (
        ("fresh", DualBitmap.init),
        ("every word written", _write_all),
        ("every second word damaged", _damage_half),
    ):
        change(large)
        yield Row(
            f"oracle, validate() of 2^22 bits, {state}",
            "ms",
            _milliseconds(large.validate, bench.pairs),
            Goal("under 5 ms", at_most=5),
        )


def _steps_a_second() -> float:
    rng = random.Random(0)
    bitmap = DualBitmap(_ABI, 256)
    bitmap.init()
    calls = rng.choices([bitmap.set, bitmap.clear, bitmap.test, bitmap.consistent], k=_STEPS)
    bits = rng.choices(range(256), k=_STEPS)
    start = time.perf_counter()
    for call, bit in zip(calls, bits, strict=True):
        call(bit)
    return _STEPS / (time.perf_counter() - start)


def _milliseconds(call: Callable[[], object], count: int) -> Samples:
    def once() -> float:
        start = time.perf_counter()
        call()
        return (time.perf_counter() - start) * 1000

    return tuple(once() for _ in range(count))


def _write_all(bitmap: DualBitmap) -> None:
    for bit in range(0, bitmap.nbits, _ABI.bits_per_long):
        bitmap.set(bit)


def _damage_half(bitmap: DualBitmap) -> None:
    for index in range(0, bitmap.word_count, 2):
        bitmap.write_word("primary", index, 0)
        bitmap.write_word("secondary", index, 0)
