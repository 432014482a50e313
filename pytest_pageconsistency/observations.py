# SPDX-License-Identifier: GPL-2.0-only
"""The lines in which the C runtime reports what a case observed (kunit/runtime/pc_runtime.h)."""

from __future__ import annotations

import functools
import re
from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import repeat

_REPORT = re.compile(r"# (pc_\w+): pc ([0-9a-f]{10}) ([0-9]{1,9}) (.*)")
_TOKEN = re.compile(
    r"b(?P<n>[0-9]{1,2})\.(?P<bits>[0-9a-f]{1,16})"
    r"|(?P<word>[0-9a-f]{1,16})(?:\*(?P<count>[0-9]{1,10}))?"
)
_END = re.compile(r"end ([0-9]{1,12}) ([0-9a-f]{16})")
_NO_MEMORY = re.compile(r"nomem ([0-9]{1,9}) ([0-9]{1,20})")


@dataclass
class Observations:
    """What the console says that one case observed.

    `values` holds bits as 0 and 1 and words as they are, in the order of the steps, then the
    final words. `faults` says, a sentence each, what is wrong with the report.
    """

    digest: str
    limit: int
    values: array[int] = field(default_factory=lambda: array("Q"))
    lines: int = 0
    ended: bool = False
    build_id: str = ""
    no_memory: tuple[int, int] | None = None
    """Number of the bitmap and bytes of one copy that the kernel could not allocate."""
    faults: list[str] = field(default_factory=list)

    @property
    def begun(self) -> bool:
        """Whether the kernel was seen to start the case."""
        return self.lines > 0

    def fault(self, sentence: str) -> None:
        """Note the first few things that are wrong; the rest follows from them."""
        if len(self.faults) < 5:
            self.faults.append(sentence)


def read_observations(
    lines: Iterable[str], cases: Iterable[tuple[str, str, int]]
) -> dict[str, Observations]:
    """Collect every case's report from a console.

    `cases` gives, for each case, the function's name, its digest, and how many values it has at
    the most: more are not stored. Lines of functions that are not among them are ignored.
    """
    found = {name: Observations(digest, limit) for name, digest, limit in cases}
    for line in lines:
        if ": pc " not in line:
            continue
        match = _REPORT.search(line)
        if match and match[1] in found:
            _read_line(found[match[1]], match[2], int(match[3]), match[4])
    return found


def _read_line(observations: Observations, digest: str, number: int, text: str) -> None:
    if digest != observations.digest:
        observations.fault(f"a line carries the id of another case, {digest}")
        return
    expected = observations.lines
    observations.lines += 1
    if number != expected:
        observations.fault(f"line {number} of the report stands where line {expected} belongs")
        return
    if observations.ended:
        observations.fault("the report goes on after its end")
        return
    if number == 0:
        if text.strip() != "begin":
            observations.fault("the report does not begin with its first line")
        return
    _read_tokens(observations, text.rstrip())


def _read_tokens(observations: Observations, text: str) -> None:
    head, end, tail = text.partition("end ")
    if end:
        _read_end(observations, end + tail)
    elif no_memory := _NO_MEMORY.fullmatch(text):
        observations.no_memory = int(no_memory[1]), int(no_memory[2])
        return
    values, limit = observations.values, observations.limit
    for token in head.split():
        try:
            run, times = _values_of(token)
        except ValueError as error:
            observations.fault(str(error))
            continue
        if len(values) + len(run) * times > limit:
            observations.fault("more values than the case has")
        else:
            values.extend(run if times == 1 else repeat(run[0], times))
    if observations.ended and len(observations.values) != observations.limit:
        observations.fault(
            f"the report holds {len(observations.values)} values, not {observations.limit}"
        )


def _read_end(observations: Observations, text: str) -> None:
    match = _END.fullmatch(text)
    if match is None:
        observations.fault(f"unreadable end {text[:40]!a}")
        return
    observations.ended = True
    observations.build_id = match[2]
    if int(match[1]) != observations.limit:
        observations.fault(f"the kernel counted {match[1]} values, not {observations.limit}")


@functools.lru_cache(maxsize=4096)
def _values_of(token: str) -> tuple[tuple[int, ...], int]:
    """The values that a token stands for, and how many times; most tokens are seen over and over.

    ValueError says what is wrong with it.
    """
    match = _TOKEN.fullmatch(token)
    if match is None:
        raise ValueError(f"unreadable value {token[:40]!a}")
    if match["bits"]:
        count, bits = int(match["n"]), int(match["bits"], 16)
        if not 1 <= count <= 64 or bits >> count:
            raise ValueError(f"{count} bits cannot be {bits:#x}")
        return tuple(map(int, reversed(f"{bits:0{count}b}"))), 1
    times = int(match["count"] or 1)
    if times < 1:
        raise ValueError("a word that stands for no words")
    return (int(match["word"], 16),), times
