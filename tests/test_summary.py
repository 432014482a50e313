# SPDX-License-Identifier: GPL-2.0-only
"""The matrix of cases and environments: what it shows, and what it must never call green."""

from __future__ import annotations

import copy
import io
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from environments import (
    ARM,
    FLIP,
    UM,
    Damage,
    anonymous,
    case_id,
    document,
    four,
    outcomes_of,
    passed,
    put,
    put_failure,
    run,
)
from golden import check_golden

from pytest_pageconsistency.matrix.reading import natural
from pytest_pageconsistency.verdict import Kind, Verdict

__all__ = ["four", "passed"]  # fixtures


class TestText:
    def test_is_as_it_was(
        self, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str], four: Path
    ) -> None:
        assert run(four) == 1
        check_golden(request, "summary.txt", anonymous(capsys.readouterr().out))

    def test_all_green(
        self, capsys: pytest.CaptureFixture[str], tmp_path: Path, passed: dict[str, Any]
    ) -> None:
        arm = document(ARM, Damage())
        put(tmp_path / "um", passed, outcomes_of(passed))
        put(tmp_path / "arm", arm, outcomes_of(arm))
        assert run(tmp_path) == 0
        text = capsys.readouterr().out
        assert text.startswith("all 14 cells are green\n")
        assert "7 cases are green wherever they ran" in text
        assert FLIP not in text
        assert run(tmp_path, "--verbose") == 0
        assert f"{FLIP} " in capsys.readouterr().out

    def test_a_directory_of_one_environment_has_its_own_name(
        self, capsys: pytest.CaptureFixture[str], tmp_path: Path, passed: dict[str, Any]
    ) -> None:
        put(tmp_path / "um", passed, outcomes_of(passed))
        assert run(tmp_path / "um") == 0
        assert re.search(r"^um +um +6\.12\.63 +64-bit little +7 +0 ", capsys.readouterr().out, re.M)

    def test_many_failures_are_counted(
        self, capsys: pytest.CaptureFixture[str], tmp_path: Path, passed: dict[str, Any]
    ) -> None:
        failing = copy.deepcopy(passed)
        bad = document(UM, Damage(values={FLIP: (1, 2)}))
        template = next(case for case in bad["cases"] if case["case"] == FLIP)
        failing["cases"] = [
            template | {"id": f"t.py::test_a[um-{n}]", "case": f"t.py::test_a[{n}]"}
            for n in range(50)
        ]
        put(tmp_path / "um", failing, outcomes_of(failing))
        assert run(tmp_path) == 1
        assert "and 30 more failed cells" in capsys.readouterr().out
        assert run(tmp_path, "-v") == 1
        text = capsys.readouterr().out
        assert "more failed cells" not in text
        assert text.count("kernel and oracle disagree") == 50

    def test_many_that_did_not_run_are_counted(
        self, capsys: pytest.CaptureFixture[str], tmp_path: Path
    ) -> None:
        put_failure(tmp_path / "um", "um", Verdict(Kind.TOOL_MISSING, "gcc is missing"))
        assert run(tmp_path) == 1
        text = capsys.readouterr().out
        assert "  tool missing: gcc is missing\n" in text
        assert re.search(r"^  and 4 more like this one +no boot$", text, re.M)

    def test_a_terminal_without_the_letters(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, passed: dict[str, Any]
    ) -> None:
        content = copy.deepcopy(passed)
        content["cases"][0] |= {"id": "t.py::test_größe[um]", "case": "t.py::test_größe"}
        put(tmp_path / "um", content)
        stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
        monkeypatch.setattr(sys, "stdout", stream)
        assert run(tmp_path) == 1
        stream.flush()
        assert b"t.py::test_gr\\xf6\\xdfe " in stream.buffer.getvalue()

    def test_a_reader_who_has_seen_enough(self, four: Path) -> None:
        code = "import sys, environments; sys.exit(environments.run(*sys.argv[1:]))"
        command = [sys.executable, "-c", code, str(four), "-v"]
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=Path(__file__).parent
        )
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == b""
        assert process.wait() == 1

    def test_order_does_not_depend_on_anything(
        self, capsys: pytest.CaptureFixture[str], four: Path
    ) -> None:
        run(four, "-v")
        text = capsys.readouterr().out
        for path in four.rglob("*.json"):
            content = json.loads(path.read_text())
            for key in ("cases", "planned"):
                content[key] = content.get(key, [])[::-1]
            path.write_text(json.dumps(content))
        run(four, "-v")
        assert capsys.readouterr().out == text

    def test_numbers_are_sorted_as_numbers(self) -> None:
        names = ["6.12/um", "6.2/um", "6.2/arm", "10", "a9999999999999999999999", "a9" + "9" * 9999]
        wanted = ["6.2/arm", "6.2/um", "6.12/um", "10", "a9999999999999999999999", names[-1]]
        assert sorted(names, key=natural) == wanted


