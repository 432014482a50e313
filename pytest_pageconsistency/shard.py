# SPDX-License-Identifier: GPL-2.0-only
"""One of N parts of a session's items, the same on every machine."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

Key: TypeAlias = tuple[str, str]
"""An item: its architecture, "" for none, and its pytest id."""

_TOLERANCE = 16
"""A part may be this fraction of its size larger or smaller at either end."""


@dataclass(frozen=True)
class Shard:
    """Part `number` of `of`, from 1."""

    number: int
    of: int

    @property
    def directory(self) -> str:
        """What its directory for artifacts is called."""
        return f"shard-{self.number}-of-{self.of}"


def parse_shard(text: str) -> Shard:
    """Read "I/N"; ValueError, one sentence, if it is none."""
    match = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})", text)
    if match is None or not 1 <= int(match[1]) <= int(match[2]):
        raise ValueError(f"I/N with 1 <= I <= N, not {text!r}")
    return Shard(int(match[1]), int(match[2]))


def parse_directory(name: str) -> Shard | None:
    """The shard whose `Shard.directory` is `name`, None if it is none."""
    match = re.fullmatch(r"shard-([0-9]+)-of-([0-9]+)", name)
    if match is None:
        return None
    try:
        return parse_shard(f"{match[1]}/{match[2]}")
    except ValueError:
        return None


def members(keys: Sequence[Key], shard: Shard) -> list[int]:
    """The positions in `keys` of those that belong to `shard`, ascending.

    All items, by architecture and then by id, are cut into N runs of equal length. So an
    architecture, whose kernel each of its shards has to build, is in few shards; the cases of a
    file, which are compiled together, stay together; and one large file is split all the same. The
    sizes differ by one at the most. Only where a run would end a few items before or after the end
    of an architecture it ends there, which spares a kernel: by up to a 16th at either end.

    Ids are compared and not hashed: those of an installed suite hold its path, which another
    machine may have elsewhere, and their order stays.
    """
    order = sorted(range(len(keys)), key=keys.__getitem__)
    architectures = [keys[position][0] for position in order]
    start, stop = (
        _cut(architectures, number, shard.of) for number in (shard.number - 1, shard.number)
    )
    return sorted(order[start:stop])


def _cut(architectures: Sequence[str], number: int, of: int) -> int:
    """Where run `number`, from 0, of `of` begins in the sorted `architectures` of all items."""
    count = len(architectures)
    middle, most = count * number // of, count // of // _TOLERANCE
    if number in (0, of):
        return middle
    around = range(max(1, middle - most), min(count, middle + most + 1))
    ends = [place for place in around if architectures[place - 1] != architectures[place]]
    return min(ends, key=lambda place: abs(place - middle), default=middle)
