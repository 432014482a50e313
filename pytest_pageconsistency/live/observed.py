# SPDX-License-Identifier: GPL-2.0-only
"""One boot as its tests see it: what was seen can be judged, what is missing says why."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pytest_pageconsistency.live.console import Chapter, LiveConsole, Note, Result, read_console
from pytest_pageconsistency.verdict import Kind, TargetError, Verdict

_INIT_DIED = re.compile(r"Attempted to kill init! exitcode=0x(?P<code>[0-9a-f]+)")
_TAIL = 60
"""Lines of the console that a report shows."""


@dataclass(frozen=True, repr=False)
class Booted:
    """A kernel that was booted with these chapters for its init.

    `kernel` names it for sentences: "um, PANIC=n". `command` boots it again; `seconds` is wall
    clock time, and `timeout` how many it had.
    """

    kernel: str
    chapters: tuple[str, ...]
    console: str
    timed_out: bool
    overflowed: bool
    seconds: float
    timeout: float
    command: tuple[str, ...]
    image: Path | None = None
    """With its symbols, for the names of functions in a trace."""


@dataclass
class Observed:
    """What was observed of one boot."""

    booted: Booted
    console: LiveConsole = field(init=False)

    def __post_init__(self) -> None:
        self.console = read_console(self.booted.console)

    def chapter(self, name: str) -> Chapter:
        """A chapter that was seen; TargetError as `ending` says if it was not, or not once."""
        found = self.console.chapter(name)
        if not found:
            raise self._error(self._ending() or self._missing(f"chapter {name}"))
        if len(found) > 1:
            raise self._error(Verdict(Kind.MALFORMED, f"chapter {name} was seen twice"))
        return found[0]

    def result(self, chapter: str, name: str) -> Result:
        """A result that was seen once and is `ok`, or skipped.

        TargetError: what became of the kernel if it was not seen, MALFORMED, or KERNEL_FAILURE with
        what our init said.
        """
        found = [result for result in self.chapter(chapter).results if result.name == name]
        if not found:
            raise self._error(self._ending() or self._missing(f"{name} in chapter {chapter}"))
        if len(found) > 1:
            raise self._error(Verdict(Kind.MALFORMED, f"{chapter}: {name} was seen twice"))
        result = found[0]
        if not result.ok and not result.skip_reason:
            reason = "; ".join(result.complaints) or "our init said not ok without a word"
            raise self._error(Verdict(Kind.KERNEL_FAILURE, f"{chapter}: {name}: {reason}"))
        return result

    def note(self, result: Result, what: str, when: str | None = None) -> Note:
        """The only note of a result about `what` (and `when`); TargetError (MALFORMED) else."""
        found = [note for note in result.of(what) if when in (None, note.fields.get("when"))]
        if len(found) != 1:
            about = f"{what} {when}" if when else what
            message = f"{result.name} has {len(found)} observations of {about}, not one"
            raise self._error(Verdict(Kind.MALFORMED, message))
        return found[0]

    def number(self, note: Note, key: str) -> int:
        """A number in a note; TargetError (MALFORMED) if it has none of that name."""
        try:
            return note.number(key)
        except (KeyError, ValueError):
            message = f"an observation of {note.what} has no number {key}: {dict(note.fields)}"
            raise self._error(Verdict(Kind.MALFORMED, message)) from None

    def require_end(self) -> None:
        """TargetError unless all chapters were seen whole, and are ok, and our init ended."""
        if (ending := self._ending()) is not None:
            raise self._error(ending)
        chapters = [self.chapter(name) for name in self.booted.chapters]
        if errors := self._errors():
            raise self._error(Verdict(Kind.MALFORMED, errors[0]))
        for chapter in chapters:
            for result in chapter.results:
                self.result(chapter.name, result.name)
            if not chapter.ok:
                message = f"chapter {chapter.name} is not ok"
                raise self._error(Verdict(Kind.KERNEL_FAILURE, message))
        if not self.console.ended:
            message = "the kernel ended before our init did: see its console"
            raise self._error(Verdict(Kind.NOT_RUN, message))

    def require_panic(self, texts: Sequence[str]) -> str:
        """The text of the panic that was to come: the checker's own, with one of `texts`.

        TargetError: KERNEL_FAILURE for a kernel that survived, CRASH for one that died otherwise.
        """
        expected = " or ".join(repr(text) for text in texts)
        panic = self.console.panic
        if panic is None:
            ending = self._ending()
            if ending is not None:
                raise self._error(ending)
            message = f"the kernel survived the damage: it had to panic with {expected}"
            raise self._error(Verdict(Kind.KERNEL_FAILURE, message))
        if not any(re.search(re.escape(text) + r"(?!\w)", panic) for text in texts):
            message = f"the kernel died with another text: {panic!r}, not {expected}"
            raise self._error(Verdict(Kind.CRASH, message))
        return panic

    def tail(self) -> str:
        """The console's last lines, and the command that boots it again."""
        lines = self.booted.console.splitlines()[-_TAIL:]
        if self.booted.image is not None and self.console.panic is not None:
            from pytest_pageconsistency.kernel.trace import annotate  # loads pyelftools

            lines = annotate(self.booted.image, lines)
        return "\n".join((*lines, "", "boot it again:", f"  {shlex.join(self.booted.command)}"))

    def _errors(self) -> list[str]:
        found = list(self.console.errors)
        for chapter in self.console.chapters:
            found += chapter.errors
        return found

    def _ending(self) -> Verdict | None:
        """What went wrong with the whole boot, None if nothing did."""
        booted, console = self.booted, self.console
        where = "" if console.reached_init else "the kernel never reached user space: "
        if console.panic is not None:
            if died := _INIT_DIED.search(console.panic):
                early = "" if console.reached_init else " before it said a word"
                status = _status(int(died["code"], 16))
                return Verdict(Kind.CRASH, f"our init died{early}{status}")
            return Verdict(Kind.CRASH, f"{where}it panicked: {console.panic}")
        if booted.timed_out:
            message = f"{where}it was stopped after {booted.timeout:g} s, see --kunit-timeout"
            return Verdict(Kind.TIMEOUT, message)
        if booted.overflowed:
            return Verdict(Kind.CRASH, f"{where}it printed more than a console may hold")
        if not console.reached_init:
            return Verdict(Kind.NOT_RUN, f"{where}it ended without a word of our init")
        return None

    def _missing(self, what: str) -> Verdict:
        return Verdict(Kind.NOT_RUN, f"{what} was never seen")

    def _error(self, verdict: Verdict) -> TargetError:
        message = f"{self.booted.kernel}: {verdict.message}"
        return TargetError(verdict.kind, message, self.tail())


def _status(code: int) -> str:
    """What a status of wait() says of how a process ended."""
    signal = code & 0x7F
    return (
        f": signal {signal} killed it" if signal else f": it exited with status {code >> 8 & 0xFF}"
    )
