# SPDX-License-Identifier: GPL-2.0-only
"""Put a line into a kernel's source beside lines that are known, whatever their numbers are."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from pytest_pageconsistency.verdict import Kind, TargetError


@dataclass(frozen=True)
class Insertion:
    """A `line` for the file at `path`, `before` or after a line that is already there.

    The place is the first of `anchors` that occurs, as a whole line but for its indentation, which
    the new line takes over. It must occur `times` times: in the body of the first of `functions`
    that the file defines, in the whole file if there are none.
    """

    path: str
    line: str
    anchors: tuple[str, ...]
    before: bool = False
    functions: tuple[str, ...] = ()
    times: int = 1


def insert(text: str, insertion: Insertion) -> str:
    """Return `text`, the content of the file, with the line; TargetError if it has no such place.

    A line of several lines is inserted as it is, with the indentation before its first.
    """
    lines = text.split("\n")
    body = _scope(lines, insertion.functions)
    for anchor in insertion.anchors:
        found = [number for number in body if lines[number].strip() == anchor.strip()]
        if len(found) == insertion.times:
            break
        if found:
            raise _not_found(insertion, len(found))
    else:
        raise _not_found(insertion, 0)
    for number in reversed(found):
        anchor = lines[number]
        indentation = anchor[: len(anchor) - len(anchor.lstrip())]
        lines.insert(number + (not insertion.before), indentation + insertion.line)
    return "\n".join(lines)


def defines(text: str, function: str) -> bool:
    """Whether C source has a definition of `function` at its top level, as the kernel writes it."""
    return bool(_body(text.split("\n"), function))


def _scope(lines: Sequence[str], functions: Sequence[str]) -> range:
    if not functions:
        return range(len(lines))
    return next((body for name in functions if (body := _body(lines, name))), range(0))


def _body(lines: Sequence[str], function: str) -> range:
    """Line numbers between the braces, each of which stands first in a line; empty if undefined."""
    head = re.compile(rf"[A-Za-z_].*\b{re.escape(function)}\(|{re.escape(function)}\(")
    for number, line in enumerate(lines):
        if head.match(line):
            # A declaration ends with a semicolon.
            start = next((n for n in range(number, len(lines)) if lines[n][-1:] in ("{", ";")), -1)
            if lines[start] == "{":
                end = next((n for n in range(start, len(lines)) if lines[n] == "}"), start)
                return range(start + 1, end)
    return range(0)


def _not_found(insertion: Insertion, found: int) -> TargetError:
    place = " or ".join(f"{name}()" for name in insertion.functions) or "the file"
    wanted = " or ".join(f"'{anchor}'" for anchor in insertion.anchors)
    message = (
        f"the checker's series does not fit {insertion.path}: looked in {place} for "
        f"{insertion.times} of {wanted} and found {found}, give a tree that has the series applied"
    )
    return TargetError(Kind.CONFIG_ERROR, message)
