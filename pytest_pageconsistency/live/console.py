# SPDX-License-Identifier: GPL-2.0-only
"""What a live kernel's console says: chapters, results, and the numbers that were observed."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from pytest_pageconsistency.kunit_parser import Test, TestStatus, parse_console

_NOTE = re.compile(r"\s*# pc (?P<what>\w+)(?P<fields>(?: [\w-]+=\S+)*)\s*")
_FIELD = re.compile(r"([\w-]+)=(\S+)")
_COMPLAINT = re.compile(r"\s*# (?P<text>(?:cannot|there is no|pages came) .*)")
_EVENT = re.compile(
    r"page_consistency: (?P<text>bitmap corruption at PFN \d+ before (?:alloc|free)"
    r"|DOUBLE-(?:ALLOC|FREE) detected: PFN \d+|Consistency violation for PFN \d+"
    r"|Validation found \d+ inconsistent words)"
)
_PANIC = re.compile(r"Kernel panic - not syncing: (?P<text>.*?)\s*$", re.MULTILINE)
_END = re.compile(r"^# pc init ends\s*$", re.MULTILINE)
# What KUnit printed before is the boot's, and another document.
_BEGIN = "# pc init begins"


@dataclass(frozen=True)
class Note:
    """A line of observations: `what` it is about, and its fields as they were printed."""

    what: str
    fields: Mapping[str, str]

    def number(self, key: str) -> int:
        """A field's number; KeyError or ValueError where there is none."""
        return int(self.fields[key])


@dataclass(frozen=True)
class Result:
    """One result of a chapter, with all that was printed before it.

    `events` are the checker's texts; `complaints` say why it is not `ok`. `test` is the whole.
    """

    name: str
    ok: bool
    skip_reason: str
    notes: tuple[Note, ...]
    events: tuple[str, ...]
    complaints: tuple[str, ...]
    test: Test = field(repr=False)

    def of(self, what: str) -> list[Note]:
        """The notes about `what`."""
        return [note for note in self.notes if note.what == what]


@dataclass(frozen=True)
class Chapter:
    """A chapter that was seen; `errors` say what was wrong with its KTAP."""

    name: str
    ok: bool
    results: tuple[Result, ...]
    errors: tuple[str, ...]


@dataclass(frozen=True)
class LiveConsole:
    """All that is read from one console.

    `panic` is the text of the first panic, None without one; `reached_init` tells whether our
    program said anything, `ended` whether it came to its end.
    """

    chapters: tuple[Chapter, ...]
    errors: tuple[str, ...]
    panic: str | None
    reached_init: bool
    ended: bool

    def chapter(self, name: str) -> list[Chapter]:
        """The chapters of that name: one, if all is well."""
        return [chapter for chapter in self.chapters if chapter.name == name]


def read_console(text: str) -> LiveConsole:
    """Read a console of any content; nothing in it raises."""
    _boot, begin, ours = text.partition(_BEGIN)
    main = parse_console(io.StringIO(ours, newline="\n"))
    panic = _PANIC.search(text)
    return LiveConsole(
        chapters=tuple(_chapter(test) for test in main.subtests),
        errors=tuple(main.errors),
        panic=panic["text"] if panic else None,
        reached_init=bool(begin),
        ended=_END.search(ours) is not None,
    )


def _chapter(test: Test) -> Chapter:
    results = tuple(_result(subtest) for subtest in test.subtests)
    return Chapter(test.name, test.ok_status(), results, tuple(test.all_errors()))


def _result(test: Test) -> Result:
    return Result(
        name=test.name,
        ok=test.status is TestStatus.SUCCESS,
        skip_reason=test.skip_reason if test.status is TestStatus.SKIPPED else "",
        notes=tuple(_notes(test.log)),
        events=tuple(match["text"] for line in test.log if (match := _EVENT.search(line))),
        complaints=tuple(
            match["text"] for line in test.log if (match := _COMPLAINT.fullmatch(line))
        ),
        test=test,
    )


def _notes(lines: Iterable[str]) -> Iterator[Note]:
    for line in lines:
        if match := _NOTE.fullmatch(line):
            yield Note(match["what"], dict(_FIELD.findall(match["fields"])))
