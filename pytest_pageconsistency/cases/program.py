# SPDX-License-Identifier: GPL-2.0-only
"""A case as data: the steps that the kernel shall take and what the oracle says of each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import repeat

from pytest_pageconsistency.cases.steps import PackedSteps
from pytest_pageconsistency.oracle import Abi, DualBitmap


@dataclass(frozen=True)
class Program:
    """A recorded case for one ABI.

    `case_id` is the pytest id; `bitmaps` are the oracle's models as the last step left them.
    """

    case_id: str
    abi: Abi
    steps: PackedSteps
    bitmaps: tuple[DualBitmap, ...]

    def __repr__(self) -> str:
        # pytest prints the arguments of every frame of a traceback: not half a million words.
        return f"<Program {self.case_id!r}, {len(self.steps)} steps>"

    def final_runs(self) -> Iterator[tuple[int, int]]:
        """The words of every bitmap at the end as (value, count): its primary, its secondary."""
        for bitmap in self.bitmaps:
            yield from bitmap.primary.runs()
            yield from bitmap.secondary.runs()

    def final_words(self) -> Iterator[int]:
        """The words of every bitmap at the end: each one's primary, then its secondary."""
        for value, count in self.final_runs():
            yield from repeat(value, count)

    def same_steps(self, other: Program) -> bool:
        """Whether another recording took the very same steps."""
        return self.abi == other.abi and self.steps.content() == other.steps.content()
