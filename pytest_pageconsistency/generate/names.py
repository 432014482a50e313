# SPDX-License-Identifier: GPL-2.0-only
"""C names for pytest ids: legal, unique, prefixed, and readable where the id allows it."""

from __future__ import annotations

import hashlib
import re
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass

_SLUG_LENGTH = 48
_DIGEST_LENGTH = 10


@dataclass(frozen=True)
class CaseName:
    """The C name of a case and the id that its console lines carry (10 hexadecimal digits)."""

    function: str
    digest: str


def case_names(case_ids: Iterable[str]) -> dict[str, CaseName]:
    """A name for each pytest id; the same id gets the same name whatever else is selected.

    Should two digests ever be equal, the later id gets another one.
    """
    names: dict[str, CaseName] = {}
    taken: set[str] = set()
    for case_id in case_ids:
        digest = _digest(case_id)
        while digest in taken:
            digest = _digest(digest + case_id)
        taken.add(digest)
        names[case_id] = CaseName(f"pc_{_slug(case_id)}_{digest}", digest)
    return names


def comment(text: str, indent: str = "") -> str:
    """A C comment that holds any text, in lines of less than 80 columns, ASCII only."""
    safe = text.encode("ascii", "backslashreplace").decode()
    safe = "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in safe)
    safe = safe.replace("*/", "*\\/").replace("/*", "/\\*")
    lines = textwrap.wrap(safe, 70, break_on_hyphens=False) or [""]
    if len(lines) == 1:
        return f"{indent}/* {lines[0]} */"
    body = "".join(f"{indent} * {line}\n" for line in lines)
    return f"{indent}/*\n{body}{indent} */"


def _digest(text: str) -> str:
    encoded = text.encode("utf-8", "surrogatepass")
    return hashlib.sha256(encoded).hexdigest()[:_DIGEST_LENGTH]


def _slug(case_id: str) -> str:
    """The part after the file name, in letters that C knows: `test_flip[um-63]` -> `flip_um_63`."""
    name = case_id.rpartition("::")[2].removeprefix("test_")
    slug = re.sub(r"[^0-9a-z]+", "_", name.lower()).strip("_")
    return slug[:_SLUG_LENGTH].rstrip("_") or "case"
