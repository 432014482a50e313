# SPDX-License-Identifier: GPL-2.0-only
"""What the files for machines are called, and how a case is named apart from its architecture."""

from __future__ import annotations

RESULT_SCHEMA = "pageconsistency-result/1"
"""Named in every result.json and described in docs/result.md; a new number when a key changes."""

OUTCOMES_SCHEMA = "pageconsistency-outcomes/1"
"""Named in every outcomes.json, likewise."""

SHARD_SCHEMA = "pageconsistency-shard/1"
"""Named in every shard.json, likewise."""

RESULT = "result.json"
OUTCOMES = "outcomes.json"
SHARD = "shard.json"

FILES = (RESULT, OUTCOMES, SHARD, "console.log", "suite.c", "kunitconfig", ".config")
"""What a session leaves for one architecture, and removes when it begins."""

FINAL_OUTCOMES = ("passed", "failed", "error", "skipped", "xfailed", "xpassed")
"""What outcomes.json says of an item, in pytest's words."""


def case_name(case_id: str, arch: str) -> str:
    """A pytest id without its architecture, which the plugin puts first in the brackets.

    `t.py::test_a[um-63]` becomes `t.py::test_a[63]`, `t.py::test_a[um]` becomes `t.py::test_a`;
    an id in which the architecture stands elsewhere stays as it is.
    """
    # A bracket may also stand in the name of a directory.
    start = case_id.find("[", case_id.find("::") + 1)
    head, parameters = case_id[:start], case_id[start + 1 :]
    if start < 0:
        return case_id
    if parameters.startswith(f"{arch}-"):
        return f"{head}[{parameters.removeprefix(f'{arch}-')}"
    if parameters.startswith(f"{arch}]"):
        return head + parameters.removeprefix(f"{arch}]")
    return case_id
