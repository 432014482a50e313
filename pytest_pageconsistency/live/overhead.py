# SPDX-License-Identifier: GPL-2.0-only
"""What the checker costs: picoseconds of a pair of page allocation and free, as ratios."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Cost:
    """Rounds of one kernel in one state, each the mean of many pairs in picoseconds."""

    rounds: tuple[int, ...]

    @property
    def minimum(self) -> float:
        """Nanoseconds of the fastest round."""
        return min(self.rounds) / 1000

    @property
    def median(self) -> float:
        """Nanoseconds of the round in the middle."""
        return statistics.median(self.rounds) / 1000


@dataclass(frozen=True)
class Overhead:
    """The costs on one architecture: option off, on with the static key off, and tracking."""

    arch: str
    off: Cost
    key_off: Cost
    tracking: Cost

    def line(self) -> str:
        """The costs and what they are of the first, by the fastest rounds and by the medians."""
        parts = [f"option off {self.off.minimum:.1f} ns"]
        for name, cost in (("key off", self.key_off), ("tracking", self.tracking)):
            ratio = cost.minimum / self.off.minimum
            median = cost.median / self.off.median
            parts.append(f"{name} {cost.minimum:.1f} ns = {ratio:.2f} (median {median:.2f})")
        return f"{self.arch}: a page's alloc/free pair: {', '.join(parts)}"

    def document(self) -> dict[str, Any]:
        """The same for machines; nanoseconds."""
        states = (("off", self.off), ("key_off", self.key_off), ("tracking", self.tracking))
        return {
            name: {
                "minimum": cost.minimum,
                "median": cost.median,
                "ratio": round(cost.minimum / self.off.minimum, 3),
                "rounds": len(cost.rounds),
            }
            for name, cost in states
        }


def together(costs: Iterable[Cost]) -> Cost:
    """All rounds of several boots as one."""
    return Cost(tuple(value for cost in costs for value in cost.rounds))
