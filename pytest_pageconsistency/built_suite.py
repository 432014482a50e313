# SPDX-License-Identifier: GPL-2.0-only
"""The suite that a place was built with: another selection of its cases needs no other kernel.

What is read there is checked: the files must be those that the record names. Only the build id
says of which header and configuration it is, and that is written anew.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path

from pytest_pageconsistency.cases import Program
from pytest_pageconsistency.generate import (
    Suite,
    SuiteCase,
    build_id_of,
    generator_digest,
    name_cases,
)
from pytest_pageconsistency.generate.suite import BUILD_ID_FILE
from pytest_pageconsistency.generate.tables import pack_table
from pytest_pageconsistency.kernel.place import Place
from pytest_pageconsistency.kernel.shadow import SUITE_DIRECTORY

_RECORD = "suite.json"
_BUILD_ID = re.compile(rb'"[0-9a-f]{16}"')


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
    cases = [asdict(built_case(case)) for case in suite.cases]
    record = {"files": _digest(suite.files), "generator": generator_digest(), "cases": cases}
    draft = place.root / f"{_RECORD}.{os.getpid()}"
    draft.write_text(json.dumps(record), "utf-8")
    draft.replace(place.root / _RECORD)


def reuse_suite(
    place: Place, programs: Sequence[Program], identity: Mapping[str, str], room: int
) -> Reused | None:
    """The suite in `place`, with the build id for this `identity`, if it holds all `programs`.

    A selection of more than `room` characters does not fit the kernel's command line.
    """
    found = _read(place.root / _RECORD)
    if found is None:
        return None
    numbers = {case: number for number, case in enumerate(found.cases)}
    cases = name_cases(programs)
    wanted = [numbers.get(built_case(case)) for case in cases]
    chosen = sorted(number for number in wanted if number is not None)
    selection = "" if len(chosen) == len(found.cases) else ranges(chosen)
    if len(chosen) < len(cases) or len(selection) > room:
        return None
    suite = _stamped(place, found, cases, identity)
    return Reused(suite, selection) if suite else None


def last_suite(place: Place, identity: Mapping[str, str]) -> Suite | None:
    """The suite in `place`, with the build id for this `identity`, and no cases to be judged."""
    found = _read(place.root / _RECORD)
    return _stamped(place, found, (), identity) if found else None


@dataclass(frozen=True)
class _BuiltSuite:
    """What a place was built with: the files, and the code that made them, as digests."""

    files: str
    generator: str
    cases: list[BuiltCase]


def _stamped(
    place: Place, built: _BuiltSuite, cases: tuple[SuiteCase, ...], identity: Mapping[str, str]
) -> Suite | None:
    """The suite as it lies there, if that is the one; its build id may be any, and is replaced."""
    files = _files(place.shadow / SUITE_DIRECTORY)
    if (_digest(files), generator_digest()) != (built.files, built.generator):
        return None
    build_id = build_id_of(_without_id(files), identity)
    stamped, count = _BUILD_ID.subn(f'"{build_id}"'.encode(), files.get(BUILD_ID_FILE, b""))
    if count != 1:
        return None
    functions = frozenset(case.function for case in built.cases)
    return Suite(cases, {**files, BUILD_ID_FILE: stamped}, build_id, functions)


def _digest(files: Mapping[str, bytes]) -> str:
    return build_id_of(_without_id(files), {})


def _without_id(files: Mapping[str, bytes]) -> dict[str, bytes]:
    return {name: data for name, data in files.items() if name != BUILD_ID_FILE}


def built_case(case: SuiteCase) -> BuiltCase:
    """What a case is in any kernel."""
    table = pack_table(case.name.digest, case.program)
    return BuiltCase(case.name.function, hashlib.sha256(table).hexdigest())


def _read(path: Path) -> _BuiltSuite | None:
    """The record; None if there is none that can be read."""
    try:
        record = json.loads(path.read_bytes())
        cases = [BuiltCase(**case) for case in record["cases"]]
        return _BuiltSuite(record["files"], record["generator"], cases)
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
