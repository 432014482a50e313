# SPDX-License-Identifier: GPL-2.0-only
"""What a kernel prints that agrees with the oracle in everything: raw material for damage."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_pageconsistency.crosscheck import expected_values
from pytest_pageconsistency.generate import SUITE_NAME, Suite, SuiteCase


def report_lines(suite: Suite, case: SuiteCase, values: Sequence[int] | None = None) -> list[str]:
    """The report of one case; `values` in place of the expected ones."""
    values = expected_values(case.program) if values is None else values
    texts = ["begin"]
    for start in range(0, len(values), 20):
        texts.append(" ".join(f"{value:x}" for value in values[start : start + 20]))
    texts.append(f"end {len(values)} {suite.build_id}")
    name = case.name
    return [
        f"    # {name.function}: pc {name.digest} {number} {text}"
        for number, text in enumerate(texts)
    ]


def console(suite: Suite) -> str:
    """The whole console of a boot in which every case passes."""
    lines = ["Linux version 6.12", "KTAP version 1", "1..1"]
    lines += ["    KTAP version 1", f"    # Subtest: {SUITE_NAME}", f"    1..{len(suite.cases)}"]
    for number, case in enumerate(suite.cases, 1):
        lines += report_lines(suite, case)
        lines.append(f"    ok {number} {case.name.function}")
    lines += [f"# {SUITE_NAME}: pass:{len(suite.cases)}", f"ok 1 {SUITE_NAME}"]
    lines.append("reboot: System halted")
    return "\n".join(lines) + "\n"
