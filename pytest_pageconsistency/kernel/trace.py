# SPDX-License-Identifier: GPL-2.0-only
"""Tell the functions, files and lines behind the addresses of a kernel's trace."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from pytest_pageconsistency.kernel.elf import open_elf
from pytest_pageconsistency.kernel.lines import Place, Places
from pytest_pageconsistency.verdict import TargetError

LINES_LIMIT = 100
"""Lines that are annotated; a kernel that complains again and again tells nothing new."""

_CONFIG_LIMIT = 4 * 1024 * 1024

# The time and the task that printk() puts before a line.
_PREFIX = re.compile(r"^(?:\[ *\d+\.\d+\] ?)?(?:\[ *[CT]\d+\] ?)?")
_WORD = re.compile(
    r"(?<![\w.])(?P<mark>0x|\[<?)?(?P<digits>[0-9a-f]{8,16})(?![\w.])(?P<colon>:)?", re.IGNORECASE
)
# What stands before the address of an instruction, and before one that a call returns to.
_LABEL = re.compile(
    r"\b(?:(?P<counter>[er]?ip|nip|e?pc|psw)|lr|ra|from|entered|trace)\b", re.IGNORECASE
)
_NEXT_TO_LABEL = re.compile(rf"{_LABEL.pattern}\s*:?\s*$", re.IGNORECASE)
_LETTERS = re.compile(r"[A-Za-z]")

_OFFSET = re.compile(r"\bKernel Offset: 0x([0-9a-f]{1,16})\b")
# s390 maps its kernel there, and nothing in the image says so.
_IMAGE_BASE = re.compile(r"^CONFIG_KERNEL_IMAGE_BASE=0x([0-9a-fA-F]{1,16})$", re.MULTILINE)


class _Role(Enum):
    """What an address is by what stands before it."""

    COUNTER = "a program counter: of the instruction itself"
    CALL = "of an entry of a trace, where a call returns to"
    UNKNOWN = "any other"


@dataclass(frozen=True)
class _Address:
    """An address on a line; `digits` are as they are written there."""

    digits: str
    role: _Role

    @property
    def value(self) -> int:
        return int(self.digits, 16)


def annotate(image: Path, lines: Sequence[str], limit: int = LINES_LIMIT) -> list[str]:
    """Name the places in the code that lines of the console hold addresses of.

    A line that ends with its only such address becomes "<line> = function+0xoffset (file:line)";
    others are followed by a line for each. Register and stack dumps stay as they are, so does
    whatever comes after `limit` annotated lines, and everything if the image cannot be read.
    """
    found = [(line, list(_addresses(line))) for line in lines]
    if not any(addresses for _, addresses in found):
        return list(lines)
    offsets = _load_offsets(image, lines)
    try:
        with open_elf(image) as elf:
            return list(_annotated(Places(elf), offsets, found, limit))
    except TargetError:
        return list(lines)


def _annotated(
    places: Places,
    offsets: Sequence[int],
    lines: Sequence[tuple[str, Sequence[_Address]]],
    limit: int,
) -> Iterator[str]:
    counters = {item.value for _, items in lines for item in items if item.role is _Role.COUNTER}
    for line, items in lines:
        named: dict[int, str] = {}
        for item in items if limit > 0 else []:
            place = _find(places, offsets, item.value, _is_return(item, counters))
            if place is not None:
                # An address may stand there twice; it is the last one that ends the line.
                named[item.value] = f"{item.digits} = {place}"
        limit -= bool(named)
        yield from _with_places(line.rstrip(), list(named.values()))


def _is_return(address: _Address, counters: Collection[int]) -> bool:
    """Whether a call returns to an address, so that its place is the call's."""
    if address.role is _Role.UNKNOWN:
        # That of a warning: taken from the registers where they are printed, else from a call.
        return not counters
    # A trace may begin with the very instruction that the registers name.
    return address.role is _Role.CALL and address.value not in counters


def _find(places: Places, offsets: Sequence[int], address: int, is_return: bool) -> Place | None:
    """The place of an address in a kernel that may run elsewhere than it was linked."""
    found = (places.find(address - offset, is_return=is_return) for offset in offsets)
    return next((place for place in found if place is not None), None)


def _with_places(line: str, named: Sequence[str]) -> Iterator[str]:
    """Add places, each "digits = function+0xoffset", to a line: behind or below it."""
    if len(named) == 1:
        digits, _, place = named[0].partition(" ")
        if line.rstrip(">])").endswith(digits):
            yield f"{line} {place}"
            return
    yield line
    yield from (f"    {text}" for text in named)


def _addresses(line: str) -> Iterator[_Address]:
    """The words of a line that were printed as addresses of code, wherever they point.

    Bare words count next to the name of a program counter, or if they are alone: others are
    registers, stacks and code.
    """
    text = _PREFIX.sub("", line, count=1)
    words = list(_WORD.finditer(text))
    bare = sum(not word["mark"] for word in words)
    for word in words:
        before = text[: word.start()]
        alone = bare == 1 and not word["colon"]
        if word["mark"] or alone or _NEXT_TO_LABEL.search(before):
            yield _Address(word["digits"], _role(before))


def _role(before: str) -> _Role:
    labels = list(_LABEL.finditer(before))
    if labels:
        return _Role.COUNTER if labels[-1]["counter"] else _Role.CALL
    # An entry of a trace has nothing before it but other addresses.
    letters = _LETTERS.search(_WORD.sub("", before))
    return _Role.UNKNOWN if letters else _Role.CALL


def _load_offsets(image: Path, lines: Sequence[str]) -> list[int]:
    """How far from where it was linked the kernel may run, in bytes."""
    for line in lines:
        if match := _OFFSET.search(line):
            return [int(match[1], 16)]
    try:
        with image.with_name(".config").open(encoding="utf-8", errors="replace") as stream:
            match = _IMAGE_BASE.search(stream.read(_CONFIG_LIMIT))
    except OSError:
        match = None
    return [0, int(match[1], 16)] if match else [0]
