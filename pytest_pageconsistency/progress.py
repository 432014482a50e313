# SPDX-License-Identifier: GPL-2.0-only
"""Tell a waiting user what a long step is doing, without drowning a log file."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

PLAIN_INTERVAL = 30.0
"""Seconds between two lines of a log that says "still at it"."""


class Progress(Protocol):
    """Where long steps say how far they are; every call is cheap and never raises."""

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

    def close(self) -> None:
        """Nothing to tidy up."""


class PlainProgress:
    """For log files: a line per phase and note, and one every 30 s while a phase lasts.

    `write` is given whole lines with their newline; `clock` returns seconds.
    """

    def __init__(
        self, write: Callable[[str], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._write = write
        self._clock = clock
        self._name = ""
        self._began = self._spoke = clock()

    def phase(self, name: str) -> None:
        """Write the step's name on a line of its own."""
        self._name = name
        self._began = self._spoke = self._clock()
        self._write(f"{name} ...\n")

    def tick(self, text: str) -> None:
        """Write a line if the last one is 30 s old."""
        now = self._clock()
        if now - self._spoke >= PLAIN_INTERVAL:
            self._spoke = now
            self._write(f"{_status(self._name, text, now - self._began)}\n")

    def note(self, text: str) -> None:
        """Write the note on a line of its own."""
        self._spoke = self._clock()
        self._write(f"{text}\n")

    def close(self) -> None:
        """Nothing to tidy up: every line is complete."""


class LiveProgress:
    """For terminals: one line, rewritten in place; notes stay above it.

    `write` is given text with carriage returns, `width` is the terminal's in columns.
    Call `close` before anything else is printed, else the line is left standing.
    """

    def __init__(
        self,
        write: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
        width: int = 80,
    ) -> None:
        self._write = write
        self._clock = clock
        self._width = max(width, 2)
        self._name = ""
        self._began = clock()
        self._shown = 0

    def phase(self, name: str) -> None:
        """Show the step's name."""
        self._name = name
        self._began = self._clock()
        self._show(f"{name} ...")

    def tick(self, text: str) -> None:
        """Show how far the step is, and its age."""
        self._show(_status(self._name, text, self._clock() - self._began))

    def note(self, text: str) -> None:
        """Write the note on a line of its own, that stays."""
        self.close()
        self._write(f"{text}\n")

    def close(self) -> None:
        """Wipe the line."""
        if self._shown:
            self._write("\r" + " " * self._shown + "\r")
            self._shown = 0

    def _show(self, line: str) -> None:
        # In the last column many terminals wrap, and a wrapped line cannot be rewritten.
        line = line[: self._width - 1]
        self._write("\r" + line + " " * (self._shown - len(line)))
        self._shown = len(line)


def _status(name: str, text: str, seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    age = f"{minutes} min {rest} s" if minutes else f"{rest} s"
    return f"{name}: {text}, {age}" if text else f"{name}: {age}"
