# SPDX-License-Identifier: GPL-2.0-only
"""What is left on disk for machines: sources, configuration, console and result.json."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from pytest_pageconsistency.crosscheck import CaseResult
from pytest_pageconsistency.kernel.tree import tree_identity
from pytest_pageconsistency.pipeline import TargetResult
from pytest_pageconsistency.target import Target

SCHEMA = "pageconsistency-result/1"
"""Named in every result.json and described in docs/result.md; a new number when a key changes."""


def write_artifacts(directory: Path, result: TargetResult) -> None:
    """Write suite.c, kunitconfig, .config, console.log and result.json to `directory`/<arch>."""
    place = directory / result.target.arch
    place.mkdir(parents=True, exist_ok=True)
    (place / "suite.c").write_bytes(result.suite.files["suite.c"])
    (place / "kunitconfig").write_text(result.kunitconfig, encoding="utf-8")
    (place / ".config").write_text(result.run.dot_config, encoding="utf-8")
    (place / "console.log").write_text(result.run.console, encoding="utf-8", errors="replace")
    text = json.dumps(result_document(result), indent=1, ensure_ascii=True)
    # Workers of pytest-xdist write the same file: whole, or not at all.
    draft = place / f"result.json.{os.getpid()}"
    draft.write_text(f"{text}\n", encoding="ascii")
    draft.replace(place / "result.json")


def clear_artifacts(directory: Path, target: Target) -> None:
    """Make `directory`/<arch>, without the files of an earlier run; OSError if that fails."""
    place = directory / target.arch
    place.mkdir(parents=True, exist_ok=True)
    for name in ("result.json", "console.log", "suite.c", "kunitconfig", ".config"):
        (place / name).unlink(missing_ok=True)


def result_document(result: TargetResult) -> dict[str, Any]:
    """result.json as a dictionary."""
    target, header = result.target, result.header
    return {
        "schema": SCHEMA,
        "target": {
            "arch": target.arch,
            "bits_per_long": target.bits_per_long,
            "byteorder": target.byteorder,
        },
        "tree": tree_identity(result.tree),
        "header": {
            "origin": header.origin,
            "path": str(header.path),
            "sha256": header.sha256,
        },
        "build_id": result.suite.build_id,
        "timed_out": result.run.timed_out,
        "seconds": {name: round(value, 3) for name, value in result.run.seconds.items()},
        "command": list(result.run.exec_command),
        "cases": [_case(case) for case in result.results.values()],
    }


def _case(result: CaseResult) -> dict[str, Any]:
    program = result.case.program
    document: dict[str, Any] = {
        "id": program.case_id,
        "function": result.case.name.function,
        "verdict": result.verdict.kind.value,
        "message": result.verdict.message,
        "steps": len(program.steps),
        "observed_values": result.observed_values,
    }
    if result.disagreement:
        document["disagreement"] = {
            "step": result.disagreement.step,
            "expected": [hex(value) for value in result.disagreement.expected],
            "observed": [hex(value) for value in result.disagreement.observed],
        }
    return document
