# SPDX-License-Identifier: GPL-2.0-only
"""What was measured: samples, the ratios of pairs, a row of the table with its goal."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

Samples = tuple[float, ...]


def speedups(ours: Sequence[float], peer: Sequence[float]) -> Samples:
    """How many times as fast as the peer we were, pair by pair; both are seconds."""
    return tuple(theirs / mine for mine, theirs in zip(ours, peer, strict=True))


def growths(ours: Sequence[float], base: Sequence[float]) -> Samples:
    """How many times as much as the base, pair by pair."""
    return tuple(mine / other for mine, other in zip(ours, base, strict=True))


def differences(ours: Sequence[float], base: Sequence[float]) -> Samples:
    """How much more than the base, pair by pair."""
    return tuple(mine - other for mine, other in zip(ours, base, strict=True))


@dataclass(frozen=True)
class Goal:
    """What a median must be, `at_least` or `at_most`; `text` says it in the table."""

    text: str
    at_least: float | None = None
    at_most: float | None = None

    def met_by(self, value: float) -> bool:
        """Whether `value` is good enough."""
        low = self.at_least is None or value >= self.at_least
        return low and (self.at_most is None or value <= self.at_most)


@dataclass(frozen=True)
class Row:
    """One line of the table.

    `ours` and `peer` are samples in `unit`, `compared` one number for each pair (a ratio, or a
    difference if `signed`). The goal is about the median of `compared`, or of `ours` where nothing
    is compared.
    """

    what: str
    unit: str
    ours: Samples
    goal: Goal
    peer: Samples = ()
    compared: Samples = ()
    signed: bool = False
    note: str = ""

    @property
    def judged(self) -> float:
        """The number that the goal is about."""
        return statistics.median(self.compared or self.ours)

    @property
    def met(self) -> bool:
        """Whether the goal is met."""
        return self.goal.met_by(self.judged)

    def document(self) -> dict[str, Any]:
        """The row for JSON: every sample, and the medians with minimum and maximum."""
        return {
            "what": self.what,
            "note": self.note,
            "unit": self.unit,
            "goal": self.goal.text,
            "met": self.met,
            "compared_as": "difference" if self.signed else "ratio",
            **{
                name: _summary(samples)
                for name, samples in (
                    ("ours", self.ours),
                    ("peer", self.peer),
                    ("compared", self.compared),
                )
                if samples
            },
        }


@dataclass(frozen=True)
class Failure:
    """What could not be measured, and why."""

    what: str
    reason: str

    def document(self) -> dict[str, Any]:
        """The failure for JSON."""
        return {"what": self.what, "failed": self.reason}


def _summary(samples: Samples) -> dict[str, Any]:
    return {
        "median": statistics.median(samples),
        "min": min(samples),
        "max": max(samples),
        "samples": list(samples),
    }
