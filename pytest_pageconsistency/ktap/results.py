# SPDX-License-Identifier: GPL-2.0-only
"""Result lines: `ok 1 name`, `not ok 2 - name # TIMEOUT reason`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .tree import TestStatus

_RESULT = re.compile(r"([ \t]*)(not )?ok ([0-9]{1,9})(?: (?:- )?(.*))?\Z")
_DIRECTIVE = re.compile(r"(?:^|\s)# (SKIP|XFAIL|TODO|TIMEOUT|ERROR)(?:\s|\Z)")
_STATUS = {
    "SKIP": TestStatus.SKIPPED,
    "XFAIL": TestStatus.SKIPPED,
    "TODO": TestStatus.SKIPPED,
    "TIMEOUT": TestStatus.TEST_CRASHED,
    "ERROR": TestStatus.FAILURE,
}


@dataclass(slots=True)
class Result:
    """The fields of a result line; `reason` is what follows a directive."""

    indent: str
    number: int
    name: str
    status: TestStatus = TestStatus.SUCCESS
    reason: str = ""


def read_result(line: str) -> Result | None:
    """Return the fields of a line, if it is a result line at all."""
    match = _RESULT.match(line)
    if match is None:
        return None
    indent, failed, number, name = match.groups(default="")
    result = Result(indent, int(number), name.strip())
    if failed:
        result.status = TestStatus.FAILURE
    if "#" in name and (directive := _DIRECTIVE.search(name)):
        result.name = name[: directive.start()].strip()
        result.status = _STATUS[directive[1]]
        result.reason = name[directive.end() :].strip()
    return result
