# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_pageconsistency.background import Background, Cancelled
from pytest_pageconsistency.cores import Cores, shares
from pytest_pageconsistency.progress import Board, SilentProgress


@pytest.mark.parametrize(
    ("total", "builds", "expected"),
    [
        (2, 1, [2]),
        (2, 2, [1, 1]),
        (2, 3, [2, 1, 1]),
        (8, 3, [3, 3, 2]),
        (8, 9, [8, 1, 1, 1, 1, 1, 1, 1, 1]),
        (1, 3, [1, 1, 1]),
        (4, 0, []),
    ],
)
def test_shares(total: int, builds: int, expected: list[int]) -> None:
    assert shares(total, builds) == expected


@given(st.integers(1, 64), st.integers(0, 64))
def test_every_build_gets_a_core_and_none_more_than_there_are(total: int, builds: int) -> None:
    found = shares(total, builds)
    assert len(found) == builds
    assert all(1 <= share <= total for share in found)
    assert sum(found[: builds % total]) in (0, total)


def test_no_more_cores_are_held_than_there_are() -> None:
    cores = Cores(3, 10)
    held, most = 0, 0
    lock = threading.Lock()

    def build() -> None:
        nonlocal held, most
        with cores.share(SilentProgress()) as number:
            with lock:
                held += number
                most = max(most, held)
            with lock:
                held -= number

    with Background(10) as background:
        for future in [background.submit(build) for _ in range(10)]:
            background.wait(future)
    assert 1 <= most <= 3


def test_two_builds_hold_their_cores_at_the_same_time() -> None:
    cores = Cores(2, 2)
    both = threading.Barrier(2, timeout=20)

    def build() -> int:
        with cores.share(SilentProgress()):
            return both.wait()

    with Background(2) as background:
        futures = [background.submit(build) for _ in range(2)]
        assert sorted(background.wait(future) for future in futures) == [0, 1]


def test_who_waits_for_a_core_can_be_ended() -> None:
    cores = Cores(1)
    board = Board()
    with Background(1) as background:
        progress = board.worker("um", background.raise_if_cancelled)
        with cores.share(SilentProgress()):

            def wait() -> None:
                with cores.share(progress):
                    raise AssertionError("there was no core")

            future = background.submit(wait)
            background.close()
    assert future.cancelled() or isinstance(future.exception(), Cancelled)


def test_the_lowest_turn_of_those_who_wait_comes_first() -> None:
    cores = Cores(1, 4)
    order: list[int] = []

    class Waits(SilentProgress):
        def phase(self, name: str) -> None:
            waits.release()

    waits = threading.Semaphore(0)

    def build(turn: int) -> None:
        with cores.share(Waits(), turn):
            order.append(turn)

    with Background(4) as background:
        with cores.share(SilentProgress()):
            futures = [background.submit(build, turn) for turn in (3, 1, 2)]
            for _ in futures:
                assert waits.acquire(timeout=20)
        for future in futures:
            background.wait(future)
    assert order == [1, 2, 3]
