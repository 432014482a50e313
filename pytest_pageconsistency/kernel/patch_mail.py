# SPDX-License-Identifier: GPL-2.0-only
"""A patch as a mail that `git am` takes: the same bytes on every machine and day.

No object ids of git stand in it, so that it follows from what it changes alone.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

AUTHOR = "pytest_pageconsistency <noreply@example.org>"
DATE = "Sat, 28 Nov 2026 12:00:00 +0000"

# What git writes there, for file(1) to tell its mails by.
_MAGIC = "From 0000000000000000000000000000000000000000 Mon Sep 17 00:00:00 2001"
_HUNK = re.compile(r"@@ -(?P<old>\d+)")
# As git: a line that begins like this names what the hunk is in.
_NAMING = re.compile(r"[A-Za-z_$]")
_NAME_LENGTH = 80


@dataclass(frozen=True)
class Patch:
    """A subject, a body of paragraphs, and for each path its content before (None: new) and after.

    A note is for those who apply it, and no part of the commit.
    """

    subject: str
    body: str
    note: str
    changes: Mapping[str, tuple[bytes | None, bytes]]


def mails(patches: Sequence[Patch]) -> dict[str, bytes]:
    """A mail for each of the series' `patches`, by the file names that git would give them."""
    return {
        _file_name(number, patch.subject): _mail(patch, f"{number}/{len(patches)}")
        for number, patch in enumerate(patches, 1)
    }


def _file_name(number: int, subject: str) -> str:
    words = re.sub(r"[^\w.]+", "-", subject, flags=re.ASCII).strip("-.")
    return f"{number:04}-{words[:52].rstrip('-.')}.patch"


def _mail(patch: Patch, place: str) -> bytes:
    head = f"""\
{_MAGIC}
From: {AUTHOR}
Date: {DATE}
Subject: [PATCH {place}] {patch.subject}

{patch.body.strip()}

Signed-off-by: {AUTHOR}
---
{patch.note}

"""
    diffs = [line for path, contents in patch.changes.items() for line in _diff(path, *contents)]
    text = f"{head}{_statistics(patch)}\n{''.join(diffs)}-- \npytest_pageconsistency\n"
    return text.encode("utf-8", "surrogateescape")


def _diff(path: str, before: bytes | None, after: bytes) -> Iterator[str]:
    yield f"diff --git a/{path} b/{path}\n"
    if before is None:
        yield "new file mode 100644\n"
    old, new = _lines(before or b""), _lines(after)
    source = "/dev/null" if before is None else f"a/{path}"
    for line in difflib.unified_diff(old, new, source, f"b/{path}"):
        if hunk := _HUNK.match(line):
            yield f"{line.rstrip()}{_section(old[: int(hunk['old']) - 1])}\n"
        elif line.endswith("\n"):
            yield line
        else:
            yield f"{line}\n\\ No newline at end of file\n"


def _section(lines: Sequence[str]) -> str:
    """The last of `lines` that names what follows it, as it stands behind a hunk's position."""
    name = next((line for line in reversed(lines) if _NAMING.match(line)), "")
    return f" {name.rstrip()[:_NAME_LENGTH]}".rstrip()


def _statistics(patch: Patch) -> str:
    added = {path: _added(*contents) for path, contents in patch.changes.items()}
    width = max(map(len, added))
    rows = [f" {path:{width}} | {count:3} +\n" for path, count in added.items()]
    files = f"{len(added)} file{'s' * (len(added) > 1)}"
    return f"{''.join(rows)} {files} changed, {sum(added.values())} insertions(+)\n"


def _added(before: bytes | None, after: bytes) -> int:
    return len(_lines(after)) - len(_lines(before or b""))


def _lines(content: bytes) -> list[str]:
    """Lines as git has them: a form feed ends none."""
    return re.findall(r"[^\n]*\n|[^\n]+", content.decode("utf-8", "surrogateescape"))
