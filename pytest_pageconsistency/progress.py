# SPDX-License-Identifier: GPL-2.0-only
"""Tell a waiting user what long steps are doing, several side by side, without drowning a log."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from threading import Event
from typing import Protocol

PLAIN_INTERVAL = 30.0
"""Seconds between two lines of a log that says "still at it"."""


PREPARING = "preparing the tree"
"""The step that this process takes itself; in all others it waits for another one."""

WAITING = "waiting for a core"
"""The one step that is not worth a line again and again: others work meanwhile."""


class Progress(Protocol):
    """Where a long step says how far it is; every call is cheap.

    A call may raise background.Cancelled: nobody wants the step's result any more.
    """

    def phase(self, name: str) -> None:
        """Say that a step begins, such as "building"."""

    def tick(self, text: str) -> None:
        """Say that the step is still at it; `text` is how far ("120 objects") or empty."""

    def note(self, text: str) -> None:
        """Say what a user must see once, such as whom the step waits for."""


class SilentProgress:
    """Says nothing."""

    def phase(self, name: str) -> None:
        """Ignore the step."""

    def tick(self, text: str) -> None:
        """Ignore the detail."""

    def note(self, text: str) -> None:
        """Ignore the note."""


@dataclass(frozen=True)
class Line:
    """A line for the user: of a step that begins, or (`lasting`) a note."""

    text: str
    lasting: bool


@dataclass
class Status:
    """What one worker is at: the step's name, how far, and when it began (clock seconds)."""

    phase: str
    text: str
    began: float


class Board:
    """Where workers on several threads write what they do, for one display to read.

    Only whole values are exchanged, which Python does atomically.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.statuses: dict[str, Status] = {}
        self.lines: deque[Line] = deque()
        self.handed_over: dict[str, Event] = {}

    def worker(self, name: str, check: Callable[[], None] = lambda: None) -> Worker:
        """Where the worker called `name` writes; every call begins with `check`."""
        self.handed_over[name] = Event()
        return Worker(self, name, check, self.handed_over[name])


@dataclass(frozen=True)
class Worker:
    """One worker's part of a board: a Progress.

    `handed_over` is set while another process works for it, and when there is no more to do.
    """

    board: Board
    name: str
    check: Callable[[], None]
    handed_over: Event

    def phase(self, name: str) -> None:
        """Begin a step."""
        self.check()
        self.board.statuses[self.name] = Status(name, "", self.board.clock())
        self.board.lines.append(Line(f"{self.name}: {name} ...", lasting=False))
        if name == PREPARING:
            self.handed_over.clear()
        else:
            self.handed_over.set()

    def tick(self, text: str) -> None:
        """Go on with it."""
        self.check()
        if status := self.board.statuses.get(self.name):
            status.text = text

    def note(self, text: str) -> None:
        """Leave a line for the user."""
        self.check()
        self.board.lines.append(Line(f"{self.name}: {text}", lasting=True))
        self.handed_over.set()

    def done(self) -> None:
        """Leave the board: there is nothing to wait for any more."""
        self.board.statuses.pop(self.name, None)
        self.handed_over.set()


class PlainDisplay:
    """For log files: a line for each step and note, and every 30 s one for each that lasts."""

    def __init__(self, board: Board, write: Callable[[str], None]) -> None:
        self._board = board
        self._write = write
        self._spoke = board.clock()

    def show(self) -> None:
        """Write what is new."""
        now = self._board.clock()
        while self._board.lines:
            self._spoke = now
            self._write(f"{self._board.lines.popleft().text}\n")
        if now - self._spoke >= PLAIN_INTERVAL:
            self._spoke = now
            for text in _statuses(self._board):
                self._write(f"{text}\n")

    def close(self) -> None:
        """Write what is left."""
        self.show()


class LiveDisplay:
    """For terminals: one line of `width` columns that is rewritten, and notes above it."""

    def __init__(self, board: Board, write: Callable[[str], None], width: int = 80) -> None:
        self._board = board
        self._write = write
        self._width = max(width, 2)
        self._shown = 0

    def show(self) -> None:
        """Rewrite the line."""
        self._write_notes()
        # In the last column many terminals wrap, and a wrapped line cannot be rewritten.
        line = " | ".join(_statuses(self._board))[: self._width - 1]
        self._write("\r" + line + " " * (self._shown - len(line)))
        self._shown = len(line)

    def close(self) -> None:
        """Wipe the line."""
        self._write_notes()
        self._wipe()

    def _write_notes(self) -> None:
        while self._board.lines:
            line = self._board.lines.popleft()
            if line.lasting:
                self._wipe()
                self._write(f"{line.text}\n")

    def _wipe(self) -> None:
        if self._shown:
            self._write("\r" + " " * self._shown + "\r")
            self._shown = 0


def _statuses(board: Board) -> list[str]:
    now = board.clock()
    return [
        f"{name}: {_status(status, now - status.began)}"
        for name, status in list(board.statuses.items())
        if status.phase != WAITING
    ]


def _status(status: Status, seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    age = f"{minutes} min {rest} s" if minutes else f"{rest} s"
    return ", ".join(part for part in (f"{status.phase} {status.text}".rstrip(), age) if part)
