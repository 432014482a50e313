# SPDX-License-Identifier: GPL-2.0-only
"""What is left on disk for machines."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from environments import ARM, UM, Damage, document, programs, results
from hypothesis import given, settings
from hypothesis import strategies as st
from programs import checker_program
from programs import programs as short_and_long
from simulated import console

from pytest_pageconsistency import case_document
from pytest_pageconsistency.artifacts import (
    clear_artifacts,
    failure_document,
    result_document,
    write_artifacts,
    write_failure,
    write_outcomes,
)
from pytest_pageconsistency.case_document import CaseDocuments
from pytest_pageconsistency.cases import Op, Recorder, record
from pytest_pageconsistency.crosscheck import (
    Boot,
    CaseResult,
    cross_check,
    expected_values,
    find_disagreement,
)
from pytest_pageconsistency.generate import make_suite
from pytest_pageconsistency.kernel.kunit import KernelRun
from pytest_pageconsistency.kernel.tree import Tree
from pytest_pageconsistency.matrix.environment import Table
from pytest_pageconsistency.matrix.fields import Fields
from pytest_pageconsistency.matrix.reading import _row
from pytest_pageconsistency.matrix.steps import make_steps
from pytest_pageconsistency.pipeline import TargetResult
from pytest_pageconsistency.schema import case_name
from pytest_pageconsistency.step_table import ROWS, VALUES_SHOWN, step_table
from pytest_pageconsistency.under_test import CheckerUnderTest, UnderTest
from pytest_pageconsistency.verdict import Kind, Verdict

DOCUMENTATION = Path(__file__).parent.parent / "docs/result.md"


def target_result(damage: Damage | None = None) -> TargetResult:
    judged = {result.case.program.case_id: result for result in results(UM, damage or Damage())}
    run = SimpleNamespace(
        console="the \ud800 console\n",
        timed_out=False,
        seconds={"config": 1.23456, "build": 40.0, "boot": 2.0},
        kunitconfig="CONFIG_KUNIT=y\n",
        dot_config="CONFIG_KUNIT=y\nCONFIG_MMU=y\n",
        exec_command=("python3", "kunit.py", "exec", "pageconsistency"),
    )
    return TargetResult(
        target=UM,
        tree=Tree(Path("/nowhere/linux"), "6.12.63"),
        header=UnderTest("ours", Path("/nowhere/dual_bitmap.h"), b"text"),
        checker=CheckerUnderTest(
            UnderTest("tree", Path("/nowhere/page_consistency.c"), b"text"),
            UnderTest("tree", Path("/nowhere/page_consistency.h"), b"text"),
        ),
        suite=make_suite(list(programs(UM).values()), UM, {}),
        run=cast(KernelRun, run),
        results=judged,
    )


def by_name(content: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {case["case"]: case for case in content["cases"]}


class TestCaseName:
    @pytest.mark.parametrize(
        ("case_id", "arch", "name"),
        [
            ("t.py::test_a[um-63]", "um", "t.py::test_a[63]"),
            ("t.py::test_a[um]", "um", "t.py::test_a"),
            ("t.py::TestA::test_a[um]", "um", "t.py::TestA::test_a"),
            ("t.py::test_a[arm64-arm64-1]", "arm64", "t.py::test_a[arm64-1]"),
            ("t.py::test_a[arm64-1]", "arm", "t.py::test_a[arm64-1]"),
            ("t.py::test_a[um-a::b[c]]", "um", "t.py::test_a[a::b[c]]"),
            ("d[um-1]/t.py::test_a[um-1]", "um", "d[um-1]/t.py::test_a[1]"),
            ("t.py::test_a[um]@group", "um", "t.py::test_a@group"),
            ("t.py::test_a[63-um]", "um", "t.py::test_a[63-um]"),
            ("t.py::test_a", "um", "t.py::test_a"),
            ("", "um", ""),
        ],
    )
    def test_is_the_id_without_the_architecture(self, case_id: str, arch: str, name: str) -> None:
        assert case_name(case_id, arch) == name


class TestResult:
    def test_of_a_boot(self) -> None:
        content = result_document(target_result(), elf={"machine": "EM_X86_64"})
        assert content["schema"] == "pageconsistency-result/1"
        assert content["elf"] == {"machine": "EM_X86_64"}
        assert content["seconds"]["config"] == 1.235
        assert [case["verdict"] for case in content["cases"]] == ["passed"] * 7
        assert by_name(content)["test_flips.py::test_is_seen[63]"] == {
            "id": "test_flips.py::test_is_seen[um-63]",
            "case": "test_flips.py::test_is_seen[63]",
            "function": "pc_is_seen_um_63_6005a382b3",
            "verdict": "passed",
            "message": "",
            "steps": 5,
            "observed_values": 7,
        }

    def test_of_a_disagreement(self) -> None:
        damage = Damage(values={"test_flips.py::test_is_seen[63]": (1, 2)})
        case = by_name(document(ARM, damage))["test_flips.py::test_is_seen[63]"]
        assert case["disagreement"] == {"step": 5, "expected": ["0x1"], "observed": ["0x2"]}
        assert case["step_table"]["rows"][4] == {
            "step": 5,
            "bitmap": 0,
            "source": case["step_table"]["rows"][4]["source"],
            "text": "db.validate()",
            "call": "validate()",
            "observes": "count",
            "count": 1,
            "first": 0,
            "expected": ["0x1"],
            "observed": ["0x2"],
            "differs": True,
        }
        assert re.fullmatch(r"environments\.py:\d+", case["step_table"]["rows"][4]["source"])
        assert [row["differs"] for row in case["step_table"]["rows"]].count(True) == 1
        assert [row["step"] for row in case["step_table"]["rows"][5:]] == [None] * 3
        assert "step 5: validate() on bitmap 0" in case["report"]
        assert case["command"][-1].startswith("pageconsistency.pc_is_seen_arm_63_")
        assert case["console"][0].endswith(" 0 begin")

    def test_values_with_names_read_as_in_reports(self) -> None:
        suite = make_suite([checker_program()], UM, {})
        case = suite.cases[0]
        values = expected_values(case.program)
        program = case.program
        number = next(n for n, step in enumerate(program.steps) if step.op is Op.FREE)
        start = sum(len(step.expected) for step in program.steps[:number])
        values[start + 2] = 1  # tracked
        result = CaseResult(
            case, Verdict(Kind.DISAGREEMENT, "no"), table=step_table(program, values)
        )
        row = CaseDocuments("um", ()).document(result)["step_table"]["rows"][number]
        assert row["call"] == "free(355, 0)"
        assert row["observes"] == "fields"
        assert row["count"] == 10
        assert row["names"][:3] == ["result", "violations", "tracked"]
        assert row["expected_text"][2] == "tracked=-1"
        assert row["observed_text"][2] == "tracked=1"
        assert row["expected_text"][7] == "events=1"
        assert len(row["expected"]) == len(row["expected_text"]) == VALUES_SHOWN
        shown = make_steps(Table(0, (_row(Fields(row, "row")),), 0), 64).near[0]
        assert [value.text for value in shown.observed[1:3]] == ["violations=1", "tracked=1"]
        assert [value.differs for value in shown.observed[1:3]] == [False, True]

    def test_of_a_crash(self) -> None:
        damage = Damage(broken_off={"test_fill.py::test_fill[70]": 40})
        cases = by_name(document(UM, damage))
        case = cases["test_fill.py::test_fill[70]"]
        assert case["verdict"] == "kernel crash"
        rows = case["step_table"]["rows"]
        assert (rows[0]["step"], case["step_table"]["before"]) == (1, 0)
        # Two steps make the bitmap; the report is written in lines of 20 values.
        observed = [row["step"] for row in rows if row["observed"] is not None]
        assert observed[-1] == 42
        assert all(row["observed"] is None for row in rows[42:])
        assert not any(row["differs"] for row in rows)
        never = cases["retry/test_retry.py::TestReads::test_bad[1]"]
        assert never["verdict"] == "not run"
        assert "step_table" not in never

    def test_the_last_words_of_a_kernel_stand_with_the_case_that_was_running(self) -> None:
        damage = Damage(broken_off={"test_fill.py::test_fill[70]": 40})
        cases = by_name(result_document(target_result(damage)))
        last = cases["test_fill.py::test_fill[70]"]["console"][-1]
        assert last == "Kernel panic - not syncing: Fatal exception in interrupt"
        assert cases["retry/test_retry.py::TestReads::test_bad[1]"]["console"] == []

    def test_holds_as_many_rows_as_a_machine_can_read(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        damage = Damage(not_ok=tuple(programs(UM)))
        first, *others = results(UM, damage)
        assert first.table is not None
        documents = CaseDocuments("um", (), _rows_left=len(first.table.rows))
        assert "step_table" in documents.document(first)
        assert not any("step_table" in documents.document(other) for other in others)
        monkeypatch.setattr(case_document, "_LINE_LENGTH", 20)
        assert all(len(line) <= 20 for line in CaseDocuments("um", ()).document(first)["console"])

    def test_every_key_is_documented(self) -> None:
        damage = Damage(
            values={"test_flips.py::test_is_seen[63]": (1, 2)},
            broken_off={"retry/test_retry.py::TestReads::test_bad[4]": 3},
        )
        text = DOCUMENTATION.read_text(encoding="utf-8")
        failed = failure_document("um", Verdict(Kind.BUILD_ERROR, "no"), ["a"])
        contents = [result_document(target_result(damage)), failed]
        assert not [key for key in keys(contents) if f"`{key}`" not in text]
        assert not [kind.value for kind in Kind if f"`{kind.value}`" not in text]


def keys(value: Any) -> set[str]:
    """Every key in a document, wherever it stands."""
    if isinstance(value, dict):
        return set(value).union(*map(keys, value.values()))
    return set().union(*map(keys, value)) if isinstance(value, list) else set()


class TestFiles:
    def test_of_a_boot(self, tmp_path: Path) -> None:
        write_artifacts(tmp_path, target_result())
        names = {"suite.c", "kunitconfig", ".config", "console.log", "result.json"}
        assert {path.name for path in (tmp_path / "um").iterdir()} == names
        assert json.loads((tmp_path / "um/result.json").read_text())["target"]["arch"] == "um"

    def test_of_a_target_that_never_booted(self, tmp_path: Path) -> None:
        verdict = Verdict(Kind.BUILD_ERROR, "it does not build", "x.c:1: error\nx.c:2: error")
        write_failure(tmp_path, "sparc", verdict, ["t.py::test_a[sparc-1]"])
        content = json.loads((tmp_path / "sparc/result.json").read_text())
        assert content["schema"] == "pageconsistency-result/1"
        assert content["target"] == {"arch": "sparc", "bits_per_long": None, "byteorder": None}
        assert content["cases"] == []
        assert content["planned"] == ["t.py::test_a[sparc-1]"]
        assert content["error"] == {
            "kind": "build error",
            "message": "it does not build",
            "details": "x.c:1: error\nx.c:2: error",
        }
        assert set(content) == {*result_document(target_result()), "error", "planned"}

    def test_outcomes_are_final_ones(self, tmp_path: Path) -> None:
        given = {"b": "passed", "a": "failed", "c": "", "d": "passing", "e": "xpassing"}
        write_outcomes(tmp_path, {"um": given, "arm": {}})
        content = json.loads((tmp_path / "um/outcomes.json").read_text())
        assert content == {
            "schema": "pageconsistency-outcomes/1",
            "outcomes": {"a": "failed", "b": "passed"},
        }
        assert json.loads((tmp_path / "arm/outcomes.json").read_text())["outcomes"] == {}

    def test_what_an_earlier_session_left_is_removed(self, tmp_path: Path) -> None:
        write_artifacts(tmp_path, target_result())
        write_outcomes(tmp_path, {"um": {"a": "passed"}})
        (tmp_path / "um/notes.txt").write_text("mine")
        clear_artifacts(tmp_path, "um")
        assert [path.name for path in (tmp_path / "um").iterdir()] == ["notes.txt"]
        clear_artifacts(tmp_path, "arm")
        assert list((tmp_path / "arm").iterdir()) == []


def many(dual_bitmap: Recorder) -> None:
    """A thousand steps, one of them with more words than a row shows."""
    db = dual_bitmap(64 * 40)
    for bit in range(500):
        db.set(bit)
    db.flip("primary", 3)
    db.words("primary")
    for bit in range(500):
        db.consistent(bit)


class TestStepTable:
    @pytest.mark.parametrize("position", [0, 1, 499, 500, 537, 540, 700, 1039, 1040, 1085, 1120])
    def test_holds_the_first_difference(self, position: int) -> None:
        program = record(many, UM.abi, "many")
        values = expected_values(program)
        values[position] ^= 1
        table = step_table(program, values)
        assert len(table.rows) == ROWS
        assert table.before + len(table.rows) + table.after == len(program.steps) + 3
        (row,) = (row for row in table.rows if row.differs)
        disagreement = find_disagreement(program, values)
        assert row.number == disagreement.step
        assert row.observed is not None
        assert len(row.expected) <= VALUES_SHOWN
        (different,) = (n for n, value in enumerate(row.observed) if value != row.expected[n])
        assert row.observed[different] == values[position]
        assert table.rows.index(row) >= min(150, table.rows.index(row) + table.before)

    @pytest.mark.parametrize("count", [0, 1, 499, 500, 507, 508, 509, 520, 539, 540, 700, 1040])
    def test_says_how_far_the_report_went(self, count: int) -> None:
        program = record(many, UM.abi, "many")
        table = step_table(program, expected_values(program)[:count])
        assert not any(row.differs for row in table.rows)
        missing = [
            row
            for row in table.rows
            if row.observed is None or len(row.observed) < len(row.expected)
        ]
        assert missing
        position = 0
        for step in program.steps[: table.before]:
            position += len(step.expected)
        for row in table.rows:
            known = max(0, min(count - position, row.count) - row.first)
            if row.observed is not None:
                assert len(row.observed) == min(known, VALUES_SHOWN)
            elif row.count:
                assert count <= position
            position += row.count

    def test_ends_with_the_case_where_everything_agrees(self) -> None:
        program = record(many, UM.abi, "many")
        table = step_table(program, expected_values(program))
        assert table.after == 0
        assert not any(row.differs or row.observed is None for row in table.rows)

    def test_of_a_bitmap_that_fits_no_memory(self) -> None:
        program = record(lambda db: db(2**32 - 1).set(5), UM.abi, "huge")
        table = step_table(program, [0])
        assert [row.count for row in table.rows] == [0, 0, 1, 2**26, 2**26, 1]
        assert all(len(row.expected) <= VALUES_SHOWN for row in table.rows)

    @settings(max_examples=100, deadline=None)
    @given(data=st.data())
    def test_of_any_observations(self, data: st.DataObject) -> None:
        program = short_and_long()[data.draw(st.integers(0, 1))]
        values = expected_values(program)[: data.draw(st.integers(0, 200))]
        for _ in range(data.draw(st.integers(0, 3))):
            if values:
                values[data.draw(st.integers(0, len(values) - 1))] ^= 1
        table = step_table(program, values)
        expected = expected_values(program)
        wrong = [n for n, value in enumerate(values) if value != expected[n]]
        assert any(row.differs for row in table.rows) == bool(wrong)


class TestAttribution:
    """A value stands in a step's row only if it is known to be that step's."""

    def judged(self, text: str) -> CaseResult:
        suite = make_suite(short_and_long(), UM, {})
        return cross_check(suite, Boot(text))[suite.cases[1].program.case_id]

    def text(self) -> str:
        return console(make_suite(short_and_long(), UM, {}))

    def observed(self, result: CaseResult) -> int:
        assert result.table is not None
        return sum(row.observed is not None for row in result.table.rows)

    def test_values_after_a_gap_are_nobodys(self) -> None:
        lines = self.text().splitlines(keepends=True)
        place = max(n for n, line in enumerate(lines) if " 2 " in line and ": pc " in line)
        result = self.judged("".join(lines[:place] + lines[place + 1 :]))
        assert result.verdict.kind is Kind.MALFORMED
        assert self.observed(result) == 0

    def test_values_of_another_build_are_nobodys(self) -> None:
        suite = make_suite(short_and_long(), UM, {})
        result = self.judged(self.text().replace(suite.build_id, "f" * 16))
        assert result.verdict.kind is Kind.MALFORMED
        assert self.observed(result) == 0

    @pytest.mark.parametrize("cut", range(4, 120, 3))
    def test_half_a_value_is_none(self, cut: int) -> None:
        text = self.text()
        line = text.rindex(" 5 3 1 0 0 100ff7")
        result = self.judged(text[: line + cut])
        assert result.verdict.kind is Kind.CRASH
        assert result.table is not None
        assert not any(row.differs for row in result.table.rows)

    def test_passed_cases_keep_nothing(self) -> None:
        assert self.judged(self.text()).table is None
