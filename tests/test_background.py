# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import signal
import threading

import pytest

from pytest_pageconsistency.background import Background, Cancelled


def test_a_result_and_an_exception_come_back() -> None:
    with Background(2) as background:
        assert background.wait(background.submit(divmod, 7, 2)) == (3, 1)
        with pytest.raises(ZeroDivisionError):
            background.wait(background.submit(divmod, 7, 0))


def test_a_timeout_error_of_the_work_is_the_works() -> None:
    def work() -> None:
        raise TimeoutError("of a socket, say")

    with Background(1) as background, pytest.raises(TimeoutError, match="of a socket"):
        background.wait(background.submit(work))


def test_who_waits_can_do_something_meanwhile() -> None:
    seen = threading.Event()
    with Background(1) as background:
        future = background.submit(seen.wait, 20)
        assert background.wait(future, idle=seen.set) is True


def test_closing_ends_what_still_works() -> None:
    begun = threading.Event()
    background = Background(1)

    def work() -> None:
        begun.set()
        while True:
            background.raise_if_cancelled()

    future = background.submit(work)
    waiting = background.submit(work)
    assert begun.wait(20)
    background.close()
    assert isinstance(future.exception(), Cancelled)
    assert waiting.cancelled()


def test_sigterm_unwinds_who_waits_while_it_is_open() -> None:
    before = signal.getsignal(signal.SIGTERM)
    ended = threading.Event()
    background = Background(1)

    def work() -> None:
        try:
            while True:
                background.raise_if_cancelled()
        finally:
            ended.set()

    future = background.submit(work)
    with pytest.raises(KeyboardInterrupt):
        background.wait(future, idle=lambda: signal.raise_signal(signal.SIGTERM))
    background.close()
    assert ended.is_set()
    assert signal.getsignal(signal.SIGTERM) is before
