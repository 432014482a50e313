# SPDX-License-Identifier: GPL-2.0-only
"""Results that are none, and texts that want to be more than text: named and harmless."""

from __future__ import annotations

import copy
import errno
import os
import re
from pathlib import Path
from typing import Any

import pytest
from environments import (
    FLIP,
    UM,
    Damage,
    case_id,
    document,
    four,
    outcomes_of,
    passed,
    put,
    put_failure,
    run,
)
from page_parser import Page

from pytest_pageconsistency.matrix import reading
from pytest_pageconsistency.verdict import Kind, Verdict

__all__ = ["four", "passed"]  # fixtures


class TestBadInput:
    def sentence(self, capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> str:
        """What is said of input that nothing can be done with."""
        assert run(*arguments) == 2
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err.count("\n") == 1
        return captured.err

    def test_no_directory(self, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
        assert "there is no directory" in self.sentence(capsys, tmp_path / "none")

    def test_a_file(self, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        assert "there is no directory" in self.sentence(capsys, tmp_path / "file")

    def test_nothing_below(self, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
        (tmp_path / "um").mkdir()
        assert "there is no result.json below" in self.sentence(capsys, tmp_path)

    def test_too_deep(
        self, capsys: pytest.CaptureFixture[str], tmp_path: Path, passed: dict[str, Any]
    ) -> None:
        put(tmp_path / "in/a/b/c/um", passed, outcomes_of(passed))
        assert run(tmp_path / "in") == 0
        capsys.readouterr()
        assert "no result.json" in self.sentence(capsys, tmp_path)

    @pytest.mark.parametrize("limit", ["MOST_ENVIRONMENTS", "MOST_DIRECTORIES"])
    def test_too_many(
        self,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
        four: Path,
        limit: str,
    ) -> None:
        monkeypatch.setattr(reading, limit, 3)
        assert "there are more than 3" in self.sentence(capsys, four)

    def test_links_that_go_round(
        self, capsys: pytest.CaptureFixture[str], tmp_path: Path, passed: dict[str, Any]
    ) -> None:
        put(tmp_path / "um", passed, outcomes_of(passed))
        (tmp_path / "um/up").symlink_to(tmp_path)
        assert run(tmp_path) == 0

    def test_a_directory_that_may_not_be_read(
        self,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
        tmp_path: Path,
        passed: dict[str, Any],
    ) -> None:
        put(tmp_path / "um", passed, outcomes_of(passed))
        (tmp_path / "arm").mkdir()
        listed = os.scandir

        def refuse(path: Any) -> Any:
            """As for anybody but root."""
            if Path(path).name == "arm":
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
            return listed(path)

        monkeypatch.setattr(os, "scandir", refuse)
        assert "arm cannot be read: Permission denied" in self.sentence(capsys, tmp_path)

    @pytest.mark.parametrize(
        "target", ["none/x.html", "file/x.html", "directory"], ids=lambda name: name
    )
    def test_a_page_that_cannot_be_written(
        self, capsys: pytest.CaptureFixture[str], four: Path, tmp_path: Path, target: str
    ) -> None:
        (tmp_path / "file").touch()
        (tmp_path / "directory").mkdir()
        assert "cannot write" in self.sentence(capsys, four, "--html", tmp_path / target)
        assert not list(tmp_path.glob("directory.*"))

    @pytest.mark.parametrize(
        ("content", "sentence"),
        [
            ("", "result.json is not JSON"),
            ("{", "result.json is not JSON"),
            ("\udcff", "result.json is not JSON"),
            ("[" * 100_000, "result.json is not JSON"),
            ('{"schema": ' + "9" * 5000 + "}", "result.json is not JSON"),
            ("[]", "result.json holds no JSON object"),
            ("{}", "result.json is without a schema"),
            ('{"schema": 1}', "result.json: 'schema' is no text"),
            ('{"schema": "junit/5"}', "result.json is of the schema 'junit/5'"),
            ('{"schema": "pageconsistency-result/2"}', "not pageconsistency-result/1"),
            ('{"schema": "pageconsistency-result/1"}', "result.json: 'arch' is missing"),
        ],
    )
    def test_what_is_no_result_is_named(
        self,
        capsys: pytest.CaptureFixture[str],
        tmp_path: Path,
        passed: dict[str, Any],
        content: str,
        sentence: str,
    ) -> None:
        put(tmp_path / "um", passed, outcomes_of(passed))
        (tmp_path / "arm").mkdir()
        (tmp_path / "arm/result.json").write_bytes(content.encode("utf-8", "surrogateescape"))
        assert run(tmp_path) == 2
        text = capsys.readouterr().out
        assert "7 not run, 1 environment without a result; 7 of 14 cells" in text
        assert re.search(rf"^  unreadable: .*{re.escape(sentence)}", text, re.M)

    @pytest.mark.parametrize(
        ("key", "value", "sentence"),
        [
            ("id", None, "'id' is missing"),
            ("id", 5, "'id' is no text"),
            ("id", case_id(FLIP, "um"), "is not the id of"),
            ("case", FLIP, "is not the id of"),
            ("case", None, ""),
            ("verdict", None, "'verdict' is missing"),
            ("verdict", True, "'verdict' is no text"),
            ("steps", -1, "'steps' is no count"),
            ("steps", True, "'steps' is no count"),
            ("steps", 1.5, "'steps' is no whole number"),
            ("console", "text", "'console' is no list"),
            ("console", [1], "'console' holds something else than text"),
            ("step_table", [], "'step_table' is no object"),
            ("step_table", {"rows": [1]}, "'rows' holds something else than objects"),
            ("step_table", {"before": 0, "after": 0}, "'rows' is missing"),
            ("step_table", {"rows": [{"step": 1}]}, "'bitmap' is missing"),
        ],
    )
    def test_a_case_that_is_none_is_named(
        self,
        capsys: pytest.CaptureFixture[str],
        tmp_path: Path,
        passed: dict[str, Any],
        key: str,
        value: object,
        sentence: str,
    ) -> None:
        content = copy.deepcopy(passed)
        content["cases"][0][key] = value
        put(tmp_path / "um", content, outcomes_of(passed))
        assert run(tmp_path) == (2 if sentence else 0)
        assert sentence in capsys.readouterr().out

    def test_a_case_that_is_there_twice_is_named(
        self, capsys: pytest.CaptureFixture[str], tmp_path: Path, passed: dict[str, Any]
    ) -> None:
        cases = [*passed["cases"], passed["cases"][0]]
        put(tmp_path / "um", passed | {"cases": cases}, outcomes_of(passed))
        assert run(tmp_path) == 2
        assert "two cases are called test_flips.py::test_is_seen[0]" in capsys.readouterr().out

    @pytest.mark.parametrize(
        "values", [{"boot": "1 s"}, {"boot": float("nan")}, {"boot": 10**400}, {"boot": True}, [1]]
    )
    def test_seconds_that_are_none(
        self, tmp_path: Path, passed: dict[str, Any], values: object
    ) -> None:
        put(tmp_path / "um", passed | {"seconds": values}, outcomes_of(passed))
        assert run(tmp_path) == 2

    @pytest.mark.parametrize(
        "content",
        [
            "",
            "[]",
            "{}",
            '{"schema": "pageconsistency-outcomes/2", "outcomes": {}}',
            '{"schema": "pageconsistency-outcomes/1", "outcomes": []}',
            '{"schema": "pageconsistency-outcomes/1", "outcomes": {"a": "green"}}',
            '{"schema": "pageconsistency-outcomes/1", "outcomes": {"a": null}}',
            '{"schema": "pageconsistency-outcomes/1",'
            ' "outcomes": {"a\\n": "passed", "a\\\\n": "failed"}}',
        ],
    )
    def test_outcomes_that_are_none(
        self,
        capsys: pytest.CaptureFixture[str],
        tmp_path: Path,
        passed: dict[str, Any],
        content: str,
    ) -> None:
        put(tmp_path / "um", passed)
        (tmp_path / "um/outcomes.json").write_text(content)
        assert run(tmp_path) == 2
        assert "unreadable: outcomes.json" in capsys.readouterr().out

    def test_a_file_without_end(
        self,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
        tmp_path: Path,
        passed: dict[str, Any],
    ) -> None:
        monkeypatch.setattr(reading, "RESULT_LIMIT", 1000)
        put(tmp_path / "um", passed, outcomes_of(passed))
        assert run(tmp_path) == 2
        assert "result.json is larger than 1000 bytes" in capsys.readouterr().out


EVIL = "<script>alert(1)</script>\x1b[31m\x9b2J\u202e\r\n&\"'{{ 7 * 7 }}\ud800"


class TestUntrustedText:
    @pytest.fixture
    def evil(self, tmp_path: Path) -> Path:
        """Every text in the documents is hostile."""
        content = document(
            UM, Damage({FLIP: (1, 2)}, {"retry/test_retry.py::TestReads::test_bad[4]": 3})
        )
        keep = {"arch", "schema", "verdict", "expected", "observed", "observes"}

        def spoiled(value: Any, key: str = "") -> Any:
            if isinstance(value, dict):
                return {
                    name if key != "seconds" else name + EVIL: spoiled(each, name)
                    for name, each in value.items()
                }
            if isinstance(value, list):
                return [spoiled(each, key) for each in value]
            return value + EVIL if isinstance(value, str) and key not in keep else value

        spoilt = spoiled(content)
        put(tmp_path / "in/um", spoilt, outcomes_of(spoilt))
        put_failure(tmp_path / "in/<b>\x1b[1m", EVIL, Verdict(Kind.BUILD_ERROR, EVIL, EVIL))
        return tmp_path / "in"

    def test_cannot_steer_the_terminal(
        self, capsys: pytest.CaptureFixture[str], evil: Path
    ) -> None:
        assert run(evil, "-v") == 1
        text = capsys.readouterr().out
        assert "<script>alert(1)</script>\\x1b[31m" in text
        assert all(char.isprintable() or char == "\n" for char in text)
        for line in text.splitlines():
            assert not line.startswith("&")

    def test_cannot_steer_the_browser(self, evil: Path, tmp_path: Path) -> None:
        run(evil, "--html", tmp_path / "page.html")
        text = (tmp_path / "page.html").read_text(encoding="utf-8")
        parsed = Page(text)
        allowed = {tag for tag, _ in parsed.tags}
        assert not allowed & {"script", "b\x1b", "img", "iframe"}
        assert "{{ 7 * 7 }}" in text
        assert "alert(1)" in text
        assert all(char.isprintable() or char in "\n\t" for char in text)
        assert not any(name.startswith("on") for _, each in parsed.tags for name in each)

    def test_cannot_steer_what_is_said_of_it(
        self, capsys: pytest.CaptureFixture[str], tmp_path: Path
    ) -> None:
        assert run(tmp_path / "none\x1b[31m\nx") == 2
        captured = capsys.readouterr().err
        assert "\x1b" not in captured
        assert captured.count("\n") == 1