class TestNoFalseGreen:
    """Each of these is green but for one thing."""

    def test_but_for_nothing(self, tmp_path: Path, passed: dict[str, Any]) -> None:
        put(tmp_path / "um", passed, outcomes_of(passed))
        assert run(tmp_path) == 0

    def test_no_outcomes(
        self, capsys: pytest.CaptureFixture[str], tmp_path: Path, passed: dict[str, Any]
    ) -> None:
        put(tmp_path / "um", passed)
        assert run(tmp_path, "-v") == 1
        text = capsys.readouterr().out
        assert text.startswith("7 without an outcome; 0 of 7 cells are green")
        assert re.search(r"test_is_seen\[63\] +no outcome$", text, re.M)

    def test_no_outcome_of_one_case(self, tmp_path: Path, passed: dict[str, Any]) -> None:
        outcomes = outcomes_of(passed)
        outcomes.popitem()
        put(tmp_path / "um", passed, outcomes)
        assert run(tmp_path) == 1

    @pytest.mark.parametrize("outcome", ["failed", "error", "skipped", "xfailed", "xpassed"])
    def test_another_outcome(
        self,
        capsys: pytest.CaptureFixture[str],
        tmp_path: Path,
        passed: dict[str, Any],
        outcome: str,
    ) -> None:
        put(tmp_path / "um", passed, outcomes_of(passed) | {case_id(FLIP, "um"): outcome})
        assert run(tmp_path) == 1
        assert "6 of 7 cells are green" in capsys.readouterr().out

    @pytest.mark.parametrize(
        "verdict", [*(kind.value for kind in Kind if kind is not Kind.PASSED), "Passed", "ok", ""]
    )
    def test_another_verdict(self, tmp_path: Path, passed: dict[str, Any], verdict: str) -> None:
        content = copy.deepcopy(passed)
        content["cases"][1]["verdict"] = verdict
        put(tmp_path / "um", content, outcomes_of(passed))
        assert run(tmp_path) == 1

    def test_no_verdict(
        self, capsys: pytest.CaptureFixture[str], tmp_path: Path, passed: dict[str, Any]
    ) -> None:
        content = copy.deepcopy(passed)
        del content["cases"][1]
        put(tmp_path / "um", content, outcomes_of(passed))
        assert run(tmp_path) == 1
        assert re.search(r"test_is_seen\[63\] +no verdict$", capsys.readouterr().out, re.M)

    def test_no_case_at_all(self, tmp_path: Path, passed: dict[str, Any]) -> None:
        put(tmp_path / "um", passed | {"cases": []}, {})
        assert run(tmp_path) == 1

    def test_an_error_beside_passed_cases(self, tmp_path: Path, passed: dict[str, Any]) -> None:
        error = {"kind": "build error", "message": "no", "details": ""}
        put(tmp_path / "um", passed | {"error": error}, outcomes_of(passed))
        assert run(tmp_path) == 1

    @pytest.mark.parametrize("left", [(), ("suite.c",), ("outcomes.json",)])
    def test_an_environment_whose_session_was_killed(
        self,
        capsys: pytest.CaptureFixture[str],
        tmp_path: Path,
        passed: dict[str, Any],
        left: tuple[str, ...],
    ) -> None:
        put(tmp_path / "um", passed, outcomes_of(passed))
        (tmp_path / "arm").mkdir()
        for name in left:
            (tmp_path / "arm" / name).write_text("{}")
        assert run(tmp_path, "-v") == 1
        text = capsys.readouterr().out
        assert "no result: the session ended without a result.json" in text
        assert re.search(r"test_is_seen\[63\] +no result +ok$", text, re.M)

    def test_an_environment_that_never_booted(self, tmp_path: Path, passed: dict[str, Any]) -> None:
        put(tmp_path / "um", passed, outcomes_of(passed))
        put_failure(tmp_path / "arm", "arm", Verdict(Kind.BUILD_ERROR, "no"))
        assert run(tmp_path) == 1

    def test_a_planned_case_without_an_error(self, tmp_path: Path, passed: dict[str, Any]) -> None:
        planned = [*outcomes_of(passed), "t.py::test_other[um]"]
        put(tmp_path / "um", passed | {"planned": planned}, outcomes_of(passed))
        assert run(tmp_path) == 1

    def test_the_outcome_of_another_case_is_not_taken(
        self, tmp_path: Path, passed: dict[str, Any]
    ) -> None:
        outcomes = outcomes_of(passed)
        other = case_id(FLIP, "um")
        del outcomes[other]
        put(tmp_path / "um", passed, outcomes | {other.replace("um-", "arm-"): "passed"})
        assert run(tmp_path) == 1

    def test_a_case_that_another_environment_does_not_have(
        self, capsys: pytest.CaptureFixture[str], tmp_path: Path, passed: dict[str, Any]
    ) -> None:
        """It did not apply there: every cell that there is may still be green."""
        content = copy.deepcopy(passed)
        del content["cases"][1]
        put(tmp_path / "um", passed, outcomes_of(passed))
        put(tmp_path / "other/um", content, outcomes_of(content))
        assert run(tmp_path, "-v") == 0
        text = capsys.readouterr().out
        assert text.startswith("all 13 cells are green")
        assert re.search(r"test_is_seen\[63\] +- +ok$", text, re.M)
        assert re.search(r"^- +the case did not apply", text, re.M)
