# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import pytest

from pytest_pageconsistency.progress import Board, LiveDisplay, PlainDisplay


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def board(clock: Clock) -> Board:
    return Board(clock)


def test_plain_writes_steps_and_a_line_every_30_seconds(board: Board, clock: Clock) -> None:
    written: list[str] = []
    display = PlainDisplay(board, written.append)
    worker = board.worker("um")

    worker.phase("building")
    for _ in range(70):
        clock.now += 1
        worker.tick("(120 objects)")
        display.show()

    assert written == [
        "um: building ...\n",
        "um: building (120 objects), 31 s\n",
        "um: building (120 objects), 1 min 1 s\n",
    ]


def test_plain_tells_of_all_workers(board: Board, clock: Clock) -> None:
    written: list[str] = []
    display = PlainDisplay(board, written.append)
    board.worker("um").phase("building")
    board.worker("s390").phase("configuring")
    display.show()
    board.worker("um").done()
    clock.now += 30
    display.show()
    assert written == ["um: building ...\n", "s390: configuring ...\n", "s390: configuring, 30 s\n"]


def test_plain_writes_what_is_left_when_it_closes(board: Board) -> None:
    written: list[str] = []
    display = PlainDisplay(board, written.append)
    board.worker("um").note("waiting")
    display.close()
    assert written == ["um: waiting\n"]


def screen(text: str) -> list[str]:
    """The lines that a terminal shows after `text`; only a carriage return moves back."""
    lines = [""]
    column = 0
    for character in text:
        if character == "\n":
            lines.append("")
            column = 0
        elif character == "\r":
            column = 0
        else:
            lines[-1] = lines[-1][:column] + character + lines[-1][column + 1 :]
            column += 1
    return [line.rstrip() for line in lines]


def test_live_rewrites_one_line(board: Board, clock: Clock) -> None:
    written: list[str] = []
    display = LiveDisplay(board, written.append)

    worker = board.worker("um")
    worker.phase("building the kernel")
    clock.now += 61
    worker.tick("(120 objects)")
    board.worker("s390").phase("boot")
    display.show()
    shown = "um: building the kernel (120 objects), 1 min 1 s | s390: boot, 0 s"
    assert screen("".join(written)) == [shown]

    worker.done()
    display.show()
    assert screen("".join(written)) == ["s390: boot, 0 s"]

    display.close()
    assert screen("".join(written)) == [""]


def test_live_keeps_notes_above_the_line(board: Board) -> None:
    written: list[str] = []
    display = LiveDisplay(board, written.append)

    worker = board.worker("um")
    worker.phase("building")
    worker.note("waiting for another session")
    display.show()

    shown = ["um: waiting for another session", "um: building, 0 s"]
    assert screen("".join(written)) == shown


def test_live_never_reaches_the_last_column(board: Board) -> None:
    written: list[str] = []
    display = LiveDisplay(board, written.append, width=10)
    worker = board.worker("um")
    worker.phase("a step with a very long name")
    worker.tick("x" * 100)
    display.show()
    assert max(len(line) for line in screen("".join(written))) == 9


def test_who_is_not_wanted_any_more_hears_of_it(board: Board) -> None:
    def check() -> None:
        raise InterruptedError

    for call in ("phase", "tick", "note"):
        with pytest.raises(InterruptedError):
            getattr(board.worker("um", check), call)("x")
    assert not board.statuses
    assert not board.lines
