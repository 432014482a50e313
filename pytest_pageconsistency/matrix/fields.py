# SPDX-License-Identifier: GPL-2.0-only
"""Read JSON that somebody else may have written: every value is what it should be, or named.

All texts come out such that they can neither steer a terminal nor break out of their line.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytest_pageconsistency.failure import printable

_LINE_LENGTH = 2000
"""Of one line that is shown; the rest is cut off."""


class Unreadable(Exception):  # noqa: N818  # a state of a file, not a fault of ours
    """What is wrong with a file, as a sentence."""


def load(path: Path, limit: int) -> Fields:
    """The JSON object in the file at `path`, which may have `limit` bytes; Unreadable if not."""
    try:
        with path.open("rb") as stream:
            content = stream.read(limit + 1)
    except OSError as error:
        raise Unreadable(f"{path.name} cannot be read: {error.strerror}") from error
    if len(content) > limit:
        raise Unreadable(f"{path.name} is larger than {limit} bytes")
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"{path.name} is not JSON: {one_line(str(error))}") from error
    if not isinstance(document, dict):
        raise Unreadable(f"{path.name} holds no JSON object")
    return Fields(document, path.name)


def one_line(text: str) -> str:
    """A text that takes one line of a terminal or page."""
    safe = text if text.isprintable() else printable(text)
    safe = safe.replace("\n", "\\n").replace("\t", " ")
    return safe if len(safe) <= _LINE_LENGTH else f"{safe[:_LINE_LENGTH]}..."


class Fields:
    """One JSON object; `place` says where in which file it stands.

    Each method raises Unreadable if the value is of another type. A key that is missing or null
    is Unreadable too, unless the method says what it stands for then.
    """

    def __init__(self, document: Mapping[str, Any], place: str) -> None:
        self._document = document
        self._place = place

    def names(self) -> list[str]:
        """The object's keys."""
        return list(self._document)

    def has(self, key: str) -> bool:
        """Whether the key is there and not null."""
        return self._document.get(key) is not None

    def text(self, key: str, missing: str | None = None) -> str:
        """A line of text."""
        if missing is not None and not self.has(key):
            return missing
        return one_line(self._value(key, str, "text"))

    def lines(self, key: str) -> str:
        """A text of any number of lines, as one string; "" where it is missing."""
        if not self.has(key):
            return ""
        text: str = self._value(key, str, "text")
        return "\n".join(one_line(line.expandtabs()) for line in text.split("\n"))

    def integer(self, key: str) -> int:
        """A number that counts something."""
        value: int = self._value(key, int, "whole number")
        if isinstance(value, bool) or value < 0:
            raise Unreadable(f"{self._place}: {key!r} is no count")
        return value

    def optional_integer(self, key: str) -> int | None:
        """A number that counts something, None where it is missing."""
        return self.integer(key) if self.has(key) else None

    def flag(self, key: str) -> bool:
        """True or false; false where it is missing."""
        return self.has(key) and bool(self._value(key, bool, "truth value"))

    def number(self, key: str) -> float:
        """A finite number."""
        value: float = self._value(key, (int, float), "number")
        if isinstance(value, bool) or not -1e15 < value < 1e15:  # false for NaN, too
            raise Unreadable(f"{self._place}: {key!r} is no number")
        return float(value)

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of lines of text; empty where it is missing."""
        if not self.has(key):
            return ()
        values = self._value(key, list, "list")
        if not all(isinstance(value, str) for value in values):
            raise Unreadable(f"{self._place}: {key!r} holds something else than text")
        return tuple(map(one_line, values))

    def object(self, key: str) -> Fields:
        """An object; empty where it is missing."""
        if not self.has(key):
            return Fields({}, self._place)
        return Fields(self._value(key, dict, "object"), f"{self._place}, {key}")

    def objects(self, key: str) -> list[Fields]:
        """A list of objects."""
        values = self._value(key, list, "list")
        if not all(isinstance(value, dict) for value in values):
            raise Unreadable(f"{self._place}: {key!r} holds something else than objects")
        return [
            Fields(value, f"{self._place}, {key} {number}") for number, value in enumerate(values)
        ]

    def _value(self, key: str, types: type | tuple[type, ...], what: str) -> Any:
        if not self.has(key):
            raise Unreadable(f"{self._place}: {key!r} is missing")
        value = self._document[key]
        if not isinstance(value, types):
            raise Unreadable(f"{self._place}: {key!r} is no {what}")
        return value
