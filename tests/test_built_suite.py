# SPDX-License-Identifier: GPL-2.0-only
"""A suite that is built already serves another selection, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from programs import UM, programs

from pytest_pageconsistency import built_suite
from pytest_pageconsistency.built_suite import (
    Reused,
    last_suite,
    ranges,
    remember_suite,
    reuse_suite,
)
from pytest_pageconsistency.cases import Program, record
from pytest_pageconsistency.generate import make_suite
from pytest_pageconsistency.kernel.place import Place
from pytest_pageconsistency.kernel.shadow import SUITE_DIRECTORY

IDENTITY = {"header": "abc"}
CASES = [
    *programs(),
    *(record(lambda d, n=n: d(64).set(n), UM.abi, f"x.py::test_x[{n}]") for n in range(9)),
]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A place that was built with CASES."""
    place = Place(tmp_path)
    suite = make_suite(CASES, UM, IDENTITY)
    directory = place.shadow / SUITE_DIRECTORY
    directory.mkdir(parents=True)
    for name, data in suite.files.items():
        (directory / name).write_bytes(data)
    remember_suite(place, suite)
    return place


def reused(
    place: Place,
    cases: Sequence[Program],
    identity: Mapping[str, str] = IDENTITY,
    room: int = 100,
) -> Reused | None:
    return reuse_suite(place, cases, identity, room)


def test_the_same_cases_need_no_selection(place: Place) -> None:
    found = reused(place, CASES)
    assert found is not None
    assert found.selection == ""
    whole = make_suite(CASES, UM, IDENTITY)
    assert found.suite.files == whole.files
    assert (found.suite.build_id, found.suite.functions) == (whole.build_id, whole.functions)


def test_some_of_them_are_selected_by_their_numbers(place: Place) -> None:
    found = reused(place, [CASES[7], CASES[3], CASES[4], CASES[0]])
    assert found is not None
    assert found.selection == "0,3-4,7"
    assert [case.program for case in found.suite.cases] == [CASES[n] for n in (7, 3, 4, 0)]
    assert len(found.suite.functions) == len(CASES)


def test_what_was_not_built_is_not_reused(place: Place) -> None:
    added = record(lambda d: d(64), UM.abi, "x.py::test_added")
    edited = record(lambda d: d(64).set(63), UM.abi, CASES[3].case_id)
    assert reused(place, [CASES[0], added]) is None
    assert reused(place, [CASES[0], edited]) is None
    assert reused(place, [CASES[0], CASES[2], CASES[4]], room=4) is None


@pytest.mark.parametrize("name", ["suite.c", "tables.bin", "pc_runtime.c"])
def test_files_that_changed_are_not_reused(place: Place, name: str) -> None:
    with (place.shadow / SUITE_DIRECTORY / name).open("ab") as file:
        file.write(b" ")
    assert reused(place, CASES) is None


@pytest.mark.parametrize("header", ["abc", "abd"])
def test_the_build_id_is_that_of_the_header_now(place: Place, header: str) -> None:
    """Whatever stands there: a session that was killed may have left its own."""
    other = make_suite(CASES, UM, {"header": "abe"}).files["build_id.c"]
    (place.shadow / SUITE_DIRECTORY / "build_id.c").write_bytes(other)
    found = reused(place, CASES, {"header": header})
    made = make_suite(CASES, UM, {"header": header})
    assert found is not None
    assert (found.suite.files, found.suite.build_id) == (made.files, made.build_id)
    last = last_suite(place, {"header": header})
    assert last is not None
    assert (last.files, last.build_id, last.cases) == (made.files, made.build_id, ())


def test_a_build_id_that_is_none(place: Place) -> None:
    (place.shadow / SUITE_DIRECTORY / "build_id.c").write_bytes(b"")
    assert reused(place, CASES) is None


def test_another_generator_makes_it_anew(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(built_suite, "generator_digest", lambda: "another")
    assert reused(place, CASES) is None
    assert last_suite(place, IDENTITY) is None


def test_files_that_came_or_went_are_not_reused(place: Place) -> None:
    directory = place.shadow / SUITE_DIRECTORY
    (directory / "more.h").touch()
    assert reused(place, CASES) is None
    (directory / "more.h").unlink()
    assert reused(place, CASES) is not None
    (directory / "tables.S").unlink()
    assert reused(place, CASES) is None


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"files": 1}', '{"files": 1, "generator": 1, "cases": [5]}']
)
def test_a_record_that_is_none(place: Place, text: str) -> None:
    (place.root / "suite.json").write_text(text)
    assert reused(place, CASES) is None


@given(st.sets(st.integers(0, 99)))
def test_ranges_name_the_numbers(numbers: set[int]) -> None:
    named: set[int] = set()
    for part in filter(None, ranges(sorted(numbers)).split(",")):
        first, _, last = part.partition("-")
        named |= set(range(int(first), int(last or first) + 1))
    assert named == numbers
