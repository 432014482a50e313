# SPDX-License-Identifier: GPL-2.0-only
"""What each message of a console is: a result, a header, a plan or a log line."""

from __future__ import annotations

import gc
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import pairwise

from .builder import Level, TreeBuilder
from .lines import Console, LineStream, ends_run
from .results import Result, read_result
from .tree import Test

_STEPS = ("  ", "    ", "\t")  # ktap.rst says two, KUnit prints four, older kernels a tab
_VERSIONS = ("KTAP version 1", "TAP version 13", "TAP version 14")
_VERSION = re.compile(r"([ \t]*)(K?TAP version [0-9]+)\s*\Z")
_SUBTEST = re.compile(r"([ \t]*)# Subtest: (.*)\Z")
_PLAN = re.compile(r"([ \t]*)1\.\.([0-9]{1,9})(?: #.*)?\s*\Z")
_OOPS = re.compile(
    r"Oops|BUG:|kernel BUG at|Internal error:|Unable to handle kernel|stack overflow"
)


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Keep the garbage collector from walking a tree that only grows, time and again."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


class Engine:
    """Reads a console in one pass, into a tree of tests."""

    def __init__(self, builder: TreeBuilder) -> None:
        self._builder = builder

    def read(self, lines: Iterable[str]) -> Test:
        """Read all lines and return the main test."""
        with _collector_paused():
            self._read(lines if isinstance(lines, LineStream) else Console(lines))
            return self._builder.finish()

    def _read(self, console: Console | LineStream) -> None:
        builder = self._builder
        messages = console.messages()
        level = builder.levels[-1]
        passed = level.next_pass()
        for builder.number, message in messages:
            if message.startswith(passed) and "#" not in message and not console.cut:
                # Nearly every result is this one. The others take three times as long.
                name = message[len(passed) :].removeprefix("- ").strip()
                if name and name not in level.names:
                    builder.passed(level, name)
                    passed = level.next_pass()
                    continue
            text = message.lstrip(" \t")
            if text.startswith("# ") and not text.startswith("# Subtest:"):
                builder.pending.append(message)
                continue
            if (console.cut and not self._has_whole_name(message)) or not self._ktap(message):
                builder.pending.append(message)
                if ends_run(message):
                    break
                self._look_for_trouble(message)
            level = builder.levels[-1]
            passed = level.next_pass()
        builder.pending += [message for _, message in messages]

    def _look_for_trouble(self, message: str) -> None:
        if _OOPS.search(message):
            quoted = repr(message.strip()[:100])
            self._builder.trouble = f"; the console has {quoted} in line {self._builder.number}"

    def _has_whole_name(self, message: str) -> bool:
        """Return whether a message is the result of an open test, up to the end of its name."""
        result = read_result(message)
        return result is not None and any(
            result.indent == level.indent and result.name == child.test.name != ""
            for level, child in pairwise(self._builder.levels)
        )

    def _ktap(self, message: str) -> bool:
        """Take a message that is KTAP, and belongs where it is; return whether it is."""
        if result := read_result(message):
            return self._result(result)
        if match := _SUBTEST.match(message):
            return self._header(match[1], match[2].strip())
        if match := _PLAN.match(message):
            return self._plan(match[1], int(match[2]))
        if match := _VERSION.match(message):
            return self._version(match[1], match[2])
        return False

    def _result(self, result: Result) -> bool:
        builder = self._builder
        if result.indent == builder.levels[-1].indent:
            builder.leaf(result)
            return True
        for level, child in pairwise(builder.levels):
            if result.indent == level.indent:
                return self._result_beside(child, level, result)
        return False

    def _result_beside(self, child: Level, level: Level, result: Result) -> bool:
        """Take a result at a level where a test with subtests is open."""
        builder = self._builder
        name = child.test.name
        if result.name == name or (not name and result.number == level.last + 1):
            builder.end_below(child)
            builder.close(result)
            return True
        # A result of another name: the open test's own result was lost if this is the next
        # one's. Not at the top, where every suite has a header and messages of tests are found.
        if level.test is not builder.main and result.number == level.last + 2:
            builder.end_below(level)
            builder.leaf(result)
            return True
        return False

    def _plan(self, indent: str, count: int) -> bool:
        if indent != self._builder.levels[-1].indent:
            return False
        self._builder.plan(count)
        return True

    def _version(self, indent: str, version: str) -> bool:
        builder = self._builder
        if not builder.started:
            builder.start()
        elif not self._header(indent, ""):
            if not indent:
                builder.error_here(builder.main, "KTAP begins a second time")
            return False
        if version not in _VERSIONS:
            builder.error_here(builder.levels[-1].test, f"{version} is unknown")
        return True

    def _header(self, indent: str, name: str) -> bool:
        """Take the header of a test; that is a version line, without a name, or a name, or both."""
        builder = self._builder
        top = builder.levels[-1]
        if indent == top.indent and not top.test.name and not top.has_begun():
            top.test.name = name
            return True
        for parent in reversed(builder.levels):
            if indent.startswith(parent.indent) and indent[len(parent.indent) :] in _STEPS:
                builder.open(parent, indent, name)
                return True
        return False
