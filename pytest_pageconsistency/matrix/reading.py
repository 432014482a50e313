# SPDX-License-Identifier: GPL-2.0-only
"""Find result.json and outcomes.json below a directory and read them, whoever wrote them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from pytest_pageconsistency.matrix.environment import (
    CaseRecord,
    Environment,
    Failure,
    Origin,
    StepRow,
    Table,
)
from pytest_pageconsistency.matrix.fields import Fields, Unreadable, load, one_line
from pytest_pageconsistency.matrix.shards import Part, merge
from pytest_pageconsistency.schema import (
    FILES,
    FINAL_OUTCOMES,
    OUTCOMES,
    OUTCOMES_SCHEMA,
    RESULT,
    RESULT_SCHEMA,
    SHARD,
    SHARD_SCHEMA,
    case_name,
)
from pytest_pageconsistency.shard import Shard, parse_directory, parse_shard

DEPTH = 4
"""Levels of directories that are searched: <tree>/<toolchain>/<arch> and one to spare."""

MOST_ENVIRONMENTS = 200
MOST_DIRECTORIES = 10_000
RESULT_LIMIT = 256 * 1024 * 1024
OUTCOMES_LIMIT = 64 * 1024 * 1024
SHARD_LIMIT = 64 * 1024 * 1024


def read_environments(directory: Path) -> list[Environment]:
    """Every environment below `directory`, in the natural order of their names.

    The shards of one are put together. What cannot be read becomes an environment with a failure.
    Unreadable if there is no result.json at all, or more than a person would put into one table.
    """
    if not directory.is_dir():
        raise Unreadable(f"there is no directory {directory}: name the one of --kunit-artifacts")
    places = sorted(_places(directory), key=lambda place: (natural(_name(place, directory)), place))
    if not any((place / RESULT).is_file() for place in places):
        message = f"there is no {RESULT} below {directory}"
        raise Unreadable(f"{message}: name the directory of --kunit-artifacts")
    whole: list[Environment] = []
    parts: dict[str, list[Part]] = {}
    for place in places:
        read = _read(place, _name(place, directory))
        if isinstance(read, Part):
            parts.setdefault(_whole_name(read.environment.name), []).append(read)
        else:
            whole.append(read)
    taken = {environment.name for environment in whole}
    for name, of_name in parts.items():
        whole.append(merge(f"{name} in shards" if name in taken else name, of_name))
    return sorted(whole, key=lambda environment: natural(environment.name))


def natural(text: str) -> tuple[tuple[int, str], ...]:
    """A key that sorts texts as a person does: 6.2 before 6.12."""
    # Numbers are compared by their length, then as text: they may have a million digits.
    parts = re.split(r"([0-9]+)", text)
    return tuple(
        (len(stripped), stripped) if number % 2 else (0, part)
        for number, part in enumerate(parts)
        for stripped in [part.lstrip("0")]
    )


def _name(place: Path, directory: Path) -> str:
    relative = place.relative_to(directory).as_posix()
    return one_line(directory.resolve().name or "/" if relative == "." else relative)


def _whole_name(name: str) -> str:
    """The name of an environment that this one may be a shard of."""
    return "/".join(part for part in name.split("/") if parse_directory(part) is None) or name


def _places(directory: Path) -> Iterator[Path]:
    """The directories that hold something of a session, or nothing at all.

    A session makes its directories empty, and fills them when it comes to a result: one that
    was killed must not go unnoticed.
    """
    found = set()
    walk = os.walk(directory, onerror=_give_up, followlinks=True)
    for seen, (path, directories, files) in enumerate(walk):
        place = Path(path)
        is_empty = not (files or directories)
        if len(place.relative_to(directory).parts) >= DEPTH:
            directories.clear()
        if seen >= MOST_DIRECTORIES:
            message = f"there are more than {MOST_DIRECTORIES} directories below {directory}"
            raise Unreadable(f"{message}: name the one of --kunit-artifacts")
        if set(files).intersection(FILES) or is_empty:
            found.add(_whole_name(_name(place, directory)))
            yield place
        if len(found) > MOST_ENVIRONMENTS:
            message = f"there are more than {MOST_ENVIRONMENTS} environments below {directory}"
            raise Unreadable(f"{message}: name a directory with fewer")


def _give_up(error: OSError) -> None:
    raise Unreadable(f"{error.filename} cannot be read: {error.strerror}") from error


def _read(place: Path, name: str) -> Environment | Part:
    """An environment, or one shard of it."""
    arch = one_line(place.resolve().name)
    shard = parse_directory(place.resolve().parent.name)
    own, selected = None, None
    try:
        if (place / SHARD).is_file():
            shard, own, selected = _shard(load(place / SHARD, SHARD_LIMIT), arch)
        environment = _environment(place, name, arch, is_empty=own == frozenset())
    except Unreadable as error:
        failure = Failure("unreadable", str(error))
        environment = Environment(name, arch, failure=failure, readable=False)
    return environment if shard is None else Part(shard, selected, environment)


def _shard(document: Fields, arch: str) -> tuple[Shard, frozenset[str], frozenset[str]]:
    """Which shard it is, the names of its own cases, and those of all shards."""
    _check_schema(document, SHARD_SCHEMA, SHARD)
    try:
        shard = parse_shard(f"{document.integer('shard')}/{document.integer('of')}")
    except ValueError as error:
        raise Unreadable(f"{SHARD} is none: {error}") from error
    own, selected = (
        frozenset(case_name(case_id, arch) for case_id in document.texts(key))
        for key in ("cases", "selected")
    )
    return shard, own, selected


def _environment(place: Path, name: str, arch: str, *, is_empty: bool) -> Environment:
    """What stands in `place`; `is_empty` if nothing was to run there."""
    if not (place / RESULT).is_file():
        failure = (
            None if is_empty else Failure("no result", f"the session ended without a {RESULT}")
        )
        return Environment(name, arch, failure=failure)
    document = load(place / RESULT, RESULT_LIMIT)
    _check_schema(document, RESULT_SCHEMA, RESULT)
    target = document.object("target")
    arch = target.text("arch")
    cases = _by_name(_case(fields, arch) for fields in document.objects("cases"))
    return Environment(
        name=name,
        arch=arch,
        bits_per_long=target.optional_integer("bits_per_long"),
        byteorder=target.text("byteorder", ""),
        origin=_origin(document),
        seconds=_seconds(document.object("seconds")),
        cases=cases,
        planned=tuple(case_name(case_id, arch) for case_id in document.texts("planned")),
        outcomes=_outcomes(place / OUTCOMES, arch),
        failure=_failure(document, cases),
    )


def _check_schema(document: Fields, schema: str, name: str) -> None:
    found = document.text("schema", "")
    if found != schema:
        said = f"of the schema {found[:80]!r}" if found else "without a schema"
        raise Unreadable(f"{name} is {said}, not {schema}")


def _by_name(records: Iterable[CaseRecord]) -> dict[str, CaseRecord]:
    cases: dict[str, CaseRecord] = {}
    for record in records:
        if record.name in cases:
            raise Unreadable(f"{RESULT}: two cases are called {record.name}")
        cases[record.name] = record
    return cases


def _failure(document: Fields, cases: Mapping[str, CaseRecord]) -> Failure | None:
    if document.has("error"):
        error = document.object("error")
        return Failure(error.text("kind"), error.text("message"), error.lines("details"))
    if not cases:
        return Failure("no result", f"{RESULT} holds no case")
    return None


def _origin(document: Fields) -> Origin:
    tree = document.object("tree")
    commit = tree.text("commit", "")[:12]
    return Origin(
        version=tree.text("version", ""),
        commit=f"{commit} and edits" if commit and tree.flag("edited") else commit,
        header=_source(document.object("header")),
        checker=_source(document.object("checker")),
        build_id=document.text("build_id", ""),
        command=document.texts("command"),
    )


def _source(fields: Fields) -> str:
    """Where a source under test came from, and what identifies it."""
    return f"{fields.text('origin', '')} {fields.text('sha256', '')[:12]}".strip()


def _seconds(fields: Fields) -> dict[str, float]:
    return {one_line(key): fields.number(key) for key in fields.names()}


def _outcomes(path: Path, arch: str) -> dict[str, str] | None:
    """By the cases' names; None where the session left none."""
    if not path.is_file():
        return None
    document = load(path, OUTCOMES_LIMIT)
    _check_schema(document, OUTCOMES_SCHEMA, path.name)
    fields = document.object("outcomes")
    outcomes: dict[str, str] = {}
    for key in fields.names():
        name, outcome = case_name(one_line(key), arch), fields.text(key)
        if name in outcomes:
            raise Unreadable(f"{path.name}: two cases are called {name}")
        if outcome not in FINAL_OUTCOMES:
            raise Unreadable(f"{path.name}: {outcome[:80]!r} is no outcome")
        outcomes[name] = outcome
    return outcomes


