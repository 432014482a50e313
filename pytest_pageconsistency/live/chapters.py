# SPDX-License-Identifier: GPL-2.0-only
"""What our init does, chapter by chapter, and what the checker must say of it.

The names are those of kunit/live/init.c, the texts those of the checker's specification.
"""

from __future__ import annotations

from dataclasses import dataclass

HEALTHY = "healthy"
KUNIT = "kunit"
COST = "cost"
KEY_OFF = "key-off"

CHECKER = "page_consistency: "
"""What the checker's lines begin with."""

_CORRUPT = "bitmap corruption at PFN {pfn} before "
_DOUBLE_FREE = "DOUBLE-FREE detected: PFN {pfn}"
_DOUBLE_ALLOC = "DOUBLE-ALLOC detected: PFN {pfn}"


@dataclass(frozen=True)
class Damage:
    """A chapter that damages one page's bits, or claims what the allocator did not do.

    `prepare` and `act` are the names of its results before and after somebody notices. `events` are
    the checker's texts, in their order, for the page `{pfn}`; each is a violation.
    """

    chapter: str
    prepare: str
    act: str
    events: tuple[str, ...]

    @property
    def is_flip(self) -> bool:
        """Whether both copies disagree before anybody comes by, so that validate sees it."""
        return self.prepare.startswith("flip-")

    def texts(self, pfn: int) -> list[str]:
        """The events of a page."""
        return [event.format(pfn=pfn) for event in self.events]


DAMAGES = (
    Damage("flip-primary-then-free", "flip-primary", "put", (f"{_CORRUPT}free", _DOUBLE_FREE)),
    Damage("flip-secondary-then-free", "flip-secondary", "put", (f"{_CORRUPT}free",)),
    Damage("flip-primary-then-alloc", "flip-primary", "fetch", (f"{_CORRUPT}alloc", _DOUBLE_ALLOC)),
    Damage("flip-secondary-then-alloc", "flip-secondary", "fetch", (f"{_CORRUPT}alloc",)),
    Damage("double-free", "prepare", "claim-free", (_DOUBLE_FREE,)),
    Damage("double-alloc", "prepare", "claim-alloc", (_DOUBLE_ALLOC,)),
)
