# SPDX-License-Identifier: GPL-2.0-only
"""The suite that a place was built with: another selection of its cases needs no other kernel.

What is read there is checked: the files must be those that the record's build id names.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path

from pytest_pageconsistency.cases import Program
from pytest_pageconsistency.generate import Suite, SuiteCase, build_id_of, name_cases
from pytest_pageconsistency.generate.suite import BUILD_ID_FILE
from pytest_pageconsistency.generate.tables import pack_table
from pytest_pageconsistency.kernel.place import Place
from pytest_pageconsistency.kernel.shadow import SUITE_DIRECTORY

_RECORD = "suite.json"


@dataclass(frozen=True)
class BuiltCase:
    """A case in the kernel: its function, and the SHA-256 of its table."""

    function: str
    content: str


@dataclass(frozen=True)
class Reused:
    """A suite that is built already, and which of its cases to run: "0-4,7", or "" for all."""

    suite: Suite
    selection: str


def remember_suite(place: Place, suite: Suite) -> None:
    """Leave word of what `place` was built with."""
    cases = [asdict(_built_case(case)) for case in suite.cases]
    draft = place.root / f"{_RECORD}.{os.getpid()}"
    draft.write_text(json.dumps({"build_id": suite.build_id, "cases": cases}), "utf-8")
    draft.replace(place.root / _RECORD)


def reuse_suite(
    place: Place, programs: Sequence[Program], identity: Mapping[str, str], room: int
) -> Reused | None:
    """The suite in `place`, if it holds all `programs` and was made for this `identity`.

    A selection of more than `room` characters does not fit the kernel's command line.
    """
    found = _read(place.root / _RECORD)
    if found is None:
        return None
    build_id, built = found
    numbers = {case: number for number, case in enumerate(built)}
    cases = name_cases(programs)
    wanted = [numbers.get(_built_case(case)) for case in cases]
    chosen = sorted(number for number in wanted if number is not None)
    selection = "" if len(chosen) == len(built) else ranges(chosen)
    if len(chosen) < len(cases) or len(selection) > room:
        return None
    files = _files(place.shadow / SUITE_DIRECTORY)
    generated = {name: data for name, data in files.items() if name != BUILD_ID_FILE}
    if build_id_of(generated, identity) != build_id:
        return None
    # A session that was killed may have left its own.
    if build_id.encode() not in files.get(BUILD_ID_FILE, b""):
        return None
    functions = frozenset(case.function for case in built)
    return Reused(Suite(cases, files, build_id, functions), selection)


def _built_case(case: SuiteCase) -> BuiltCase:
    table = pack_table(case.name.digest, case.program)
    return BuiltCase(case.name.function, hashlib.sha256(table).hexdigest())


def _read(path: Path) -> tuple[str, list[BuiltCase]] | None:
    """The record; None if there is none that can be read."""
    try:
        record = json.loads(path.read_bytes())
        return str(record["build_id"]), [BuiltCase(**case) for case in record["cases"]]
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _files(directory: Path) -> dict[str, bytes]:
    try:
        paths = sorted(path for path in directory.iterdir() if path.is_file())
        return {path.name: path.read_bytes() for path in paths}
    except OSError:
        return {}


def ranges(numbers: Iterable[int]) -> str:
    """Ascending numbers as the kernel's bitmap_parselist() reads them."""
    runs = groupby(enumerate(numbers), key=lambda pair: pair[1] - pair[0])
    bounds = ([number for _, number in run] for _, run in runs)
    return ",".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else f"{run[0]}" for run in bounds)
