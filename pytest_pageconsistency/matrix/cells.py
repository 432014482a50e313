# SPDX-License-Identifier: GPL-2.0-only
"""The matrix of cases and environments: one cell for each, green only if nothing is missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

from pytest_pageconsistency.matrix.environment import CaseRecord, Environment
from pytest_pageconsistency.matrix.reading import natural
from pytest_pageconsistency.verdict import Kind


class Standing(IntEnum):
    """What a cell counts as, the worst first."""

    FAILED = 0
    """Kernel, oracle and the case's own assertions do not agree."""
    NOT_RUN = 1
    """Nothing is known of the kernel."""
    NO_OUTCOME = 2
    """The kernel passed, and what pytest says is not known: the session did not end."""
    PASSED = 3


@dataclass(frozen=True)
class Label:
    """The words in a cell, and what they mean."""

    text: str
    standing: Standing
    meaning: str


PASSED = Label("ok", Standing.PASSED, "kernel, oracle and the case's own assertions agree")
NO_OUTCOME = Label(
    "no outcome",
    Standing.NO_OUTCOME,
    "the kernel passed; pytest's outcome is not known, the session did not end",
)
NO_VERDICT = Label(
    "no verdict", Standing.NOT_RUN, "pytest passed, and no kernel is known to have run the case"
)
NO_BOOT = Label("no boot", Standing.NOT_RUN, "the kernel was never built or never booted")
NO_WORD = Label("no word", Standing.NOT_RUN, "the shard that has the case left no word of it")
NO_RESULT = Label("no result", Standing.NOT_RUN, "the environment has no result that could be read")
UNKNOWN = Label("unknown", Standing.FAILED, "the kernel's verdict is none that is known here")

OF_VERDICTS: Mapping[str, Label] = {
    Kind.DISAGREEMENT.value: Label(
        "disagrees", Standing.FAILED, "the kernel observed another value than the oracle"
    ),
    Kind.KERNEL_FAILURE.value: Label(
        "failed",
        Standing.FAILED,
        "every value agrees, and KUnit failed the case or the kernel complained",
    ),
    Kind.MALFORMED.value: Label(
        "malformed", Standing.FAILED, "what the kernel reported is not readable as observations"
    ),
    Kind.CRASH.value: Label(
        "crashed", Standing.FAILED, "the kernel died or fell silent in this case"
    ),
    Kind.TIMEOUT.value: Label("timeout", Standing.FAILED, "the time was up in this case"),
    Kind.NOT_RUN.value: Label("not run", Standing.NOT_RUN, "the kernel never got to the case"),
}
"""By the verdict in result.json, "passed" apart."""

OF_OUTCOMES: Mapping[str, Label] = {
    "failed": Label(
        "body failed", Standing.FAILED, "the case's own assertions failed, see pytest's report"
    ),
    "error": Label(
        "test error", Standing.FAILED, "the case is at fault or broke off, see pytest's report"
    ),
    "skipped": Label("skipped", Standing.NOT_RUN, "pytest skipped the case"),
    "xfailed": Label("xfailed", Standing.FAILED, "failed, as a mark expects"),
    "xpassed": Label("xpassed", Standing.FAILED, "passed, where a mark expects a failure"),
}
"""By the outcome in outcomes.json, "passed" apart: where the verdict says nothing worse."""

ABSENT = "-"
"""In place of a cell."""

ABSENT_MEANING = "the case did not apply to the environment, or was not selected"


@dataclass(frozen=True)
class Cell:
    """A case in an environment; `sentence` says what happened, "" if nothing needs to be said."""

    label: Label
    sentence: str = ""
    record: CaseRecord | None = None

    @property
    def green(self) -> bool:
        """Whether everybody agrees, and is known to."""
        return self.label.standing is Standing.PASSED


@dataclass(frozen=True)
class Row:
    """A case: `cells` has one for each environment, None where it is absent."""

    name: str
    cells: tuple[Cell | None, ...]

    @property
    def standing(self) -> Standing:
        """That of the worst cell."""
        return min(cell.label.standing for cell in self.cells if cell)


@dataclass(frozen=True)
class Matrix:
    """Environments as columns, cases as rows: the worst rows first, else in natural order."""

    environments: tuple[Environment, ...]
    rows: tuple[Row, ...]

    @property
    def green(self) -> bool:
        """Whether every cell is, and no environment went without a result."""
        failures = any(environment.failure for environment in self.environments)
        return not failures and all(row.standing is Standing.PASSED for row in self.rows)

    @property
    def readable(self) -> bool:
        """Whether all files could be read."""
        return all(environment.readable for environment in self.environments)

    def counts(self, column: int | None = None) -> Counter[Standing]:
        """The number of cells of each standing, in one column or in all."""
        return Counter(
            cell.label.standing
            for row in self.rows
            for cell in (row.cells if column is None else row.cells[column : column + 1])
            if cell
        )

    def labels(self) -> list[Label]:
        """Every label that is in use, the worst first."""
        used = {cell.label for row in self.rows for cell in row.cells if cell}
        return sorted(used, key=lambda label: (label.standing, label.text))


def make_matrix(environments: Sequence[Environment]) -> Matrix:
    """Put the environments side by side."""
    names = {name for environment in environments for name in _names(environment)}
    rows = [
        Row(name, tuple(_cell(environment, name) for environment in environments)) for name in names
    ]
    rows.sort(key=lambda row: (row.standing, natural(row.name), row.name))
    return Matrix(tuple(environments), tuple(rows))


def _names(environment: Environment) -> Iterable[str]:
    outcomes = environment.outcomes or ()
    return (*environment.cases, *environment.planned, *outcomes, *environment.selected)


def _cell(environment: Environment, name: str) -> Cell | None:
    record = environment.cases.get(name)
    outcome = (environment.outcomes or {}).get(name)
    if record is not None:
        return _judged(record, outcome)
    failure = environment.failure
    if name in environment.planned:
        return Cell(NO_BOOT, f"{failure.kind}: {failure.message}" if failure else NO_BOOT.meaning)
    if outcome is not None:
        label = OF_OUTCOMES.get(outcome, NO_VERDICT)
        return Cell(label, f"{label.meaning}; the kernel was not asked")
    if name in environment.selected:
        return Cell(NO_WORD, NO_WORD.meaning)
    if failure is not None and not environment.planned and not environment.selected:
        return Cell(NO_RESULT, f"{failure.kind}: {failure.message}")
    return None


def _judged(record: CaseRecord, outcome: str | None) -> Cell:
    """A cell of a case that result.json has a verdict of."""
    if record.verdict != Kind.PASSED.value:
        label = OF_VERDICTS.get(record.verdict, UNKNOWN)
        if outcome == "xfailed":
            label = OF_OUTCOMES["xfailed"]
        return Cell(label, record.message or label.meaning, record)
    if outcome is None:
        return Cell(NO_OUTCOME, NO_OUTCOME.meaning, record)
    if outcome != "passed":
        label = OF_OUTCOMES[outcome]
        return Cell(label, f"the kernel agrees with the oracle; {label.meaning}", record)
    return Cell(PASSED, "", record)
