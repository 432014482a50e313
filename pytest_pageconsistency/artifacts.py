# SPDX-License-Identifier: GPL-2.0-only
"""What is left on disk for machines: sources, configuration, console, results and outcomes."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pytest_pageconsistency.case_document import CaseDocuments
from pytest_pageconsistency.kernel.tree import tree_identity
from pytest_pageconsistency.pipeline import TargetResult
from pytest_pageconsistency.schema import (
    FILES,
    FINAL_OUTCOMES,
    OUTCOMES,
    OUTCOMES_SCHEMA,
    RESULT,
    RESULT_SCHEMA,
    SHARD,
    SHARD_SCHEMA,
)
from pytest_pageconsistency.shard import Shard
from pytest_pageconsistency.verdict import Verdict


def write_artifacts(
    directory: Path, result: TargetResult, elf: Mapping[str, Any] | None = None
) -> None:
    """Write suite.c, kunitconfig, .config, console.log and result.json to `directory`/<arch>.

    `elf` says of the image what the ELF file says of itself.
    """
    place = directory / result.target.arch
    place.mkdir(parents=True, exist_ok=True)
    (place / "suite.c").write_text(result.suite.source, "utf-8")
    (place / "kunitconfig").write_text(result.run.kunitconfig, encoding="utf-8")
    (place / ".config").write_text(result.run.dot_config, encoding="utf-8")
    (place / "console.log").write_text(result.run.console, encoding="utf-8", errors="replace")
    _write_whole(place / RESULT, result_document(result, elf))


def write_failure(directory: Path, arch: str, verdict: Verdict, case_ids: Sequence[str]) -> None:
    """Write `directory`/<arch>/result.json for a target that never booted, and why.

    `case_ids` are the pytest ids of the cases that were to run.
    """
    place = directory / arch
    place.mkdir(parents=True, exist_ok=True)
    _write_whole(place / RESULT, failure_document(arch, verdict, case_ids))


def write_outcomes(directory: Path, outcomes: Mapping[str, Mapping[str, str]]) -> None:
    """Write `directory`/<arch>/outcomes.json for each architecture in `outcomes`.

    They are by pytest id, as `outcomes.worse` makes them; those that are not final are left out.
    """
    for arch, of_items in outcomes.items():
        final = {
            case_id: outcome
            for case_id, outcome in sorted(of_items.items())
            if outcome in FINAL_OUTCOMES
        }
        place = directory / arch
        place.mkdir(parents=True, exist_ok=True)
        _write_whole(place / OUTCOMES, {"schema": OUTCOMES_SCHEMA, "outcomes": final})


def write_shard(
    directory: Path, arch: str, shard: Shard, own: Sequence[str], selected: Sequence[str]
) -> None:
    """Write `directory`/<arch>/shard.json before anything runs.

    `own` are the pytest ids of the shard's cases for `arch`, `selected` those of all shards.
    """
    place = directory / arch
    place.mkdir(parents=True, exist_ok=True)
    document = {
        "schema": SHARD_SCHEMA,
        "shard": shard.number,
        "of": shard.of,
        "cases": list(own),
        "selected": sorted(selected),
    }
    _write_whole(place / SHARD, document)


def clear_artifacts(directory: Path, arch: str) -> None:
    """Make `directory`/<arch>, without the files of an earlier run; OSError if that fails."""
    place = directory / arch
    place.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        (place / name).unlink(missing_ok=True)


def unwritable(error: OSError) -> str:
    """What to say where writing or removing artifacts failed."""
    return f"cannot write artifacts to {error.filename}: {error.strerror}"


def result_document(result: TargetResult, elf: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """result.json of a kernel that booted, as a dictionary."""
    target, header, checker = result.target, result.header, result.checker.source
    cases = CaseDocuments(target.arch, result.run.exec_command)
    return {
        "schema": RESULT_SCHEMA,
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
        "checker": {
            "origin": checker.origin,
            "path": str(checker.path),
            "sha256": checker.sha256,
        },
        "elf": dict(elf) if elf is not None else None,
        "build_id": result.suite.build_id,
        "timed_out": result.run.timed_out,
        "seconds": {name: round(value, 3) for name, value in result.run.seconds.items()},
        "command": list(result.run.exec_command),
        "cases": [cases.document(case) for case in result.results.values()],
    }


def failure_document(arch: str, verdict: Verdict, case_ids: Sequence[str]) -> dict[str, Any]:
    """result.json of a target that never booted, as a dictionary."""
    return {
        "schema": RESULT_SCHEMA,
        "target": {"arch": arch, "bits_per_long": None, "byteorder": None},
        "tree": None,
        "header": None,
        "checker": None,
        "elf": None,
        "build_id": None,
        "timed_out": False,
        "seconds": {},
        "command": [],
        "error": {
            "kind": verdict.kind.value,
            "message": verdict.message,
            "details": verdict.details,
        },
        "planned": list(case_ids),
        "cases": [],
    }


def _write_whole(path: Path, document: Mapping[str, Any]) -> None:
    """Whole, or not at all: workers of pytest-xdist write the same file."""
    text = json.dumps(document, indent=1, ensure_ascii=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.write_text(f"{text}\n", encoding="ascii")
    draft.replace(path)
