# SPDX-License-Identifier: GPL-2.0-only
"""From the raw lines of a console to messages: without prefixes, and from the first KTAP on."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import chain

_TIME = r"\[ *[0-9]+\.[0-9]{6}\](?:\[ *[TC][0-9]+\])? ?"  # with the caller, if printk prints it
_TIME_PREFIX = re.compile(_TIME)
_START = re.compile(rf"K?TAP version [0-9]{{1,9}}(?=\s*\Z|{_TIME})")
_END = re.compile(
    r"Kernel panic - not syncing|List of all partitions:"
    r"|reboot: (?:System halted|Restarting system|Power (?:down|off))"
)
_EXECUTOR_ERROR = "kunit executor: "

Message = tuple[int, str]
"""Line number, and text without prefix."""


class LineStream:
    """Numbered lines, read one at a time and only when asked for."""

    cut = False
    """Whether the line read last was cut, as `Console` has it: nobody can tell any more."""

    def __init__(self, lines: Iterator[Message]) -> None:
        self._lines = lines
        self._next: Message | None = None
        self._last = (0, "")

    def __bool__(self) -> bool:
        if self._next is None:
            self._next = next(self._lines, None)
            self._last = self._next or self._last
        return self._next is not None

    def __iter__(self) -> Iterator[str]:
        while self:
            yield self.pop()

    def messages(self) -> Iterator[Message]:
        """Take all lines that are left, with their numbers."""
        if not self:
            return iter(())
        self._next = None
        return chain([self._last], self._lines)

    def peek(self) -> str:
        """Return the next line without taking it; the last one at the end."""
        bool(self)  # reads it
        return self._last[1]

    def pop(self) -> str:
        """Take the next line."""
        if not self:
            raise ValueError(f"LineStream: going past EOF, last line was {self._last[1]}")
        self._next = None
        return self._last[1]

    def line_number(self) -> int:
        """Return the number of the next line; of the last one at the end."""
        bool(self)  # reads it
        return self._last[0]


class _Prefix:
    """What stands before the text of each line: a time, and anything constant around it.

    The constant is learned from what stands before the first version line.
    """

    def __init__(self, prefix: str) -> None:
        *before, self._after = _TIME_PREFIX.split(prefix, maxsplit=1)
        self._before = "".join(before)
        self.constant = self._before + self._after

    def split(self, line: str) -> list[str]:
        """Split a line into the messages that share it, each without its prefix."""
        line = line.removeprefix(self._before)
        if time := _TIME_PREFIX.match(line):
            line = line[time.end() :]
        return [message.removeprefix(self._after) for message in _TIME_PREFIX.split(line)]


class Console:
    """The lines of a console, with line ends or without.

    `cut` is whether the line read last has no line end where others have one.
    """

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = lines
        self.cut = False

    def messages(self) -> Iterator[Message]:
        """Iterate over the messages, of which a line may hold several.

        The first is a KTAP version line, but for errors of KUnit's executor before it.
        """
        prefix = None
        plain = False  # whether lines are messages as they are, but for those with a "["
        line_ends = False
        for number, raw in enumerate(self._lines, start=1):
            line = raw.rstrip("\r\n")
            if line != raw:
                line_ends = True
                self.cut = False
            else:
                self.cut = line_ends
            if plain and "[" not in line:
                yield number, line
                continue
            if prefix is None:
                if start := _START.search(line):
                    prefix = _Prefix(line[: start.start()])
                    plain = not prefix.constant
                else:
                    _, executor, error = line.partition(_EXECUTOR_ERROR)
                    if executor:
                        yield number, executor + error
                    continue
            for message in prefix.split(line):
                yield number, message


def ends_run(message: str) -> bool:
    """Return whether nothing that comes later is the run's; a test may say the words."""
    return _END.search(message) is not None and not message.lstrip().startswith("#")


def extract_tap_lines(kernel_output: Iterable[str]) -> LineStream:
    """Take the KTAP out of a console: from its version line to the end of the run."""
    return LineStream(_until_end(Console(kernel_output).messages()))


def _until_end(messages: Iterator[Message]) -> Iterator[Message]:
    for message in messages:
        text = message[1]
        # Each line is asked: words are found much faster than the pattern that has them.
        may_end = "reboot: " in text or "Kernel panic" in text or "List of all" in text
        if may_end and ends_run(text):
            return
        yield message