def _case(fields: Fields, arch: str) -> CaseRecord:
    case_id = fields.text("id")
    name = case_name(case_id, arch)
    if fields.text("case", name) != name:
        raise Unreadable(f"{RESULT}: {case_id} is not the id of {fields.text('case')}")
    return CaseRecord(
        case_id=case_id,
        name=name,
        verdict=fields.text("verdict"),
        message=fields.text("message", ""),
        steps=fields.integer("steps"),
        report=fields.lines("report"),
        console=fields.texts("console"),
        command=fields.texts("command"),
        table=_table(fields.object("step_table")) if fields.has("step_table") else None,
    )


def _table(fields: Fields) -> Table:
    rows = tuple(_row(row) for row in fields.objects("rows"))
    return Table(fields.integer("before"), rows, fields.integer("after"))


def _row(fields: Fields) -> StepRow:
    return StepRow(
        step=fields.optional_integer("step"),
        bitmap=fields.integer("bitmap"),
        source=fields.text("source", ""),
        text=fields.text("text", ""),
        call=fields.text("call"),
        observes=fields.text("observes"),
        count=fields.integer("count"),
        first=fields.integer("first"),
        expected=_values(fields, "expected"),
        observed=_values(fields, "observed") if fields.has("observed") else None,
        expected_text=fields.texts("expected_text"),
        observed_text=fields.texts("observed_text"),
        differs=fields.flag("differs"),
    )


def _values(fields: Fields, key: str) -> tuple[int, ...]:
    try:
        return tuple(int(value, 16) for value in fields.texts(key))
    except ValueError as error:
        raise Unreadable(f"{RESULT}: {key!r} holds something else than numbers") from error
