# SPDX-License-Identifier: GPL-2.0-only
"""What one directory of artifacts says: a kernel for one architecture, and its cases."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class StepRow:
    """A row of a step table.

    `step` counts from 1, None for what is compared after the last one. `observes` is "nothing",
    "bit", "count", "words" or "fields". Of its `count` values `expected` and `observed` are those
    from index `first` on; `observed` is None where the kernel's report does not reach. Fields have
    texts, too: "name=value".
    """

    step: int | None
    bitmap: int
    source: str
    text: str
    call: str
    observes: str
    count: int
    first: int
    expected: tuple[int, ...]
    observed: tuple[int, ...] | None
    expected_text: tuple[str, ...]
    observed_text: tuple[str, ...]
    differs: bool


@dataclass(frozen=True)
class Table:
    """Rows of a step table, and how many more the case has `before` and `after` them."""

    before: int
    rows: tuple[StepRow, ...]
    after: int


@dataclass(frozen=True)
class CaseRecord:
    """What the kernel made of one case; `name` is its id without the architecture."""

    case_id: str
    name: str
    verdict: str
    message: str
    steps: int
    report: str = ""
    console: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    table: Table | None = None


@dataclass(frozen=True)
class Failure:
    """Why there is no verdict of any case: `kind` is "build error" or the like."""

    kind: str
    message: str
    details: str = ""


@dataclass(frozen=True)
class Origin:
    """What was built, as a reader wants to see it; "" for what is not known."""

    version: str = ""
    commit: str = ""
    header: str = ""
    checker: str = ""
    build_id: str = ""
    command: tuple[str, ...] = ()


@dataclass(frozen=True)
class Environment:
    """One column of the matrix.

    `name` is the directory, as seen from the one that was named. `cases` is by `CaseRecord.name`,
    `outcomes` by the same name: what pytest says, None if it never said anything. `planned` are
    the names of the cases that were to run where `failure` is set, `selected` those of the cases of
    all shards where there were shards. `readable` is False for files that are no results at all.
    """

    name: str
    arch: str
    bits_per_long: int | None = None
    byteorder: str = ""
    origin: Origin = field(default_factory=Origin)
    seconds: Mapping[str, float] = field(default_factory=dict)
    cases: Mapping[str, CaseRecord] = field(default_factory=dict)
    planned: tuple[str, ...] = ()
    selected: frozenset[str] = frozenset()
    outcomes: Mapping[str, str] | None = None
    failure: Failure | None = None
    readable: bool = True
