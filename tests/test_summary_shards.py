# SPDX-License-Identifier: GPL-2.0-only
"""Shards as one column of the matrix: green only if all of them are there and fit together."""

from __future__ import annotations

import copy
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from environments import outcomes_of, passed, put, put_failure, run

from pytest_pageconsistency.artifacts import write_shard
from pytest_pageconsistency.matrix import reading
from pytest_pageconsistency.shard import Shard
from pytest_pageconsistency.verdict import Kind, Verdict

__all__ = ["passed"]  # fixtures

SHARDS = 3


def put_shard(directory: Path, number: int, whole: dict[str, Any], of: int = SHARDS) -> Path:
    """Leave what a shard of the session that made `whole` leaves; returns its place for um."""
    content = copy.deepcopy(whole)
    selected = [case["id"] for case in whole["cases"]]
    count = len(selected)
    content["cases"] = whole["cases"][count * (number - 1) // of : count * number // of]
    content["build_id"] = f"{number:016x}"
    place = directory / f"shard-{number}-of-{of}/um"
    put(place, content, outcomes_of(content))
    own = [case["id"] for case in content["cases"]]
    write_shard(place.parent, "um", Shard(number, of), own, selected)
    return place


@pytest.fixture
def places(tmp_path: Path, passed: dict[str, Any]) -> list[Path]:
    """Three shards that are green together."""
    return [put_shard(tmp_path, number, passed) for number in (1, 2, 3)]


def change(path: Path, **values: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def text(capsys: pytest.CaptureFixture[str], directory: Path, status: int = 1) -> str:
    """What is said of `directory`."""
    assert run(directory, "-v", "--html", directory / "page.html") == status
    (directory / "page.html").unlink()
    return capsys.readouterr().out


def test_are_one_environment(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, places: list[Path]
) -> None:
    said = text(capsys, tmp_path, 0)
    assert said.startswith("all 7 cells are green\n")
    # The seconds of all shards are added up.
    assert re.search(r"^um +um +6\.12\.63 .* 7 +0 +0 +0 +3\.8 s +121\.5 s +6\.0 s$", said, re.M)
    assert said.count(" ok\n") == 7


def test_a_shard_without_cases_is_whole(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, passed: dict[str, Any]
) -> None:
    for number in (1, 2):
        put_shard(tmp_path, number, passed, of=2)
        change(tmp_path / f"shard-{number}-of-2/um/shard.json", of=3)
    (tmp_path / "shard-1-of-2").rename(tmp_path / "shard-1-of-3")
    (tmp_path / "shard-2-of-2").rename(tmp_path / "shard-2-of-3")
    selected = [case["id"] for case in passed["cases"]]
    write_shard(tmp_path / "shard-3-of-3", "um", Shard(3, 3), [], selected)
    assert text(capsys, tmp_path, 0).startswith("all 7 cells are green\n")


def test_trees_are_told_apart(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, passed: dict[str, Any]
) -> None:
    for tree in ("6.1", "6.12"):
        for number in (1, 2, 3):
            put_shard(tmp_path / tree, number, passed)
    assert re.findall(r"^(6\S+) +um ", text(capsys, tmp_path, 0), re.M) == ["6.1/um", "6.12/um"]


class TestNoFalseGreen:
    """Each of these is green but for one thing."""

    @pytest.mark.parametrize("number", [1, 2, 3])
    def test_a_missing_shard(
        self,
        capsys: pytest.CaptureFixture[str],
        tmp_path: Path,
        places: list[Path],
        number: int,
    ) -> None:
        shutil.rmtree(places[number - 1].parent)
        said = text(capsys, tmp_path)
        assert f"  incomplete: shard {number} of 3 is not there\n" in said
        assert "1 environment without a whole result" in said
        assert said.count(" no word\n") == (3 if number == 3 else 2)

    def test_one_shard_alone(self, capsys: pytest.CaptureFixture[str], places: list[Path]) -> None:
        for directory in (places[1], places[1].parent):
            said = text(capsys, directory)
            assert "  incomplete: shards 1 and 3 of 3 are not there\n" in said
            assert re.search(r"^um +um ", said, re.M)

    def test_many_missing_shards(
        self, capsys: pytest.CaptureFixture[str], tmp_path: Path, passed: dict[str, Any]
    ) -> None:
        put_shard(tmp_path, 1, passed, of=100)
        said = text(capsys, tmp_path)
        assert "shards 2, 3, 4, 5, 6 and 94 more of 100 are not there" in said

    def test_a_shard_that_knows_itself_by_its_document(
        self, capsys: pytest.CaptureFixture[str], tmp_path: Path, places: list[Path]
    ) -> None:
        places[0].parent.rename(tmp_path / "job-17")
        said = text(capsys, tmp_path)
        assert "  incomplete: shards 2 and 3 of 3 are not there\n" in said
        assert "  incomplete: shard 1 of 3 is not there\n" in said

    @pytest.mark.parametrize("left", [(), ("shard.json",), ("shard.json", "outcomes.json")])
    def test_a_shard_that_was_killed(
        self,
        capsys: pytest.CaptureFixture[str],
        tmp_path: Path,
        places: list[Path],
        left: tuple[str, ...],
    ) -> None:
        for path in places[1].iterdir():
            if path.name not in left:
                path.unlink()
        said = text(capsys, tmp_path)
        sentence = "shard 2 of 3: the session ended without a result.json"
        assert f"  no result: {sentence}\n" in said
        assert said.count(" no word\n") == 2

    def test_a_shard_that_ended_early(
        self, capsys: pytest.CaptureFixture[str], tmp_path: Path, places: list[Path]
    ) -> None:
        (places[1] / "outcomes.json").unlink()
        assert text(capsys, tmp_path).count(" no outcome\n") == 2

    def test_shards_that_never_booted(
        self, capsys: pytest.CaptureFixture[str], tmp_path: Path, places: list[Path]
    ) -> None:
        for place in places[:2]:
            case_ids = json.loads((place / "shard.json").read_text())["cases"]
            put_failure(place, "um", Verdict(Kind.BUILD_ERROR, "no", "line 1"))
            change(place / "result.json", planned=case_ids)
            change(place / "outcomes.json", outcomes=dict.fromkeys(case_ids, "error"))
        said = text(capsys, tmp_path)
        assert "  build error: shards 1 and 2 of 3: no\n" in said
        assert said.count(" no boot\n") == 4

    @pytest.mark.parametrize(
        ("name", "values"),
        [
            ("result.json", {"tree": {"version": "6.1"}}),
            ("result.json", {"header": {"origin": "given", "sha256": "00" * 32}}),
            ("result.json", {"checker": {"origin": "given", "sha256": "00" * 32}}),
            ("result.json", {"target": {"arch": "um", "bits_per_long": 32, "byteorder": "little"}}),
        ],
    )
    def test_another_kernel(
        self,
        capsys: pytest.CaptureFixture[str],
        tmp_path: Path,
        places: list[Path],
        name: str,
        values: dict[str, Any],
    ) -> None:
        change(places[1] / name, **values)
        sentence = "  shards differ: shard 2 of 3 has another kernel than shard 1 of 3\n"
        assert sentence in text(capsys, tmp_path)

    def test_another_selection(
        self, capsys: pytest.CaptureFixture[str], tmp_path: Path, places: list[Path]
    ) -> None:
        content = json.loads((places[2] / "shard.json").read_text())
        change(places[2] / "shard.json", selected=[*content["selected"], "t.py::test_more[um]"])
        said = text(capsys, tmp_path)
        assert "  shards differ: shard 3 of 3 is of other cases than shard 1 of 3\n" in said
        assert re.search(r"^t\.py::test_more +no word$", said, re.M)

    def test_a_case_in_two_shards(
        self, capsys: pytest.CaptureFixture[str], tmp_path: Path, places: list[Path]
    ) -> None:
        first, second = (json.loads((place / "result.json").read_text()) for place in places[:2])
        again = first["cases"][0] | {"verdict": "kernel crash", "message": "it died"}
        change(places[1] / "result.json", cases=[*second["cases"], again])
        said = text(capsys, tmp_path)
        assert f"shards differ: {again['case']} is in two, such as shards 1 and 2 of 3\n" in said
        assert re.search(rf"^{re.escape(again['case'])} +crashed$", said, re.M)

    def test_older_shards_beside_newer_ones(
        self,
        capsys: pytest.CaptureFixture[str],
        tmp_path: Path,
        places: list[Path],
        passed: dict[str, Any],
    ) -> None:
        put_shard(tmp_path, 1, passed, of=2)
        assert "shards differ: some are of 2 and some of 3" in text(capsys, tmp_path)

    def test_a_whole_session_beside_shards_is_another_environment(
        self,
        capsys: pytest.CaptureFixture[str],
        tmp_path: Path,
        places: list[Path],
        passed: dict[str, Any],
    ) -> None:
        put(tmp_path / "um", passed, outcomes_of(passed))
        shutil.rmtree(places[0].parent)
        said = text(capsys, tmp_path)
        assert re.findall(r"^(um.*?)  +um ", said, re.M) == ["um", "um in shards"]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("[]", "shard.json holds no JSON object"),
        ("{}", "shard.json is without a schema, not pageconsistency-shard/1"),
        ('{"schema": "pageconsistency-shard/1"}', "shard.json: 'shard' is missing"),
        (
            '{"schema": "pageconsistency-shard/1", "shard": 4, "of": 3}',
            "shard.json is none: I/N with 1 <= I <= N, not '4/3'",
        ),
        (
            '{"schema": "pageconsistency-shard/1", "shard": 1, "of": 3, "cases": 5}',
            "shard.json: 'cases' is no list",
        ),
    ],
)
def test_what_is_no_shard_is_named(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    places: list[Path],
    content: str,
    sentence: str,
) -> None:
    (places[0] / "shard.json").write_text(content)
    assert f"  unreadable: shard 1 of 3: {sentence}\n" in text(capsys, tmp_path, 2)


def test_shards_do_not_count_as_environments(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, places: list[Path]
) -> None:
    monkeypatch.setattr(reading, "MOST_ENVIRONMENTS", 1)
    assert run(tmp_path) == 0
